-- name: all
-- Every closed gate.
SELECT scope, subject, tenant, reason, why, since, until_at, next_probe_at, closed_by, half_open
FROM control.gate ORDER BY scope, subject;

-- name: one
-- One gate, held until this transaction ends.
SELECT scope, subject, tenant, reason, why, since, until_at, next_probe_at, closed_by, half_open
FROM control.gate WHERE scope = %(scope)s AND subject = %(subject)s FOR UPDATE;

-- name: close
-- Close a gate, written only if something changes; what a person closed stays as it is.
INSERT INTO control.gate AS g (scope, subject, tenant, reason, why, closed_by, until_at, next_probe_at)
VALUES (%(scope)s, %(subject)s, %(tenant)s, %(reason)s, %(why)s, %(closed_by)s,
        now() + %(lasts)s::interval, now() + %(probe_in)s::interval)
ON CONFLICT (scope, subject) DO UPDATE SET
    tenant = excluded.tenant,
    since = CASE WHEN g.reason = excluded.reason THEN g.since ELSE now() END,
    reason = excluded.reason, why = excluded.why, closed_by = excluded.closed_by,
    until_at = excluded.until_at, next_probe_at = excluded.next_probe_at, half_open = false
WHERE g.reason <> ALL(%(by_hand)s::text[])
  AND (g.reason <> excluded.reason OR g.half_open OR excluded.until_at > g.until_at + interval '1 second');

-- name: close_by_hand
-- Close a gate for a person; that wins over any automatic reason.
INSERT INTO control.gate AS g (scope, subject, tenant, reason, why, closed_by)
VALUES (%(scope)s, %(subject)s, %(tenant)s, %(reason)s, %(why)s, %(closed_by)s)
ON CONFLICT (scope, subject) DO UPDATE SET
    tenant = excluded.tenant, since = now(), reason = excluded.reason, why = excluded.why,
    closed_by = excluded.closed_by, until_at = NULL, next_probe_at = NULL, half_open = false;

-- name: close_new
-- Close a flow that has not been opened yet; a gate that is there stays as it is.
INSERT INTO control.gate (scope, subject, tenant, reason, why, closed_by)
VALUES (%(scope)s, %(subject)s, %(tenant)s, %(reason)s, %(why)s, %(closed_by)s)
ON CONFLICT (scope, subject) DO NOTHING;

-- name: half_open
-- Let one row at a time through, if the gate is still closed for the reason that was probed.
UPDATE control.gate SET half_open = true, next_probe_at = NULL
WHERE scope = %(scope)s AND subject = %(subject)s AND reason = %(reason)s AND NOT half_open
  AND reason <> ALL(%(by_hand)s::text[]);

-- name: open
-- Open a half-open gate.
DELETE FROM control.gate
WHERE scope = %(scope)s AND subject = %(subject)s AND half_open AND reason <> ALL(%(by_hand)s::text[]);

-- name: open_by_hand
-- Open a gate for a person.
DELETE FROM control.gate WHERE scope = %(scope)s AND subject = %(subject)s;

-- name: open_not_live
-- Open what was closed only because the tenant was new.
DELETE FROM control.gate WHERE tenant = %(tenant)s AND reason = 'not_live';

-- name: probe_due
-- Claim the probes that are due: the next one is put off in the same statement, so replicas never probe twice.
UPDATE control.gate AS g SET next_probe_at = now() + %(every)s::interval
FROM (
    SELECT scope, subject FROM control.gate
    WHERE closed_by = %(closed_by)s AND NOT half_open AND reason <> ALL(%(by_hand)s::text[])
      AND (next_probe_at IS NULL OR next_probe_at <= now())
      AND (tenant IS NULL OR tenant = ANY(%(tenants)s::text[]))
    ORDER BY next_probe_at NULLS FIRST LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
) AS due
WHERE g.scope = due.scope AND g.subject = due.subject
RETURNING g.scope, g.subject, g.tenant, g.reason, g.why, g.since, g.until_at, g.next_probe_at, g.closed_by, g.half_open;
