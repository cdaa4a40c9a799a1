-- name: source
-- What the poller remembers of a number and of whoever holds it.
SELECT e.holder_id, e.change_no, e.revision, e.withdrawn, e.withdrawn_because, e.source_hash IS NULL AS forgotten,
       e.first_seen_at, e.last_changed_at, r.version AS source_version, r.newest_change, r.seen_at,
       r.fault_reason, r.fault_field, r.fault_detail
FROM poller.source_entity AS e
LEFT JOIN poller.source_record AS r ON r.tenant = e.tenant AND r.flow = e.flow AND r.source_id = e.holder_id
WHERE e.tenant = %(tenant)s AND e.flow = %(flow)s AND e.entity = %(entity)s;

-- name: waiting_for
-- Source rows that ask for the number while another one holds it.
SELECT source_id FROM poller.source_record
WHERE tenant = %(tenant)s AND flow = %(flow)s AND entity = %(entity)s AND standing = 'waiting' ORDER BY source_id;

-- name: outbox
-- Records about the entity that a relay has not yet published.
SELECT 'poller' AS service, id, topic, created_at, attempts, set_aside_at, error FROM poller.outbox
WHERE tenant = %(tenant)s AND flow = %(flow)s AND entity = %(entity)s
UNION ALL
SELECT 'publisher', id, topic, created_at, attempts, set_aside_at, error FROM publisher.outbox
WHERE tenant = %(tenant)s AND flow = %(flow)s AND entity = %(entity)s
ORDER BY created_at, id;

-- name: delivery
-- Wanted against confirmed.
SELECT state, revision, generation, change_no, event_id, outcome, source_ref, traceparent, due_at, attempt,
       unknown_rounds, reason, refusal_field, refusal_detail, failing_since, sent_at, sent_revision, sent_generation,
       maybe_there, confirmed_revision, confirmed_generation, confirmed_at, remote_id, order_id, order_due_at,
       amount_note, diverged, receipt_wanted, receipt_sent, receipt_due_at, receipt_out_epoch IS NOT NULL AS receipt_out,
       receipt_look, kid, order_number, topic, kafka_partition, kafka_offset, now() AS as_of
FROM publisher.delivery
WHERE tenant = %(tenant)s AND flow = %(flow)s AND entity = %(entity)s;

-- name: steps
-- Everything that happened to the entity, the newest so many of it, oldest first.
SELECT * FROM (
    SELECT id, at, revision, generation, event_id, step, from_state, to_state, outcome, reason, detail, attempt,
           changed_fields, notes, topic, kafka_partition, kafka_offset, trace_id, how, request_id, duration_ms,
           claim_epoch, owner
    FROM publisher.delivery_log
    WHERE tenant = %(tenant)s AND flow = %(flow)s AND entity = %(entity)s
    ORDER BY id DESC LIMIT %(limit)s
) AS newest ORDER BY id;

-- name: letters
-- The entity's dead letters.
SELECT id, stage, reason, field, error, opened_at, closed_at, closed_as FROM publisher.dead_letter
WHERE tenant = %(tenant)s AND flow = %(flow)s AND entity = %(entity)s ORDER BY id;
