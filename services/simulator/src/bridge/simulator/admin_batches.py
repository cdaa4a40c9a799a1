"""The admin door to OC2's invoice batches: begins, shows, corrects and archives them, and shows all receipts.

Owns its JSON bodies. Rows go in as they are given, broken ones too.
"""

from datetime import datetime

from aiohttp import web

from bridge.simulator.admin_http import TENANT, Handler, admin_routes, tenant_of
from bridge.simulator.exchange import Json, JsonObject, as_list
from bridge.simulator.oc2.batches import Batch, BatchState
from bridge.simulator.oc2.state import Tenant
from bridge.simulator.reading import AdminError, Reader
from bridge.simulator.world import World


class BatchesAdmin:
    """The admin routes of the invoice half of OC2."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """All routes, below a tenant."""
        table: list[tuple[str, str, Handler]] = [
            ("POST", f"{TENANT}/batches", self.post_batch),
            ("GET", f"{TENANT}/batches", self.show_batches),
            ("PATCH", f"{TENANT}/batches/{{batch}}", self.patch_batch),
            ("GET", f"{TENANT}/batches/history", self.show_history),
            ("GET", f"{TENANT}/receipts", self.show_receipts),
        ]
        return admin_routes(table)

    def _tenant(self, request: web.Request) -> Tenant:
        return tenant_of(self._world, request)

    async def post_batch(self, request: web.Request) -> Json:
        """POST `{batchNumber?, invoices?, generatedAt?, changedAt?, and what PATCH takes}`.

        The number is given out at once, also for a batch with `visible` false.
        """
        batches = self._tenant(request).batches
        reader = Reader(await request.json(), "batch")
        number = reader.integer("batchNumber", batches.next_number())
        if number in batches.by_number:
            raise AdminError(f"batch {number} is there; PATCH it")
        now = self._world.clock.epoch()
        generated = _epoch(reader.optional_text("generatedAt"), now)
        batch = Batch(number, generated, generated, rows=as_list(reader.take("invoices")))
        _apply(batch, reader, now=generated)
        batches.by_number[number] = batch
        batches.remember(batch, {}, at=now)
        return batch.as_json()

    async def patch_batch(self, request: web.Request) -> Json:
        """PATCH a batch: put and take back invoices, show, archive, lie about its counts.

        `changedAt` moves to now if rows or visibility change, unless `keepChangedAt` or a `changedAt` is given.
        """
        batches = self._tenant(request).batches
        batch = batches.by_number.get(int(request.match_info["batch"]))
        if batch is None:
            raise AdminError("this tenant has no batch of that number", status=404)
        before, now = batch.shown(), self._world.clock.epoch()
        _apply(batch, Reader(await request.json(), "batch"), now=now)
        batches.remember(batch, before, at=now)
        return batch.as_json()

    async def show_batches(self, request: web.Request) -> Json:
        """GET every batch, shown or not, with its rows and its newest receipts."""
        return [_batch_json(batch) for batch in self._tenant(request).batches.by_number.values()]

    async def show_history(self, request: web.Request) -> Json:
        """GET every state of an invoice in a batch that OC2 ever showed, in order; `row` null: shown no longer."""
        return [
            {
                "seq": state.seq,
                "at": state.at,
                "batchNumber": state.batch_number,
                "invoiceNumber": state.invoice_number,
                "row": state.row,
            }
            for state in self._tenant(request).batches.history
        ]

    async def show_receipts(self, request: web.Request) -> Json:
        """GET every receipt in the order in which it came, repeated ones too."""
        return [
            {"seq": receipt.seq, "at": receipt.at, "batchNumber": receipt.batch_number, **receipt.content}
            for receipt in self._tenant(request).batches.receipts
        ]


def _apply(batch: Batch, reader: Reader, *, now: float) -> None:
    put = as_list(reader.take("put"))
    taken_back = reader.integers("takeBack")
    visible = reader.boolean("visible", batch.visible)
    moved = bool(put or taken_back) or visible is not batch.visible
    batch.visible = visible
    for row in put:
        batch.put(row)
    batch.take_back(sorted(taken_back))
    batch.archived = reader.boolean("archived", batch.archived)
    batch.invoice_count = _lie(reader, "invoiceCount", batch.invoice_count)
    batch.total = _lie(reader, "total", batch.total)
    batch.state = reader.choice("state", BatchState, batch.state)
    keep = reader.boolean("keepChangedAt")
    batch.changed_at = _epoch(reader.optional_text("changedAt"), now if moved and not keep else batch.changed_at)
    reader.finish()
    if taken_back:
        batch.settle_state()


def _lie(reader: Reader, name: str, before: int | None) -> int | None:
    value = reader.take(name)
    return value if isinstance(value, int) else before


def _epoch(text: str | None, default: float) -> float:
    if text is None:
        return default
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise AdminError("batch: times need a zone, for instance Z")
    return moment.timestamp()


def _batch_json(batch: Batch) -> JsonObject:
    newest: list[Json] = [receipt.content for receipt in batch.newest.values()]
    return {
        **batch.as_json(),
        "visible": batch.visible,
        "archived": batch.archived,
        "invoices": batch.ordered_rows(),
        "receipts": newest,
    }
