-- name: audit
-- What people asked for and did, newest first.
SELECT id, at, who, why, verb, tenant, flow, entity, revision, generation, args, status, outcome, done_at
FROM control.audit
WHERE (%(tenant)s::text IS NULL OR tenant = %(tenant)s) AND (%(id)s::bigint IS NULL OR id = %(id)s)
ORDER BY id DESC LIMIT %(limit)s;
