-- name: letters
-- Dead letters without their records, newest first.
SELECT id, tenant, flow, entity, revision, generation, stage, reason, field, error, attempts, rounds, trace_id,
       opened_at, closed_at, closed_as, closed_by, closed_why
FROM publisher.dead_letter
WHERE (%(tenant)s::text IS NULL OR tenant = %(tenant)s) AND (%(reason)s::text IS NULL OR reason = %(reason)s)
  AND (%(closed_too)s OR closed_at IS NULL)
ORDER BY id DESC LIMIT %(limit)s;

-- name: letter
-- One dead letter whole.
SELECT id, tenant, flow, entity, revision, generation, event_id, stage, reason, field, error, raw, raw_key, headers,
       origin_topic, origin_partition, origin_offset, attempts, rounds, trace_id, opened_at, closed_at, closed_as,
       closed_by, closed_why
FROM publisher.dead_letter WHERE id = %(id)s;
