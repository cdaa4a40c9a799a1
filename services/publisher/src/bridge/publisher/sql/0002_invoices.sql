-- The invoice half of a delivery: the order behind it, what the source is told of it, and the keys people search by.

ALTER TABLE publisher.delivery
    ADD COLUMN order_id          text,
    ADD COLUMN order_due_at      timestamptz,
    ADD COLUMN amount_note       text,
    ADD COLUMN diverged          boolean NOT NULL DEFAULT false,
    -- receipt: what the source shall be told, against what it was told
    ADD COLUMN receipt_wanted    text,
    ADD COLUMN receipt_sent      text,
    ADD COLUMN receipt_due_at    timestamptz,
    ADD COLUMN receipt_out       text,
    ADD COLUMN receipt_out_epoch bigint,
    ADD COLUMN receipt_look      boolean NOT NULL DEFAULT false,
    -- search keys, taken from the payload; bounded, since an index refuses what is too long
    ADD COLUMN kid               text CHECK (length(kid) <= 100),
    ADD COLUMN order_number      text CHECK (length(order_number) <= 100);

-- Receipts that wait, and orders that wait to be closed, tenant by tenant; customers have neither.
CREATE INDEX delivery_receipts ON publisher.delivery (shard, tenant, flow, receipt_due_at)
    WHERE receipt_due_at IS NOT NULL;
CREATE INDEX delivery_orders ON publisher.delivery (shard, tenant, flow, order_due_at) WHERE order_due_at IS NOT NULL;
-- Receipts that are out, for a takeover.
CREATE INDEX delivery_receipts_out ON publisher.delivery (shard) WHERE receipt_out_epoch IS NOT NULL;
CREATE INDEX delivery_kid ON publisher.delivery (kid) WHERE kid IS NOT NULL;
CREATE INDEX delivery_order_number ON publisher.delivery (order_number) WHERE order_number IS NOT NULL;
CREATE INDEX delivery_diverged ON publisher.delivery (tenant) WHERE diverged;
