-- name: reserve
-- Take the next ids; behind the fence they are monotone per tenant and flow.
SELECT nextval('{schema}.outbox_id') AS id FROM generate_series(1, %(count)s::int);

-- name: next_batch
-- The oldest rows that may go now: not refused ones, nor later rows of an entity with a refused one.
SELECT o.id, o.topic, o.key, o.value, o.header_names, o.header_values, o.tenant, o.flow, o.entity
FROM {schema}.outbox AS o
WHERE o.set_aside_at IS NULL AND (o.retry_at IS NULL OR o.retry_at <= now())
  AND NOT EXISTS (
    SELECT 1 FROM {schema}.outbox AS r
    WHERE r.attempts > 0 AND (r.set_aside_at IS NOT NULL OR r.retry_at > now())
      AND r.tenant = o.tenant AND r.flow = o.flow AND r.entity = o.entity AND r.id < o.id
  )
ORDER BY o.id LIMIT %(limit)s;

-- name: delete
-- Forget the rows that the broker acknowledged.
DELETE FROM {schema}.outbox WHERE id = ANY(%(ids)s::bigint[]);

-- name: refuse
-- Count a refusal that is the row's own fault; after the last attempt the row is set aside.
UPDATE {schema}.outbox AS o SET
    attempts = o.attempts + 1,
    error = refused.error,
    retry_at = now() + %(pause)s::interval,
    set_aside_at = CASE WHEN o.attempts + 1 >= %(max_attempts)s THEN now() END
FROM unnest(%(ids)s::bigint[], %(errors)s::text[]) AS refused (id, error)
WHERE o.id = refused.id
RETURNING o.id, o.tenant, o.flow, o.entity, o.error, o.attempts, o.set_aside_at IS NOT NULL AS set_aside;

-- name: pending
-- How much waits, how long, and how much was set aside.
SELECT count(*) FILTER (WHERE set_aside_at IS NULL) AS waiting,
       count(*) FILTER (WHERE set_aside_at IS NOT NULL) AS set_aside,
       coalesce(extract(epoch FROM now() - min(created_at) FILTER (WHERE set_aside_at IS NULL)), 0)::float8 AS oldest_seconds
FROM {schema}.outbox;

-- name: set_aside
-- The rows that need a decision, oldest first.
SELECT id, topic, key, value, header_names, header_values, tenant, flow, entity, attempts, error, set_aside_at
FROM {schema}.outbox WHERE set_aside_at IS NOT NULL ORDER BY id LIMIT %(limit)s;

-- name: retry
-- Let a row that was set aside try again.
UPDATE {schema}.outbox SET attempts = 0, retry_at = NULL, set_aside_at = NULL, error = NULL
WHERE id = %(id)s AND set_aside_at IS NOT NULL;

-- name: discard
-- Drop a row that was set aside; the rows behind it go on.
DELETE FROM {schema}.outbox WHERE id = %(id)s AND set_aside_at IS NOT NULL;
