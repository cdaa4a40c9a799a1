-- The publisher's memory: wanted against confirmed, one row per entity, and everything that happened to it.

-- One row per entity, never pruned: it is what makes a replay of any age harmless.
CREATE TABLE publisher.delivery (
    tenant               text        NOT NULL CHECK (length(tenant) <= 40),
    flow                 text        NOT NULL CHECK (length(flow) <= 20),
    entity               text        NOT NULL CHECK (length(entity) <= 64),
    shard                smallint    NOT NULL,
    -- wanted: the newest change
    revision             bigint      NOT NULL,
    generation           bigint      NOT NULL,
    change_no            bigint      NOT NULL,
    event_id             text        NOT NULL,
    outcome              text        NOT NULL CHECK (outcome IN ('mapped', 'withdrawn', 'unmappable')),
    source_ref           text        NOT NULL,
    source_hash          text        NOT NULL,
    schema_version       integer     NOT NULL,
    traceparent          text,
    payload              bytea       NOT NULL,
    -- why it cannot be sent, where the mapping gave up
    refusal_reason       text,
    refusal_field        text,
    refusal_detail       text,
    -- where the newest change came from, so that a dead letter is complete
    headers              bytea       NOT NULL,
    record_key           bytea,
    topic                text        NOT NULL,
    kafka_partition      integer     NOT NULL,
    kafka_offset         bigint      NOT NULL,
    -- what is to be done
    state                text        NOT NULL
                         CHECK (state IN ('ready', 'sending', 'in_doubt', 'confirmed', 'dead', 'discarded')),
    due_at               timestamptz,
    attempt              integer     NOT NULL,
    unknown_rounds       integer     NOT NULL,
    reason               text,
    failing_since        timestamptz,
    read_back            boolean     NOT NULL,
    -- sent: what may have reached the target
    claim_epoch          bigint,
    sent_at              timestamptz,
    sent_revision        bigint,
    sent_generation      bigint,
    sent_hash            text,
    sent_payload         bytea,
    maybe_there          boolean     NOT NULL,
    -- confirmed: what the target is known to hold
    confirmed_revision   bigint,
    confirmed_generation bigint,
    confirmed_payload    bytea,
    confirmed_at         timestamptz,
    remote_id            text,
    PRIMARY KEY (tenant, flow, entity)
);

-- Work that waits, in the order in which a tenant's share is claimed.
CREATE INDEX delivery_waiting ON publisher.delivery (shard, tenant, flow, due_at) WHERE state IN ('ready', 'in_doubt');
-- Work in flight, for a takeover.
CREATE INDEX delivery_sending ON publisher.delivery (shard) WHERE state = 'sending';
-- Counts by state for status and proof. State first: an index that began with the tenant would tempt the planner, while
-- it has no statistics, to find a locked entity by reading all of its tenant's rows (measured: 100 times the cost).
CREATE INDEX delivery_state ON publisher.delivery (state, tenant, flow);

-- The import log and the journey of every entity.
CREATE TABLE publisher.delivery_log (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at              timestamptz NOT NULL DEFAULT now(),
    tenant          text        NOT NULL,
    flow            text        NOT NULL,
    entity          text        NOT NULL,
    revision        bigint      NOT NULL,
    generation      bigint      NOT NULL,
    event_id        text,
    step            text        NOT NULL,
    from_state      text,
    to_state        text,
    outcome         text,
    reason          text,
    detail          text,
    attempt         integer     NOT NULL,
    changed_fields  text[]      NOT NULL,
    notes           jsonb,
    topic           text,
    kafka_partition integer,
    kafka_offset    bigint,
    trace_id        text,
    how             text,
    request_id      text,
    duration_ms     integer,
    claim_epoch     bigint,
    owner           text
);

CREATE INDEX delivery_log_entity ON publisher.delivery_log (tenant, flow, entity, id);
CREATE INDEX delivery_log_at ON publisher.delivery_log (at);

-- Events set aside. A letter about no entity has none; `dedupe_key` makes its replay harmless.
CREATE TABLE publisher.dead_letter (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant           text,
    flow             text,
    entity           text,
    revision         bigint,
    generation       bigint,
    event_id         text,
    dedupe_key       text,
    source_ref       text,
    stage            text        NOT NULL,
    reason           text        NOT NULL,
    field            text,
    error            text        NOT NULL,
    raw              bytea       NOT NULL,
    raw_key          bytea,
    headers          bytea       NOT NULL,
    origin_topic     text,
    origin_partition integer,
    origin_offset    bigint,
    attempts         integer     NOT NULL,
    rounds           integer     NOT NULL,
    trace_id         text,
    opened_at        timestamptz NOT NULL DEFAULT now(),
    closed_at        timestamptz,
    closed_as        text        CHECK (closed_as IN ('superseded', 'retried', 'discarded', 'confirmed')),
    closed_by        text,
    closed_why       text,
    CHECK ((closed_at IS NULL) = (closed_as IS NULL))
);

CREATE UNIQUE INDEX dead_letter_one_open ON publisher.dead_letter (tenant, flow, entity)
    WHERE closed_at IS NULL AND entity IS NOT NULL;
CREATE UNIQUE INDEX dead_letter_no_entity_once ON publisher.dead_letter (dedupe_key) WHERE dedupe_key IS NOT NULL;
-- What waits for a person.
CREATE INDEX dead_letter_open ON publisher.dead_letter (tenant, flow, reason) WHERE closed_at IS NULL;
-- What a source row's next word closes.
CREATE INDEX dead_letter_loose ON publisher.dead_letter (source_ref) WHERE closed_at IS NULL AND entity IS NULL;
CREATE INDEX dead_letter_entity ON publisher.dead_letter (tenant, flow, entity, id);

-- How far each partition has been taken in; above it nothing may be committed at the broker.
CREATE TABLE publisher.ingest_offset (
    topic           text    NOT NULL,
    kafka_partition integer NOT NULL,
    next_offset     bigint  NOT NULL,
    PRIMARY KEY (topic, kafka_partition)
);

-- How far each entity has come, for the poller's heal: the only thing of ours another service reads.
CREATE VIEW publisher.delivery_revision AS
    SELECT tenant, flow, entity, revision, generation, change_no FROM publisher.delivery;

-- include: bridge.durable.sql/lease.sql
-- include: bridge.durable.sql/outbox.sql

GRANT SELECT, INSERT, UPDATE ON publisher.delivery, publisher.dead_letter, publisher.ingest_offset TO bridge_publisher;
GRANT SELECT, INSERT ON publisher.delivery_log TO bridge_publisher;
GRANT SELECT ON ALL TABLES IN SCHEMA publisher TO bridge_console;
GRANT USAGE ON SCHEMA publisher TO bridge_poller;
GRANT SELECT ON publisher.delivery_revision TO bridge_poller;
