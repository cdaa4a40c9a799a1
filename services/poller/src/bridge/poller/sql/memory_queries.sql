-- Every query of a unit of work runs behind `fence`, its first statement.

-- name: fence
-- Claim the tenant's cursor under this epoch; no row comes back if a newer owner has been here.
INSERT INTO poller.source_cursor AS c (tenant, flow, epoch) VALUES (%(tenant)s, %(flow)s, %(epoch)s)
ON CONFLICT (tenant, flow) DO UPDATE SET epoch = excluded.epoch WHERE c.epoch <= excluded.epoch
RETURNING c.era, c.changed_since_bound, c.mode, c.mode_checked_at, c.last_crawl_at, c.missing_held,
          now() AS as_of;

-- Rows are asked for by `= ANY(array)`, never by a join with the array: before the first ANALYZE the planner takes a
-- tenant for one row and such a join for cheap, and a page of a thousand rows then reads the tenant a thousand times.

-- name: records
-- Memory of rows by id.
SELECT source_id, entity, standing, version, newest_change, source_hash, snapshot, fault_reason, fault_field,
       fault_detail
FROM poller.source_record
WHERE tenant = %(tenant)s AND flow = %(flow)s AND source_id = ANY(%(ids)s::text[]);

-- name: bystanders
-- Memory of the rows that hold these numbers though they were not seen, and of all that wait for them.
SELECT source_id, entity, standing, version, newest_change, source_hash, snapshot, fault_reason, fault_field,
       fault_detail
FROM poller.source_record
WHERE tenant = %(tenant)s AND flow = %(flow)s AND source_id = ANY(%(holders)s::text[])
UNION ALL
SELECT source_id, entity, standing, version, newest_change, source_hash, snapshot, fault_reason, fault_field,
       fault_detail
FROM poller.source_record
WHERE tenant = %(tenant)s AND flow = %(flow)s AND standing = 'waiting' AND entity = ANY(%(numbers)s::text[]);

-- name: entities
-- Memory of numbers.
SELECT entity, holder_id, change_no, source_hash, withdrawn_because FROM poller.source_entity
WHERE tenant = %(tenant)s AND flow = %(flow)s AND entity = ANY(%(numbers)s::text[]);

-- name: leave_numbers
-- Take rows off the numbers they held before others are put there: a number has one holder at every moment.
UPDATE poller.source_record SET standing = 'numberless', entity = NULL
WHERE tenant = %(tenant)s AND flow = %(flow)s AND source_id = ANY(%(ids)s::text[]);

-- name: write_records
-- Remember rows as they are now.
INSERT INTO poller.source_record AS r (tenant, flow, source_id, entity, standing, version, newest_change, source_hash,
                                       snapshot, fault_reason, fault_field, fault_detail)
SELECT %(tenant)s, %(flow)s, new.*
FROM unnest(%(ids)s::text[], %(numbers)s::text[], %(standings)s::text[], %(versions)s::bigint[],
            %(newest_changes)s::timestamptz[], %(hashes)s::text[], %(snapshots)s::bytea[], %(fault_reasons)s::text[],
            %(fault_fields)s::text[], %(fault_details)s::text[]) AS new
ON CONFLICT (tenant, flow, source_id) DO UPDATE SET
    entity = excluded.entity, standing = excluded.standing, version = excluded.version,
    newest_change = excluded.newest_change, source_hash = excluded.source_hash, snapshot = excluded.snapshot,
    fault_reason = excluded.fault_reason, fault_field = excluded.fault_field, fault_detail = excluded.fault_detail,
    seen_at = now();

-- name: write_entities
-- Remember numbers as they are now; a revision of null keeps the one that is there.
INSERT INTO poller.source_entity AS e (tenant, flow, entity, holder_id, change_no, revision, source_hash, withdrawn,
                                       withdrawn_because)
SELECT %(tenant)s, %(flow)s, new.entity, new.holder_id, new.change_no, coalesce(new.revision, 0), new.source_hash,
       new.because IS NOT NULL, new.because
FROM unnest(%(numbers)s::text[], %(holders)s::text[], %(change_nos)s::bigint[], %(revisions)s::bigint[],
            %(hashes)s::text[], %(becauses)s::text[])
     AS new (entity, holder_id, change_no, revision, source_hash, because)
ON CONFLICT (tenant, flow, entity) DO UPDATE SET
    holder_id = excluded.holder_id, change_no = excluded.change_no,
    revision = greatest(e.revision, excluded.revision), source_hash = excluded.source_hash,
    withdrawn = excluded.withdrawn, withdrawn_because = excluded.withdrawn_because,
    last_changed_at = CASE WHEN excluded.revision > 0 THEN now() ELSE e.last_changed_at END;

-- name: count_emitted
-- Count the changes told in this transaction.
UPDATE poller.source_cursor SET emitted = emitted + %(emitted)s WHERE tenant = %(tenant)s AND flow = %(flow)s;

-- name: save_cursor
-- Move the cursor at the end of a poll.
UPDATE poller.source_cursor SET
    changed_since_bound = %(bound)s, mode = %(mode)s, mode_checked_at = %(mode_checked_at)s,
    last_crawl_at = %(last_crawl_at)s, missing_held = %(missing_held)s, failing_polls = 0, last_good_poll_at = now(),
    last_error = NULL, last_error_at = NULL, next_due_at = now() + %(due_in)s::interval
WHERE tenant = %(tenant)s AND flow = %(flow)s;

-- name: save_failure
-- Remember that a poll ended early; the cursor stays where it is.
UPDATE poller.source_cursor SET failing_polls = failing_polls + 1, last_error = %(error)s, last_error_at = now(),
    next_due_at = now() + %(due_in)s::interval
WHERE tenant = %(tenant)s AND flow = %(flow)s
RETURNING failing_polls;

-- name: standing_ids
-- Every row that should still be there, with the number of those counted.
SELECT source_id FROM poller.source_record WHERE tenant = %(tenant)s AND flow = %(flow)s AND standing <> 'gone';

-- name: has_forgotten
-- Whether the last word on some number was forgotten on purpose and not said again yet.
SELECT 1 AS found FROM poller.source_entity
WHERE tenant = %(tenant)s AND flow = %(flow)s AND source_hash IS NULL LIMIT 1;

-- name: forgotten_unheld
-- Numbers to withdraw once more, since their last word was forgotten on purpose.
SELECT entity FROM poller.source_entity
WHERE tenant = %(tenant)s AND flow = %(flow)s AND source_hash IS NULL AND withdrawn ORDER BY entity LIMIT %(limit)s;

-- name: forget
-- Forget what was last said about one number, or about all of a tenant: the next poll reads and tells it again.
UPDATE poller.source_entity SET source_hash = NULL
WHERE tenant = %(tenant)s AND flow = %(flow)s AND (%(entity)s::text IS NULL OR entity = %(entity)s);

-- name: due_now
-- Make the next poll due.
UPDATE poller.source_cursor SET next_due_at = now() WHERE tenant = %(tenant)s AND flow = %(flow)s;

-- name: due_in
-- Seconds until each tenant's next poll by the database's clock, 0 for those that are due or unknown.
SELECT wanted.tenant, greatest(0, coalesce(extract(epoch FROM c.next_due_at - now()), 0))::float8 AS seconds
FROM unnest(%(tenants)s::text[]) AS wanted (tenant)
LEFT JOIN poller.source_cursor AS c ON c.tenant = wanted.tenant AND c.flow = %(flow)s;
