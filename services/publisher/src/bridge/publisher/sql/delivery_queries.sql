-- Named queries over the publisher's own tables.

-- name: now
-- The database's moment of this transaction.
SELECT now() AS now;

-- name: lock
-- Lock the parcels of these entities in key order; sorting first is what keeps two ingests from a deadlock.
SELECT d.* FROM publisher.delivery AS d
WHERE (d.tenant, d.flow, d.entity) IN (
    SELECT * FROM unnest(%(tenants)s::text[], %(flows)s::text[], %(entities)s::text[])
)
ORDER BY d.tenant, d.flow, d.entity
FOR UPDATE;

-- name: hold
-- Keep these leases from being taken over until the transaction ends; those that have another owner are missing.
SELECT l.name, l.epoch FROM publisher.lease AS l
JOIN unnest(%(names)s::text[], %(epochs)s::bigint[]) AS mine (name, epoch) USING (name, epoch)
WHERE l.owner = %(owner)s
ORDER BY l.name
FOR SHARE OF l;

-- name: lock_due
-- Lock each tenant's oldest due rows, so many of each, and leave what another transaction holds.
SELECT d.* FROM unnest(
    %(shards)s::smallint[], %(tenants)s::text[], %(flows)s::text[], %(limits)s::int[], %(doubts_only)s::boolean[]
) AS ask (shard, tenant, flow, room, doubts_only)
CROSS JOIN LATERAL (
    SELECT * FROM publisher.delivery AS w
    WHERE w.shard = ask.shard AND w.tenant = ask.tenant AND w.flow = ask.flow
      AND w.state IN ('ready', 'in_doubt') AND w.due_at <= now()
      AND (w.state = 'in_doubt' OR NOT ask.doubts_only)
    ORDER BY w.due_at
    LIMIT ask.room
    FOR UPDATE SKIP LOCKED
) AS d;

-- name: lock_out
-- Lock what these shards' rows say is out, the delivery or its receipt; in key order and at once, for no deadlock.
SELECT d.* FROM publisher.delivery AS d
WHERE d.shard = ANY(%(shards)s::smallint[]) AND (d.state = 'sending' OR d.receipt_out_epoch IS NOT NULL)
ORDER BY d.tenant, d.flow, d.entity
FOR UPDATE;

-- name: waiting_heads
-- The oldest waiting row of each tenant and flow: hops from one tenant to the next through the index of what waits.
WITH RECURSIVE head AS (
    (
        SELECT d.shard, d.tenant, d.flow, d.due_at FROM publisher.delivery AS d
        WHERE d.state IN ('ready', 'in_doubt')
        ORDER BY d.shard, d.tenant, d.flow, d.due_at LIMIT 1
    )
    UNION ALL
    SELECT n.shard, n.tenant, n.flow, n.due_at FROM head CROSS JOIN LATERAL (
        SELECT d.shard, d.tenant, d.flow, d.due_at FROM publisher.delivery AS d
        WHERE d.state IN ('ready', 'in_doubt')
          AND (d.shard, d.tenant, d.flow) > (head.shard, head.tenant, head.flow)
        ORDER BY d.shard, d.tenant, d.flow, d.due_at LIMIT 1
    ) AS n
)
SELECT shard, tenant, flow, extract(epoch FROM now() - due_at)::float8 AS overdue FROM head;

-- name: receipt_heads
-- The oldest receipt of each tenant and flow that waits; see waiting_heads.
WITH RECURSIVE head AS (
    (
        SELECT d.shard, d.tenant, d.flow, d.receipt_due_at FROM publisher.delivery AS d
        WHERE d.receipt_due_at IS NOT NULL
        ORDER BY d.shard, d.tenant, d.flow, d.receipt_due_at LIMIT 1
    )
    UNION ALL
    SELECT n.shard, n.tenant, n.flow, n.receipt_due_at FROM head CROSS JOIN LATERAL (
        SELECT d.shard, d.tenant, d.flow, d.receipt_due_at FROM publisher.delivery AS d
        WHERE d.receipt_due_at IS NOT NULL AND (d.shard, d.tenant, d.flow) > (head.shard, head.tenant, head.flow)
        ORDER BY d.shard, d.tenant, d.flow, d.receipt_due_at LIMIT 1
    ) AS n
)
SELECT shard, tenant, flow, extract(epoch FROM now() - receipt_due_at)::float8 AS overdue FROM head;

-- name: lock_receipts
-- Lock each tenant's oldest due receipts, so many of each, and leave what another transaction holds.
SELECT d.* FROM unnest(
    %(shards)s::smallint[], %(tenants)s::text[], %(flows)s::text[], %(limits)s::int[]
) AS ask (shard, tenant, flow, room)
CROSS JOIN LATERAL (
    SELECT * FROM publisher.delivery AS w
    WHERE w.shard = ask.shard AND w.tenant = ask.tenant AND w.flow = ask.flow
      AND w.receipt_due_at IS NOT NULL AND w.receipt_due_at <= now()
    ORDER BY w.receipt_due_at
    LIMIT ask.room
    FOR UPDATE SKIP LOCKED
) AS d;

-- name: order_heads
-- The oldest order of each tenant and flow that waits; see waiting_heads.
WITH RECURSIVE head AS (
    (
        SELECT d.shard, d.tenant, d.flow, d.order_due_at FROM publisher.delivery AS d
        WHERE d.order_due_at IS NOT NULL
        ORDER BY d.shard, d.tenant, d.flow, d.order_due_at LIMIT 1
    )
    UNION ALL
    SELECT n.shard, n.tenant, n.flow, n.order_due_at FROM head CROSS JOIN LATERAL (
        SELECT d.shard, d.tenant, d.flow, d.order_due_at FROM publisher.delivery AS d
        WHERE d.order_due_at IS NOT NULL AND (d.shard, d.tenant, d.flow) > (head.shard, head.tenant, head.flow)
        ORDER BY d.shard, d.tenant, d.flow, d.order_due_at LIMIT 1
    ) AS n
)
SELECT shard, tenant, flow, extract(epoch FROM now() - order_due_at)::float8 AS overdue FROM head;

-- name: lock_orders
-- Lock each tenant's oldest due orders, so many of each, and leave what another transaction holds.
SELECT d.* FROM unnest(
    %(shards)s::smallint[], %(tenants)s::text[], %(flows)s::text[], %(limits)s::int[]
) AS ask (shard, tenant, flow, room)
CROSS JOIN LATERAL (
    SELECT * FROM publisher.delivery AS w
    WHERE w.shard = ask.shard AND w.tenant = ask.tenant AND w.flow = ask.flow
      AND w.order_due_at IS NOT NULL AND w.order_due_at <= now()
    ORDER BY w.order_due_at
    LIMIT ask.room
    FOR UPDATE SKIP LOCKED
) AS d;

-- name: change
-- Write locked parcels, many at once; a version never goes back.
UPDATE publisher.delivery AS d SET
    revision = w.revision, generation = w.generation, change_no = w.change_no, event_id = w.event_id,
    outcome = w.outcome, source_ref = w.source_ref, source_hash = w.source_hash, schema_version = w.schema_version,
    traceparent = w.traceparent, payload = w.payload, refusal_reason = w.refusal_reason,
    refusal_field = w.refusal_field, refusal_detail = w.refusal_detail, headers = w.headers,
    record_key = w.record_key, topic = w.topic, kafka_partition = w.kafka_partition, kafka_offset = w.kafka_offset,
    state = w.state, due_at = w.due_at, attempt = w.attempt, unknown_rounds = w.unknown_rounds, reason = w.reason,
    failing_since = w.failing_since, read_back = w.read_back, claim_epoch = w.claim_epoch, sent_at = w.sent_at,
    sent_revision = w.sent_revision, sent_generation = w.sent_generation, sent_hash = w.sent_hash,
    sent_payload = w.sent_payload, maybe_there = w.maybe_there, confirmed_revision = w.confirmed_revision,
    confirmed_generation = w.confirmed_generation, confirmed_payload = w.confirmed_payload,
    confirmed_at = w.confirmed_at, remote_id = w.remote_id, order_id = w.order_id, order_due_at = w.order_due_at,
    amount_note = w.amount_note, diverged = w.diverged, receipt_wanted = w.receipt_wanted,
    receipt_sent = w.receipt_sent, receipt_due_at = w.receipt_due_at, receipt_out = w.receipt_out,
    receipt_out_epoch = w.receipt_out_epoch, receipt_look = w.receipt_look, kid = w.kid, order_number = w.order_number
FROM unnest(
    %(tenant)s::text[], %(flow)s::text[], %(entity)s::text[], %(shard)s::smallint[],
    %(revision)s::bigint[], %(generation)s::bigint[], %(change_no)s::bigint[], %(event_id)s::text[],
    %(outcome)s::text[], %(source_ref)s::text[], %(source_hash)s::text[], %(schema_version)s::int[],
    %(traceparent)s::text[], %(payload)s::bytea[], %(refusal_reason)s::text[],
    %(refusal_field)s::text[], %(refusal_detail)s::text[], %(headers)s::bytea[],
    %(record_key)s::bytea[], %(topic)s::text[], %(kafka_partition)s::int[], %(kafka_offset)s::bigint[],
    %(state)s::text[], %(due_at)s::timestamptz[], %(attempt)s::int[], %(unknown_rounds)s::int[], %(reason)s::text[],
    %(failing_since)s::timestamptz[], %(read_back)s::boolean[], %(claim_epoch)s::bigint[], %(sent_at)s::timestamptz[],
    %(sent_revision)s::bigint[], %(sent_generation)s::bigint[], %(sent_hash)s::text[],
    %(sent_payload)s::bytea[], %(maybe_there)s::boolean[], %(confirmed_revision)s::bigint[],
    %(confirmed_generation)s::bigint[], %(confirmed_payload)s::bytea[],
    %(confirmed_at)s::timestamptz[], %(remote_id)s::text[], %(order_id)s::text[], %(order_due_at)s::timestamptz[],
    %(amount_note)s::text[], %(diverged)s::boolean[], %(receipt_wanted)s::text[],
    %(receipt_sent)s::text[], %(receipt_due_at)s::timestamptz[], %(receipt_out)s::text[],
    %(receipt_out_epoch)s::bigint[], %(receipt_look)s::boolean[], %(kid)s::text[], %(order_number)s::text[]
) AS w (
    tenant, flow, entity, shard,
    revision, generation, change_no, event_id,
    outcome, source_ref, source_hash, schema_version,
    traceparent, payload, refusal_reason,
    refusal_field, refusal_detail, headers,
    record_key, topic, kafka_partition, kafka_offset,
    state, due_at, attempt, unknown_rounds, reason,
    failing_since, read_back, claim_epoch, sent_at,
    sent_revision, sent_generation, sent_hash,
    sent_payload, maybe_there, confirmed_revision,
    confirmed_generation, confirmed_payload,
    confirmed_at, remote_id, order_id, order_due_at,
    amount_note, diverged, receipt_wanted,
    receipt_sent, receipt_due_at, receipt_out,
    receipt_out_epoch, receipt_look, kid, order_number
)
WHERE d.tenant = w.tenant AND d.flow = w.flow AND d.entity = w.entity
  AND (d.revision, d.generation) <= (w.revision, w.generation);

-- name: close_letters
-- Close these entities' open letters.
UPDATE publisher.dead_letter AS l SET
    closed_at = now(), closed_as = c.closed_as, closed_by = c.closed_by, closed_why = c.closed_why
FROM unnest(
    %(tenants)s::text[], %(flows)s::text[], %(entities)s::text[], %(how)s::text[], %(by)s::text[], %(why)s::text[]
) AS c (tenant, flow, entity, closed_as, closed_by, closed_why)
WHERE l.tenant = c.tenant AND l.flow = c.flow AND l.entity = c.entity AND l.closed_at IS NULL;

-- name: close_letter
-- Close one letter by its id.
UPDATE publisher.dead_letter SET
    closed_at = now(), closed_as = %(how)s, closed_by = %(by)s, closed_why = %(why)s
WHERE id = %(id)s AND closed_at IS NULL;

-- name: open_letter
-- Store a letter, counting the rounds of retries before it. One about no entity that is known already stays as it is,
-- unless it was sent again and has failed again: then it is open again. That can only be one without an identity: any
-- other is sent again under a new one, so that its old one comes back from a replay alone.
INSERT INTO publisher.dead_letter AS l (
    tenant, flow, entity, revision, generation, event_id, dedupe_key, source_ref, stage, reason, field, error, raw,
    raw_key, headers, origin_topic, origin_partition, origin_offset, attempts, rounds, trace_id
)
VALUES (
    %(tenant)s, %(flow)s, %(entity)s, %(revision)s, %(generation)s, %(event_id)s, %(dedupe_key)s,
    %(source_ref)s, %(stage)s, %(reason)s, %(field)s, %(error)s, %(raw)s, %(raw_key)s, %(headers)s, %(topic)s, %(partition)s, %(offset)s,
    %(attempts)s,
    coalesce((
        SELECT CASE WHEN p.closed_as = 'retried' THEN p.rounds + 1 ELSE 0 END FROM publisher.dead_letter AS p
        WHERE p.tenant = %(tenant)s AND p.flow = %(flow)s AND p.entity = %(entity)s ORDER BY p.id DESC LIMIT 1
    ), 0),
    %(trace_id)s
)
ON CONFLICT (dedupe_key) WHERE dedupe_key IS NOT NULL DO UPDATE SET
    closed_at = NULL, closed_as = NULL, closed_by = NULL, closed_why = NULL, rounds = l.rounds + 1,
    reason = excluded.reason, field = excluded.field, error = excluded.error
    WHERE l.closed_as = 'retried' AND l.event_id IS NULL
RETURNING l.id, l.opened_at, l.rounds;

-- name: close_loose_letters
-- Close open letters about no entity whose source row has had a newer word since: content under a number, or the next
-- letter. A number that the row gave up says nothing of what was wrong with it.
UPDATE publisher.dead_letter AS l SET closed_at = now(), closed_as = 'superseded'
WHERE l.closed_at IS NULL AND l.entity IS NULL AND l.source_ref = ANY(%(refs)s::text[])
  AND (
    EXISTS (
        SELECT 1 FROM publisher.delivery AS d
        WHERE d.tenant = l.tenant AND d.flow = l.flow AND d.source_ref = l.source_ref
          AND d.outcome <> 'withdrawn' AND d.revision > l.revision
    )
    OR EXISTS (
        SELECT 1 FROM publisher.dead_letter AS n
        WHERE n.tenant = l.tenant AND n.flow = l.flow AND n.source_ref = l.source_ref
          AND n.entity IS NULL AND n.revision > l.revision
    )
  );

-- name: letter
-- Lock a letter by its id.
SELECT l.* FROM publisher.dead_letter AS l WHERE l.id = %(id)s FOR UPDATE;

-- name: open_letter_of
-- Lock an entity's open letter.
SELECT l.* FROM publisher.dead_letter AS l
WHERE l.tenant = %(tenant)s AND l.flow = %(flow)s AND l.entity = %(entity)s AND l.closed_at IS NULL
FOR UPDATE;

-- name: ingested
-- How far each partition has been taken in.
SELECT topic, kafka_partition, next_offset FROM publisher.ingest_offset;

-- name: mark_ingested
-- Move each partition's next offset forward, never back; in key order, so that two ingests do not deadlock.
INSERT INTO publisher.ingest_offset AS o (topic, kafka_partition, next_offset)
SELECT * FROM unnest(%(topics)s::text[], %(partitions)s::int[], %(offsets)s::bigint[]) AS w (topic, part, next)
ORDER BY w.topic, w.part
ON CONFLICT (topic, kafka_partition) DO UPDATE SET next_offset = greatest(o.next_offset, excluded.next_offset);

-- name: others_confirmed
-- Whether another entity of the tenant's flow was confirmed since a moment.
SELECT EXISTS (
    SELECT 1 FROM publisher.delivery
    WHERE tenant = %(tenant)s AND flow = %(flow)s AND entity <> %(entity)s AND confirmed_at > %(since)s
) AS found;

-- name: count_states
-- How many deliveries are in each state but confirmed, which are nearly all.
SELECT tenant, flow, state, count(*) AS n FROM publisher.delivery
WHERE state IN ('ready', 'sending', 'in_doubt', 'dead', 'discarded')
GROUP BY tenant, flow, state;

-- name: oldest_doubts
-- How long the oldest request has been without an answer, in seconds. A verification is a doubt of nobody's.
SELECT tenant, flow, extract(epoch FROM now() - min(least(sent_at, failing_since)))::float8 AS seconds
FROM publisher.delivery
WHERE state = 'in_doubt' AND sent_at IS NOT NULL AND (flow <> 'invoices' OR confirmed_revision IS NULL)
GROUP BY tenant, flow;

-- name: count_letters
-- How many dead letters wait for a person.
SELECT coalesce(tenant, '') AS tenant, coalesce(flow, '') AS flow, reason, count(*) AS n FROM publisher.dead_letter
WHERE closed_at IS NULL
GROUP BY 1, 2, 3;
