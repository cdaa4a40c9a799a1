-- Included by a service's migration: `-- include: bridge.durable.sql/outbox.sql`.
-- Rows that are not published yet, and those set aside. An id is taken behind the caller's fence (Outbox.reserve).
-- CACHE 1, since a session that keeps numbers in stock hands out old ones after newer ones of another session.
CREATE SEQUENCE {schema}.outbox_id AS bigint CACHE 1;

CREATE TABLE {schema}.outbox (
    id bigint PRIMARY KEY,
    topic text NOT NULL,
    key bytea,
    value bytea NOT NULL,
    header_names text[] NOT NULL,
    header_values bytea[] NOT NULL,
    tenant text NOT NULL,
    flow text NOT NULL,
    entity text,
    created_at timestamptz NOT NULL DEFAULT now(),
    attempts int NOT NULL DEFAULT 0,
    retry_at timestamptz,
    set_aside_at timestamptz,
    error text,
    CHECK (cardinality(header_names) = cardinality(header_values))
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- The few rows that the broker refused: the later rows of their entities wait behind them.
CREATE INDEX outbox_refused ON {schema}.outbox (tenant, flow, entity, id) WHERE attempts > 0;

GRANT USAGE ON SCHEMA {schema} TO {role}, bridge_console;
GRANT SELECT, INSERT, UPDATE, DELETE ON {schema}.outbox TO {role};
GRANT USAGE ON SEQUENCE {schema}.outbox_id TO {role};
GRANT SELECT ON {schema}.outbox TO bridge_console;
