-- name: see
-- Say that this replica is alive, and forget those long gone.
WITH gone AS (
    DELETE FROM {schema}.replica WHERE seen_at < now() - 10 * %(ttl)s::interval AND owner <> %(owner)s
)
INSERT INTO {schema}.replica AS r (owner, seen_at) VALUES (%(owner)s, now())
ON CONFLICT (owner) DO UPDATE SET seen_at = excluded.seen_at;

-- name: live
-- Count the replicas seen within one lease time, this one included.
SELECT count(*) AS live FROM {schema}.replica WHERE seen_at > now() - %(ttl)s::interval;

-- name: declare
-- Make sure that every wanted lease has its row.
INSERT INTO {schema}.lease (name) SELECT unnest(%(names)s::text[]) ON CONFLICT (name) DO NOTHING;

-- name: renew
-- Prolong what this owner still holds under the epoch it knows; what is missing in the answer has another owner.
UPDATE {schema}.lease AS l SET expires_at = now() + %(ttl)s::interval
FROM unnest(%(names)s::text[], %(epochs)s::bigint[]) AS mine (name, epoch)
WHERE l.name = mine.name AND l.owner = %(owner)s AND l.epoch = mine.epoch
RETURNING l.name, l.epoch;

-- name: take
-- Take over free leases. Rows that somebody is writing are skipped, so that one stuck owner delays nobody else's work.
WITH free AS (
    SELECT name FROM {schema}.lease
    WHERE name = ANY(%(names)s::text[]) AND (owner IS NULL OR owner = %(owner)s OR expires_at < now())
    ORDER BY name LIMIT %(room)s
    FOR UPDATE SKIP LOCKED
)
UPDATE {schema}.lease AS l
SET owner = %(owner)s, epoch = l.epoch + 1, expires_at = now() + %(ttl)s::interval
FROM free WHERE l.name = free.name
RETURNING l.name, l.epoch;

-- name: release
-- Free everything this owner has among the names it works on.
UPDATE {schema}.lease SET owner = NULL, expires_at = now()
WHERE owner = %(owner)s AND name = ANY(%(names)s::text[]);

-- name: leave
-- Stop counting as a live replica.
DELETE FROM {schema}.replica WHERE owner = %(owner)s;

-- name: fence
-- Hold the lease's row until the caller's transaction ends, if the epoch is still the caller's.
SELECT 1 AS held FROM {schema}.lease WHERE name = %(name)s AND owner = %(owner)s AND epoch = %(epoch)s FOR SHARE;
