-- The poller's memory: what it saw at each source, what it said about it, how far it has read.

-- include: bridge.durable.sql/lease.sql
-- include: bridge.durable.sql/outbox.sql

-- How far the source of one tenant and flow has been read. Its row is the fence of every write: see `fence`.
CREATE TABLE poller.source_cursor (
    tenant              text        NOT NULL CHECK (length(tenant) <= 40),
    flow                text        NOT NULL CHECK (length(flow) <= 20),
    -- of the shard's lease; writes under an older one are refused
    epoch               bigint      NOT NULL,
    -- the upper bits of every revision: raised when a tenant moves or a database is restored
    era                 integer     NOT NULL DEFAULT 0 CHECK (era >= 0),
    changed_since_bound timestamptz,
    mode                text        NOT NULL DEFAULT 'unproven' CHECK (mode IN ('unproven', 'filter', 'crawl')),
    mode_checked_at     timestamptz,
    last_crawl_at       timestamptz,
    last_good_poll_at   timestamptz,
    next_due_at         timestamptz NOT NULL DEFAULT now(),
    failing_polls       integer     NOT NULL DEFAULT 0,
    -- rows that were missing when the gate too_many_missing closed
    missing_held        integer,
    last_error          text,
    last_error_at       timestamptz,
    -- changes told, counted in the transaction that tells them: the sum of the entities' change numbers
    emitted             bigint      NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, flow)
);

-- One row per number: how many changes it had, what was last said about it, who holds it.
CREATE TABLE poller.source_entity (
    tenant            text        NOT NULL,
    flow              text        NOT NULL,
    entity            text        NOT NULL CHECK (length(entity) <= 64),
    holder_id         text,
    change_no         bigint      NOT NULL CHECK (change_no > 0),
    revision          bigint      NOT NULL,
    -- of the last event; null once it was forgotten on purpose, so that the next look tells it again
    source_hash       text,
    withdrawn         boolean     NOT NULL,
    withdrawn_because text,
    first_seen_at     timestamptz NOT NULL DEFAULT now(),
    last_changed_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, flow, entity),
    CHECK (withdrawn = (withdrawn_because IS NOT NULL))
);

CREATE INDEX source_entity_forgotten ON poller.source_entity (tenant, flow) WHERE source_hash IS NULL;

-- One row per row of the source, by the source's own id.
CREATE TABLE poller.source_record (
    tenant        text        NOT NULL,
    flow          text        NOT NULL,
    source_id     text        NOT NULL CHECK (length(source_id) <= 64),
    -- the number held or waited for
    entity        text        CHECK (length(entity) <= 64),
    standing      text        NOT NULL CHECK (standing IN ('holds', 'waiting', 'numberless', 'gone')),
    version       bigint      NOT NULL,
    newest_change timestamptz,
    source_hash   text        NOT NULL,
    -- content of waiting rows, whose turn comes without their being read again
    snapshot      bytea,
    fault_reason  text,
    fault_field   text,
    fault_detail  text,
    seen_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, flow, source_id),
    CHECK ((entity IS NOT NULL) = (standing IN ('holds', 'waiting'))),
    CHECK ((snapshot IS NOT NULL) = (standing = 'waiting'))
);

CREATE UNIQUE INDEX source_record_one_holder ON poller.source_record (tenant, flow, entity) WHERE standing = 'holds';
CREATE INDEX source_record_waiting ON poller.source_record (tenant, flow, entity) WHERE standing = 'waiting';

GRANT SELECT, INSERT, UPDATE, DELETE ON poller.source_cursor, poller.source_entity, poller.source_record
    TO bridge_poller;
GRANT SELECT ON poller.source_cursor, poller.source_entity, poller.source_record TO bridge_console;
