-- name: request
-- Ask the owner for an act.
INSERT INTO control.audit (who, why, verb, tenant, flow, entity, revision, generation, args, status)
VALUES (%(who)s, %(why)s, %(verb)s, %(tenant)s, %(flow)s, %(entity)s, %(revision)s, %(generation)s, %(args)s, 'requested')
RETURNING id;

-- name: record
-- Write down an act that was done in this very transaction.
INSERT INTO control.audit
    (who, why, verb, tenant, flow, entity, revision, generation, args, status, outcome, done_at)
VALUES
    (%(who)s, %(why)s, %(verb)s, %(tenant)s, %(flow)s, %(entity)s, %(revision)s, %(generation)s, %(args)s, 'done',
     %(outcome)s, now())
RETURNING id;

-- name: pending
-- Acts that wait for this owner, oldest first; those that somebody else is applying are skipped.
SELECT a.id, a.at, a.who, a.why, a.verb, a.tenant, a.flow, a.entity, a.revision, a.generation, a.args, a.status,
       a.outcome, a.done_at
FROM control.audit AS a LEFT JOIN control.tenant AS t ON t.tenant = a.tenant
WHERE a.status = 'requested' AND a.verb = ANY(%(verbs)s::text[])
  AND (a.tenant IS NULL OR t.shard = ANY(%(shards)s::smallint[]))
  AND (NOT %(awake_only)s OR a.tenant IS NULL OR (NOT t.paused AND t.removed_at IS NULL))
ORDER BY a.id LIMIT %(limit)s
FOR UPDATE OF a SKIP LOCKED;

-- name: finish
-- Say what became of an act, once.
UPDATE control.audit SET status = %(status)s, outcome = %(outcome)s, done_at = now()
WHERE id = %(id)s AND status = 'requested';

-- name: note
-- Keep how far an act has come, for whoever goes on with it.
UPDATE control.audit SET args = %(args)s WHERE id = %(id)s AND status = 'requested';

-- name: one
-- One act.
SELECT id, at, who, why, verb, tenant, flow, entity, revision, generation, args, status, outcome, done_at
FROM control.audit WHERE id = %(id)s;

-- name: of_tenant
-- What people did to a tenant, newest first.
SELECT id, at, who, why, verb, tenant, flow, entity, revision, generation, args, status, outcome, done_at
FROM control.audit WHERE tenant = %(tenant)s ORDER BY id DESC LIMIT %(limit)s;
