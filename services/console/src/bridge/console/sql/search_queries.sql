-- name: by_kid
-- Invoices that carry this KID, by number within each tenant.
SELECT tenant, flow, entity, state, kid, order_number FROM publisher.delivery
WHERE kid = %(value)s AND (%(tenant)s::text IS NULL OR tenant = %(tenant)s)
ORDER BY tenant, flow, entity LIMIT %(limit)s;

-- name: by_order
-- Invoices of this order, by number within each tenant.
SELECT tenant, flow, entity, state, kid, order_number FROM publisher.delivery
WHERE order_number = %(value)s AND (%(tenant)s::text IS NULL OR tenant = %(tenant)s)
ORDER BY tenant, flow, entity LIMIT %(limit)s;
