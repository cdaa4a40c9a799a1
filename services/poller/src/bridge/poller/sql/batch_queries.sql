-- Memory of batches; every query runs behind `fence` of `memory_queries.sql`. The batch of a row is the part of its
-- source id before the slash.

-- name: known
-- Memory of every batch.
SELECT batch, changed_at, settled, read_at, missing_since FROM poller.source_batch WHERE tenant = %(tenant)s;

-- name: forgotten
-- Batches with a row of a number whose last word was forgotten on purpose and not said again yet.
SELECT DISTINCT split_part(r.source_id, '/', 1)::bigint AS batch
FROM poller.source_entity AS e
JOIN poller.source_record AS r
  ON r.tenant = e.tenant AND r.flow = e.flow AND r.entity = e.entity AND r.standing IN ('holds', 'waiting')
WHERE e.tenant = %(tenant)s AND e.flow = %(flow)s AND e.source_hash IS NULL;

-- name: rows
-- Rows that should still be in a batch.
SELECT source_id FROM poller.source_record
WHERE tenant = %(tenant)s AND flow = %(flow)s AND split_part(source_id, '/', 1) = %(batch)s::text AND standing <> 'gone';

-- name: save
-- Remember a complete read.
INSERT INTO poller.source_batch (tenant, batch, changed_at, settled)
VALUES (%(tenant)s, %(batch)s, %(changed_at)s, %(settled)s)
ON CONFLICT (tenant, batch) DO UPDATE SET
    changed_at = excluded.changed_at, settled = excluded.settled, read_at = now();

-- name: note_listed
-- Note since when batches are missing from the list, and which are there again; written on change only.
UPDATE poller.source_batch
SET missing_since = CASE WHEN batch = ANY(%(listed)s::bigint[]) THEN NULL ELSE now() END
WHERE tenant = %(tenant)s AND (batch = ANY(%(listed)s::bigint[])) = (missing_since IS NOT NULL);

-- name: forget_missing
-- Forget batches that were missing for long; what was said of their invoices stays with the numbers.
DELETE FROM poller.source_batch
WHERE tenant = %(tenant)s AND missing_since <= now() - %(forget_after)s::interval
RETURNING batch;

-- name: forget_rows
-- Forget the rows of batches.
DELETE FROM poller.source_record
WHERE tenant = %(tenant)s AND flow = %(flow)s AND split_part(source_id, '/', 1) = ANY(%(batches)s::text[]);
