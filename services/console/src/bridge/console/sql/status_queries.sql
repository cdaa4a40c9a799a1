-- name: tenants
-- Every tenant that this cell ever had.
SELECT tenant, name, spec, paused, live_at, removed_at, changed_at FROM control.tenant
WHERE %(tenant)s::text IS NULL OR tenant = %(tenant)s
ORDER BY tenant;

-- name: knows
-- Whether this cell ever had the tenant.
SELECT 1 AS found FROM control.tenant WHERE tenant = %(tenant)s;

-- name: flows
-- Each tenant's flows: reading, work by state, the oldest that waits, what lies in the outboxes. A doubt waits since its
-- request, however often a look has failed meanwhile; one that verifies what is confirmed since it is due.
WITH flow AS (
    SELECT t.tenant, f.flow, t.paused, t.removed_at FROM control.tenant AS t
    CROSS JOIN LATERAL jsonb_array_elements_text(t.spec -> 'flows') AS f (flow)
    WHERE %(tenant)s::text IS NULL OR t.tenant = %(tenant)s
), work AS (
    SELECT tenant, flow, state, count(*) AS n,
           min(least(due_at, failing_since,
                     CASE WHEN state = 'in_doubt' AND confirmed_revision IS NULL THEN sent_at END))
               FILTER (WHERE state IN ('ready', 'in_doubt')) AS waits_since
    FROM publisher.delivery
    WHERE %(tenant)s::text IS NULL OR tenant = %(tenant)s
    GROUP BY tenant, flow, state
), by_flow AS (
    SELECT tenant, flow, jsonb_object_agg(state, n) AS states, min(waits_since) AS waits_since FROM work
    GROUP BY tenant, flow
), receipts AS (
    SELECT tenant, flow, count(*) AS receipts FROM publisher.delivery
    WHERE (receipt_due_at IS NOT NULL OR receipt_out_epoch IS NOT NULL)
      AND (%(tenant)s::text IS NULL OR tenant = %(tenant)s)
    GROUP BY tenant, flow
), unpublished AS (
    SELECT tenant, flow, count(*) AS depth, count(*) FILTER (WHERE set_aside_at IS NOT NULL) AS set_aside,
           min(created_at) AS oldest
    FROM poller.outbox
    WHERE %(tenant)s::text IS NULL OR tenant = %(tenant)s
    GROUP BY tenant, flow
)
SELECT tenant, flow, f.paused, f.removed_at IS NOT NULL AS removed,
       c.last_good_poll_at, c.next_due_at, coalesce(c.failing_polls, 0) AS failing_polls, c.last_error,
       coalesce(b.states, '{}') AS states,
       CASE WHEN least(b.waits_since, u.oldest) <= now() THEN least(b.waits_since, u.oldest) END AS waits_since,
       coalesce(r.receipts, 0) AS receipts, coalesce(u.depth, 0) AS outbox, coalesce(u.set_aside, 0) AS set_aside, now() AS as_of
FROM flow AS f
LEFT JOIN poller.source_cursor AS c USING (tenant, flow)
LEFT JOIN by_flow AS b USING (tenant, flow)
LEFT JOIN receipts AS r USING (tenant, flow)
LEFT JOIN unpublished AS u USING (tenant, flow)
ORDER BY tenant, flow;

-- name: in_doubt
-- How much of a tenant's work may or may not be at the target.
SELECT count(*) AS n FROM publisher.delivery WHERE tenant = %(tenant)s AND state IN ('sending', 'in_doubt');

-- name: publisher_outbox
-- What the publisher's relay has not yet published, over all tenants.
SELECT count(*) AS depth, count(*) FILTER (WHERE set_aside_at IS NOT NULL) AS set_aside, min(created_at) AS oldest
FROM publisher.outbox;
