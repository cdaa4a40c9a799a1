-- name: letters
-- Dead letters without their records, newest first.
SELECT id, tenant, flow, entity, revision, generation, stage, reason, field, error, attempts, rounds, trace_id,
       opened_at, closed_at, closed_as, closed_by, closed_why
FROM publisher.dead_letter
WHERE (%(tenant)s::text IS NULL OR tenant = %(tenant)s) AND (%(reason)s::text IS NULL OR reason = %(reason)s)
  AND (%(closed_too)s OR closed_at IS NULL)
ORDER BY id DESC LIMIT %(limit)s;

-- name: letter
-- One dead letter whole, with how its entity stands.
SELECT l.id, l.tenant, l.flow, l.entity, l.revision, l.generation, l.event_id, l.stage, l.reason, l.field, l.error,
       l.raw, l.raw_key, l.headers, l.origin_topic, l.origin_partition, l.origin_offset, l.attempts, l.rounds,
       l.trace_id, l.opened_at, l.closed_at, l.closed_as, l.closed_by, l.closed_why,
       d.state, d.sent_at, d.receipt_wanted, d.receipt_sent,
       (d.receipt_due_at IS NOT NULL OR d.receipt_out_epoch IS NOT NULL) AS receipt_outstanding,
       (SELECT min(j.at) FROM publisher.delivery_log AS j
        WHERE j.tenant = l.tenant AND j.flow = l.flow AND j.entity = l.entity AND j.step = 'claimed') AS first_sent_at
FROM publisher.dead_letter AS l
LEFT JOIN publisher.delivery AS d ON d.tenant = l.tenant AND d.flow = l.flow AND d.entity = l.entity
WHERE l.id = %(id)s;
