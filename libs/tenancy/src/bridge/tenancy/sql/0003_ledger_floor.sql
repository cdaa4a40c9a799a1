-- An invoice at or below the floor may be at Tripletex although nothing here knows of it: put there by somebody else, or
-- by us before a database was restored. It is looked up before it is first sent. Null means every invoice.
ALTER TABLE control.tenant
    ADD COLUMN ledger_floor bigint,
    ADD COLUMN ledger_floor_set_at timestamptz NOT NULL DEFAULT now();
