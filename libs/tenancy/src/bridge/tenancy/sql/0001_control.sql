-- The schema `control`: who the tenants are, what is closed, and what people did.

CREATE TABLE control.tenant (
    tenant text PRIMARY KEY,
    shard smallint NOT NULL,
    name text NOT NULL,
    spec jsonb NOT NULL,
    paused boolean NOT NULL,
    live_at timestamptz,
    removed_at timestamptz,
    changed_at timestamptz NOT NULL DEFAULT now(),
    changed_xid xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX tenant_changed ON control.tenant (changed_xid);
CREATE INDEX tenant_shard ON control.tenant (shard);

-- Readers fetch what changed since their last snapshot; a change made by hand must show up there too.
CREATE FUNCTION control.mark_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed_at := now();
    NEW.changed_xid := pg_current_xact_id();
    RETURN NEW;
END $$;
CREATE TRIGGER mark_change BEFORE INSERT OR UPDATE ON control.tenant
    FOR EACH ROW EXECUTE FUNCTION control.mark_change();

-- A row is a closed gate; an open gate has none. Rows are written on change only.
CREATE TABLE control.gate (
    scope text NOT NULL CHECK (scope IN ('host', 'system', 'flow', 'source')),
    subject text NOT NULL,
    tenant text REFERENCES control.tenant,
    reason text NOT NULL,
    why text NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    until_at timestamptz,
    next_probe_at timestamptz,
    closed_by text NOT NULL,
    half_open boolean NOT NULL DEFAULT false,
    PRIMARY KEY (scope, subject)
);
CREATE INDEX gate_probe ON control.gate (next_probe_at);

-- What people asked for and did; an act is a row that its owner applies. Never pruned.
CREATE TABLE control.audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    who text NOT NULL CHECK (who <> ''),
    why text NOT NULL CHECK (why <> ''),
    verb text NOT NULL,
    tenant text,
    flow text,
    entity text,
    revision bigint,
    generation bigint,
    args jsonb NOT NULL DEFAULT '{}',
    status text NOT NULL CHECK (status IN ('requested', 'done', 'refused')),
    outcome text,
    done_at timestamptz,
    CHECK ((status = 'requested') = (done_at IS NULL))
);
CREATE INDEX audit_requested ON control.audit (verb, id) WHERE status = 'requested';
CREATE INDEX audit_entity ON control.audit (tenant, flow, entity, id);

GRANT USAGE ON SCHEMA control TO bridge_poller, bridge_publisher, bridge_console;
GRANT SELECT ON control.tenant, control.gate, control.audit TO bridge_poller, bridge_publisher, bridge_console;
-- Services close and open gates, and say what became of an act; they neither declare tenants nor act for people.
GRANT INSERT, UPDATE, DELETE ON control.gate TO bridge_poller, bridge_publisher, bridge_console;
GRANT UPDATE (status, outcome, done_at) ON control.audit TO bridge_poller, bridge_publisher;
GRANT INSERT, UPDATE ON control.tenant TO bridge_console;
GRANT INSERT ON control.audit TO bridge_console;
