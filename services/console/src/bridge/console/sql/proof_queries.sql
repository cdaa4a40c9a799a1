-- name: proof
-- Everything the proof adds up, per tenant and flow, in one statement and so at one moment.
WITH source AS (
    SELECT tenant, flow, entity, change_no FROM poller.source_entity
    WHERE %(tenant)s::text IS NULL OR tenant = %(tenant)s
), target AS (
    SELECT tenant, flow, entity, change_no, state, reason, diverged,
           receipt_due_at IS NOT NULL OR receipt_out_epoch IS NOT NULL AS receipt_outstanding,
           -- An invoice in the books keeps the version that it was confirmed in when its source goes on; no more than that.
           state = 'confirmed' AND NOT coalesce(
               CASE WHEN flow = 'invoices' THEN (confirmed_revision, confirmed_generation) <= (revision, generation)
                    ELSE (confirmed_revision, confirmed_generation) = (revision, generation) END, false
           ) AS confirmed_other
    FROM publisher.delivery
    WHERE %(tenant)s::text IS NULL OR tenant = %(tenant)s
), pair AS (
    SELECT tenant, flow, e.change_no AS told, d.change_no AS taken, d.state, d.reason, d.diverged,
           d.receipt_outstanding, d.confirmed_other
    FROM source AS e FULL JOIN target AS d USING (tenant, flow, entity)
), placed AS (
    SELECT *, CASE WHEN told IS NULL THEN 'stray'
                   WHEN taken IS NULL OR taken < told THEN 'in_flight'
                   WHEN state IN ('ready', 'sending') THEN 'waiting'
                   ELSE state END AS place
    FROM pair
), entities AS (
    SELECT tenant, flow,
           coalesce(sum(told), 0)::bigint AS changes,
           count(told) AS entities,
           count(*) FILTER (WHERE place = 'in_flight') AS in_flight,
           count(*) FILTER (WHERE place = 'waiting') AS waiting,
           count(*) FILTER (WHERE place = 'in_doubt') AS in_doubt,
           count(*) FILTER (WHERE place = 'confirmed') AS confirmed,
           count(*) FILTER (WHERE place = 'dead') AS dead,
           count(*) FILTER (WHERE place = 'discarded') AS discarded,
           count(*) FILTER (WHERE place = 'stray') AS strays,
           count(*) FILTER (WHERE taken > told) AS ahead,
           count(*) FILTER (WHERE confirmed_other) AS confirmed_other,
           count(*) FILTER (WHERE diverged) AS diverged,
           count(*) FILTER (WHERE receipt_outstanding) AS receipts_outstanding
    FROM placed GROUP BY tenant, flow
), reasoned AS (
    SELECT tenant, flow, place,
           CASE WHEN place <> 'discarded' THEN reason
                WHEN reason = 'invoice_taken_back' THEN reason ELSE 'given_up_by_operator' END AS reason
    FROM placed WHERE place IN ('dead', 'discarded', 'confirmed')
), reasons AS (
    SELECT tenant, flow,
           jsonb_object_agg(reason, n) FILTER (WHERE place = 'dead') AS dead_by_reason,
           jsonb_object_agg(reason, n) FILTER (WHERE place = 'discarded') AS discarded_by_reason,
           jsonb_object_agg(reason, n) FILTER (WHERE place = 'confirmed') AS confirmed_with_letter
    FROM (SELECT tenant, flow, place, reason, count(*) AS n FROM reasoned
          WHERE reason IS NOT NULL GROUP BY tenant, flow, place, reason) AS each
    GROUP BY tenant, flow
), letters AS (
    SELECT tenant, flow, count(*) AS letters_without_entity FROM publisher.dead_letter
    WHERE entity IS NULL AND closed_at IS NULL AND tenant IS NOT NULL AND flow IS NOT NULL
      AND (%(tenant)s::text IS NULL OR tenant = %(tenant)s)
    GROUP BY tenant, flow
), unpublished AS (
    SELECT tenant, flow, count(*) AS outbox FROM poller.outbox
    WHERE %(tenant)s::text IS NULL OR tenant = %(tenant)s
    GROUP BY tenant, flow
), cursors AS (
    SELECT tenant, flow, emitted FROM poller.source_cursor
    WHERE %(tenant)s::text IS NULL OR tenant = %(tenant)s
)
SELECT tenant, flow,
       coalesce(emitted, 0) AS emitted, coalesce(changes, 0) AS changes, coalesce(entities, 0) AS entities,
       coalesce(in_flight, 0) AS in_flight, coalesce(waiting, 0) AS waiting, coalesce(in_doubt, 0) AS in_doubt,
       coalesce(confirmed, 0) AS confirmed, coalesce(dead, 0) AS dead, coalesce(discarded, 0) AS discarded,
       coalesce(strays, 0) AS strays, coalesce(ahead, 0) AS ahead, coalesce(confirmed_other, 0) AS confirmed_other,
       coalesce(diverged, 0) AS diverged, coalesce(receipts_outstanding, 0) AS receipts_outstanding,
       coalesce(dead_by_reason, '{}') AS dead_by_reason,
       coalesce(discarded_by_reason, '{}') AS discarded_by_reason,
       coalesce(confirmed_with_letter, '{}') AS confirmed_with_letter,
       coalesce(letters_without_entity, 0) AS letters_without_entity, coalesce(outbox, 0) AS outbox
FROM cursors
FULL JOIN entities USING (tenant, flow)
FULL JOIN reasons USING (tenant, flow)
FULL JOIN letters USING (tenant, flow)
FULL JOIN unpublished USING (tenant, flow)
ORDER BY tenant, flow;
