-- name: set_aside
-- Outbox rows of the poller that the broker refused for themselves, with how many of the same entity wait behind them.
SELECT o.id, o.tenant, o.flow, o.entity, o.topic, o.attempts, o.error, o.set_aside_at,
       (SELECT count(*) FROM poller.outbox b
        WHERE b.tenant = o.tenant AND b.flow = o.flow AND b.entity = o.entity AND b.id > o.id) AS behind
FROM poller.outbox o
WHERE o.set_aside_at IS NOT NULL AND (%(tenant)s::text IS NULL OR o.tenant = %(tenant)s)
ORDER BY o.id LIMIT %(limit)s;
