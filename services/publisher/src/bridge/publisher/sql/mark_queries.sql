-- name: mark
-- How far the database has come: the newest row of the log, and when it was last made safe after a restore. Rows of the
-- log may be pruned from the old end, never the newest.
SELECT coalesce((SELECT max(id) FROM publisher.delivery_log), 0) AS newest_row,
       coalesce((SELECT (extract(epoch FROM max(at)) * 1000)::bigint FROM control.audit
                 WHERE verb = 'after-restore' AND status = 'done'), 0) AS restored_ms;
