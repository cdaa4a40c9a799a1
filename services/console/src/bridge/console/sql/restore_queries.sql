-- What `bridge after-restore` does, all of it in one transaction, by the database's owner while every service is stopped.

-- name: keep_out
-- Let no service write until this has ended, one that holds no lease included.
LOCK TABLE poller.lease, publisher.lease, poller.source_cursor, publisher.delivery, publisher.ingest_offset
    IN SHARE ROW EXCLUSIVE MODE;

-- name: running
-- Leases that somebody holds at this moment.
SELECT 'poller' AS service, name, owner FROM poller.lease WHERE owner IS NOT NULL AND expires_at > now()
UNION ALL
SELECT 'publisher', name, owner FROM publisher.lease WHERE owner IS NOT NULL AND expires_at > now()
ORDER BY service, owner, name;

-- name: declare_cursors
-- Give every declared flow its cursor, so that the new era covers those that were begun after the backup.
INSERT INTO poller.source_cursor (tenant, flow, epoch)
SELECT tenant, f.flow, 0 FROM control.tenant CROSS JOIN LATERAL jsonb_array_elements_text(spec -> 'flows') AS f (flow)
ON CONFLICT (tenant, flow) DO NOTHING;

-- name: raise_eras
-- Begin a new era of revisions: above every one that was given before, those after the backup included. The clock counts
-- in steps of ten minutes, so that a database that is restored twice does not come to the same era twice.
UPDATE poller.source_cursor
SET era = greatest(era + 1, (extract(epoch FROM now() - timestamptz '2026-01-01 00:00:00+00') / 600)::int),
    next_due_at = now()
RETURNING tenant;

-- name: forget
-- Forget what was last said of every entity, so that the next poll tells it again under the new era.
WITH forgotten AS (UPDATE poller.source_entity SET source_hash = NULL RETURNING tenant)
SELECT tenant, count(*) AS n FROM forgotten GROUP BY tenant;

-- name: lower_floors
-- Whatever invoice is new to this database may be at Tripletex: sent from here after the backup.
UPDATE control.tenant SET ledger_floor = NULL, ledger_floor_set_at = now() RETURNING tenant;

-- name: raise_offsets
-- Go on where the group has come to; what lies between is told again by the poller.
INSERT INTO publisher.ingest_offset AS o (topic, kafka_partition, next_offset)
SELECT * FROM unnest(%(topics)s::text[], %(partitions)s::int[], %(offsets)s::bigint[])
ON CONFLICT (topic, kafka_partition) DO UPDATE SET next_offset = excluded.next_offset
    WHERE o.next_offset < excluded.next_offset
RETURNING o.topic;

-- name: close_letters
-- Close the letters of invoices that are about to be looked up: what they are about may have been mended and sent.
WITH closed AS (
    UPDATE publisher.dead_letter AS l
    SET closed_at = now(), closed_as = 'superseded', closed_by = %(who)s, closed_why = %(why)s
    FROM publisher.delivery AS d
    WHERE l.closed_at IS NULL AND l.tenant = d.tenant AND l.flow = d.flow AND l.entity = d.entity
      AND d.flow = 'invoices' AND d.state = 'dead' AND d.outcome <> 'unmappable'
      AND d.reason IS DISTINCT FROM 'invoice_missing_at_target'
    RETURNING l.tenant
)
SELECT tenant, count(*) AS n FROM closed GROUP BY tenant;

-- name: doubt_invoices
-- Put in doubt every invoice that may have been sent after the backup, so that it is looked up before anything else. One
-- that was missing at the target waits for a person as before. Of a confirmed one that was being verified the letter and
-- the receipt stay; of any other nothing is told until the look has said what became of it.
WITH doubtful AS (
    SELECT tenant, flow, entity, state, confirmed_revision IS NOT NULL AS verified FROM publisher.delivery
    WHERE flow = 'invoices' AND (
        state IN ('ready', 'sending', 'in_doubt')
        OR (state = 'dead' AND outcome <> 'unmappable' AND reason IS DISTINCT FROM 'invoice_missing_at_target')
    )
), changed AS (
    UPDATE publisher.delivery AS d SET
        state = 'in_doubt', due_at = now() + %(settle)s::interval, attempt = 0, claim_epoch = NULL,
        read_back = true, maybe_there = true,
        reason = CASE WHEN was.verified THEN d.reason END,
        receipt_wanted = CASE WHEN was.verified THEN d.receipt_wanted END,
        receipt_due_at = CASE WHEN was.verified THEN now() + %(settle)s::interval END,
        receipt_look = was.verified, receipt_sent = NULL, receipt_out = NULL, receipt_out_epoch = NULL
    FROM doubtful AS was
    WHERE d.tenant = was.tenant AND d.flow = was.flow AND d.entity = was.entity
    RETURNING d.tenant, d.flow, d.entity, d.revision, d.generation, d.event_id, was.state
), logged AS (
    INSERT INTO publisher.delivery_log (
        tenant, flow, entity, revision, generation, event_id, step, from_state, to_state, outcome, detail, attempt,
        changed_fields, owner
    )
    SELECT tenant, flow, entity, revision, generation, event_id, 'act', state, 'in_doubt', 'after-restore', %(why)s, 0,
           '{}', %(who)s
    FROM changed
)
SELECT tenant, count(*) AS n FROM changed GROUP BY tenant;

-- name: mark_resting_invoices
-- What rests without content that may go, or by a person's decision, keeps its state; whatever comes next for it is looked
-- up first. A rejection is not told: one that could turn out wrong is worse than none.
WITH marked AS (
    UPDATE publisher.delivery SET
        read_back = true, maybe_there = true, receipt_wanted = NULL, receipt_sent = NULL, receipt_due_at = NULL,
        receipt_out = NULL, receipt_out_epoch = NULL, receipt_look = false
    WHERE flow = 'invoices' AND state IN ('dead', 'discarded')
    RETURNING tenant
)
SELECT tenant, count(*) AS n FROM marked GROUP BY tenant;

-- name: tell_receipts_again
-- Tell the receipt of every confirmed invoice again, after a look at what OC2 holds.
WITH told AS (
    UPDATE publisher.delivery SET
        receipt_sent = NULL, receipt_out = NULL, receipt_out_epoch = NULL, receipt_look = true,
        receipt_due_at = now() + %(settle)s::interval
    WHERE flow = 'invoices' AND state = 'confirmed' AND receipt_wanted IS NOT NULL
    RETURNING tenant
)
SELECT tenant, count(*) AS n FROM told GROUP BY tenant;

-- name: doubt_customers
-- A customer that was out is read back; all others are told again and replaced as a whole.
WITH doubted AS (
    UPDATE publisher.delivery SET
        state = 'in_doubt', due_at = now() + %(settle)s::interval, claim_epoch = NULL, read_back = true
    WHERE flow = 'customers' AND state = 'sending'
    RETURNING tenant
)
SELECT tenant, count(*) AS n FROM doubted GROUP BY tenant;
