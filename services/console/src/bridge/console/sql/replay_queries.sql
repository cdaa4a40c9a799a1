-- name: versions
-- The version that the publisher holds of each of these entities.
SELECT d.tenant, d.flow, d.entity, d.revision, d.generation FROM publisher.delivery AS d
JOIN unnest(%(tenants)s::text[], %(flows)s::text[], %(entities)s::text[]) AS asked (tenant, flow, entity)
USING (tenant, flow, entity);

-- name: standings
-- Which tenants there are, and which were removed.
SELECT tenant, removed_at IS NOT NULL AS removed FROM control.tenant;
