-- name: horizon
-- The oldest transaction still running: what it changes is not visible yet and must be looked for again.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS horizon;

-- name: changed
-- Tenants changed at or after a horizon.
SELECT tenant, shard, name, spec, paused, live_at IS NOT NULL AS live, removed_at IS NOT NULL AS removed,
       ledger_floor, ledger_floor_set_at, changed_xid::text::bigint AS changed_xid
FROM control.tenant WHERE changed_xid >= %(since)s::text::xid8;

-- name: lock_all
-- Every tenant, held against another apply until this transaction ends.
SELECT tenant, shard, name, spec, paused, live_at IS NOT NULL AS live, removed_at IS NOT NULL AS removed,
       ledger_floor, ledger_floor_set_at, changed_xid::text::bigint AS changed_xid
FROM control.tenant ORDER BY tenant FOR UPDATE;

-- name: lock_table
-- Let one apply run at a time, new tenants included; readers are not held up.
LOCK TABLE control.tenant IN SHARE ROW EXCLUSIVE MODE;

-- name: known_flows
-- The flows a tenant has had since it was declared; any other is new and starts closed.
SELECT array(SELECT jsonb_array_elements_text(spec -> 'flows')) AS flows
FROM control.tenant WHERE tenant = %(tenant)s;

-- name: upsert
-- Declare a tenant, or change one, or take a removed one back.
INSERT INTO control.tenant AS t (tenant, shard, name, spec, paused)
VALUES (%(tenant)s, %(shard)s, %(name)s, %(spec)s, %(paused)s)
ON CONFLICT (tenant) DO UPDATE
SET name = excluded.name, spec = excluded.spec, paused = excluded.paused, removed_at = NULL,
    -- Whoever made the tenant's invoices while it was away made them without us.
    ledger_floor = CASE WHEN t.removed_at IS NULL THEN t.ledger_floor END,
    ledger_floor_set_at = CASE WHEN t.removed_at IS NULL THEN t.ledger_floor_set_at ELSE now() END;

-- name: remove
-- Mark a tenant as removed; its row and its id stay.
UPDATE control.tenant SET removed_at = now() WHERE tenant = %(tenant)s AND removed_at IS NULL;

-- name: go_live
-- Open a tenant; the first time counts.
UPDATE control.tenant SET live_at = coalesce(live_at, now())
WHERE tenant = %(tenant)s AND removed_at IS NULL;

-- name: set_ledger_floor
-- Say up to which invoice number Tripletex may hold what nothing here knows of; null is every number.
UPDATE control.tenant SET ledger_floor = %(floor)s, ledger_floor_set_at = now()
WHERE tenant = %(tenant)s AND removed_at IS NULL;
