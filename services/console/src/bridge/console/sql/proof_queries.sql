-- name: proof
-- Everything the proof adds up, per tenant and flow, in one statement and so at one moment.
WITH source AS (
    SELECT tenant, flow, entity, change_no FROM poller.source_entity
    WHERE %(tenant)s::text IS NULL OR tenant = %(tenant)s
), target AS (
    SELECT tenant, flow, entity, change_no, state, reason, revision, generation, confirmed_revision,
           confirmed_generation
    FROM publisher.delivery
    WHERE %(tenant)s::text IS NULL OR tenant = %(tenant)s
), pair AS (
    SELECT tenant, flow, e.change_no AS told, d.change_no AS taken, d.state, d.reason,
           d.state = 'confirmed'
               AND (d.confirmed_revision, d.confirmed_generation) IS DISTINCT FROM (d.revision, d.generation)
               AS confirmed_other
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
           count(*) FILTER (WHERE confirmed_other) AS confirmed_other
    FROM placed GROUP BY tenant, flow
), reasons AS (
    SELECT tenant, flow, jsonb_object_agg(reason, n) AS dead_by_reason
    FROM (SELECT tenant, flow, reason, count(*) AS n FROM placed
          WHERE place = 'dead' AND reason IS NOT NULL GROUP BY tenant, flow, reason) AS each
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
       coalesce(dead_by_reason, '{}') AS dead_by_reason,
       coalesce(letters_without_entity, 0) AS letters_without_entity, coalesce(outbox, 0) AS outbox
FROM cursors
FULL JOIN entities USING (tenant, flow)
FULL JOIN reasons USING (tenant, flow)
FULL JOIN letters USING (tenant, flow)
FULL JOIN unpublished USING (tenant, flow)
ORDER BY tenant, flow;
