-- Included by a service's migration: `-- include: bridge.durable.sql/lease.sql`.
-- A lease is a time-limited right to work on what `name` says. `epoch` rises with each take-over and fences writes.
CREATE TABLE {schema}.lease (
    name text PRIMARY KEY,
    owner text,
    epoch bigint NOT NULL DEFAULT 0,
    expires_at timestamptz NOT NULL DEFAULT '-infinity'
);

-- Who is alive, so that each replica knows its fair share.
CREATE TABLE {schema}.replica (
    owner text PRIMARY KEY,
    seen_at timestamptz NOT NULL
);

GRANT USAGE ON SCHEMA {schema} TO {role}, bridge_console;
GRANT SELECT, INSERT, UPDATE, DELETE ON {schema}.lease, {schema}.replica TO {role};
GRANT SELECT ON {schema}.lease, {schema}.replica TO bridge_console;
