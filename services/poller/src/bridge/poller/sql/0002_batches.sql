-- What the poller remembers of OC2's invoice batches.

-- One row per generated batch: when it must be read again. No row of `source_record` can carry it: a batch has no
-- number, no holder and no content, and all of a tenant's are read at every poll, without its thousands of invoices.
CREATE TABLE poller.source_batch (
    tenant        text        NOT NULL CHECK (length(tenant) <= 40),
    batch         bigint      NOT NULL CHECK (batch > 0),
    -- as listed at the last complete read, and whether nothing more could come under that time
    changed_at    timestamptz,
    settled       boolean     NOT NULL,
    read_at       timestamptz NOT NULL DEFAULT now(),
    -- since when the source has not listed it; it is forgotten only after a while, since lists have gaps
    missing_since timestamptz,
    PRIMARY KEY (tenant, batch)
);

-- An invoice that two batches hold waits without its content: its batch is read again when its turn comes.
ALTER TABLE poller.source_record DROP CONSTRAINT source_record_check1;
ALTER TABLE poller.source_record ADD CONSTRAINT source_record_snapshot
    CHECK (snapshot IS NULL OR standing = 'waiting');

GRANT SELECT, INSERT, UPDATE, DELETE ON poller.source_batch TO bridge_poller;
GRANT SELECT ON poller.source_batch TO bridge_console;
