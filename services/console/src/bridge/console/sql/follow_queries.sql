-- name: acts
-- These acts.
SELECT id, at, who, why, verb, tenant, flow, entity, revision, generation, args, status, outcome, done_at
FROM control.audit WHERE id = ANY(%(ids)s::bigint[]);

-- name: rests
-- How these entities stand, with the open letter of each.
SELECT d.tenant, d.flow, d.entity, d.revision, d.generation, d.state, d.reason,
       (SELECT l.id FROM publisher.dead_letter AS l
        WHERE l.tenant = d.tenant AND l.flow = d.flow AND l.entity = d.entity AND l.closed_at IS NULL) AS letter
FROM publisher.delivery AS d
JOIN unnest(%(tenants)s::text[], %(flows)s::text[], %(entities)s::text[]) AS asked (tenant, flow, entity)
USING (tenant, flow, entity);

-- name: confirmed
-- Confirmed invoices of a tenant, by the moment they were confirmed, with the newest letter of each.
SELECT d.entity, d.revision, d.generation, d.remote_id,
       coalesce((SELECT max(l.id) FROM publisher.dead_letter AS l
                 WHERE l.tenant = d.tenant AND l.flow = d.flow AND l.entity = d.entity), 0) AS letter
FROM publisher.delivery AS d
WHERE d.tenant = %(tenant)s AND d.flow = 'invoices' AND d.state = 'confirmed'
  AND (%(invoice)s::text IS NULL OR d.entity = %(invoice)s)
  AND (%(since)s::date IS NULL OR d.confirmed_at >= %(since)s::date)
ORDER BY d.confirmed_at, d.entity;
