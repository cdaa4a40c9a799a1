-- name: lock
-- One migration at a time; the lock ends with the transaction, so a killed run or a pooler cannot strand it.
SELECT pg_advisory_xact_lock(7203351824016641);

-- name: holder
-- Who holds the lock.
SELECT l.pid, a.application_name, coalesce(host(a.client_addr), 'a local socket') AS client, a.state
FROM pg_locks AS l LEFT JOIN pg_stat_activity AS a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
LIMIT 1;

-- name: has_ledger
-- Whether any migration ever ran here.
SELECT to_regclass('migrations.applied') IS NOT NULL AS has_ledger;

-- name: create_ledger
-- The ledger of applied files.
CREATE SCHEMA IF NOT EXISTS migrations;
CREATE TABLE IF NOT EXISTS migrations.applied (
    schema text NOT NULL,
    number int NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (schema, number)
);

-- name: create_role
-- A service's role; roles belong to the whole server, so another database may have made it a moment ago.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
        CREATE ROLE {role} LOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END $$;

-- name: grant_ledger
-- Every service checks at its start that the database is at the head.
GRANT USAGE ON SCHEMA migrations TO bridge_poller, bridge_publisher, bridge_console;
GRANT SELECT ON migrations.applied TO bridge_poller, bridge_publisher, bridge_console;

-- name: applied
-- What was applied, with its checksum.
SELECT schema, number, checksum FROM migrations.applied;

-- name: record
-- Remember an applied file.
INSERT INTO migrations.applied (schema, number, name, checksum)
VALUES (%(schema)s, %(number)s, %(name)s, %(checksum)s);
