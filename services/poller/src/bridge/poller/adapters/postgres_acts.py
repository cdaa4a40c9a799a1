"""Acts of operators that the poller owns, applied as facts in the transaction that finishes them.

`resync`: forget what was last said about an entity, or about all of a tenant, so that the next poll reads everything
and tells it again as new revisions. `poll_now`: the next poll is due at once. An act that names no flow is about all of
the tenant's flows; one that names an entity and no flow, about a customer. `outbox_retry`, `outbox_discard`: the
decision on an outbox row that the broker refused for itself.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from bridge.contracts.identity import Flow, TenantId, shard_of
from bridge.durable.database import Database, Tx
from bridge.durable.outbox import Outbox
from bridge.poller.adapters.postgres_memory import QUERIES, pass_fence
from bridge.poller.application.ports import Charge
from bridge.tenancy.acts import Act, ActStatus, ActStore

RESYNC: Final = "resync"
POLL_NOW: Final = "poll_now"
OUTBOX_RETRY: Final = "outbox_retry"
OUTBOX_DISCARD: Final = "outbox_discard"
VERBS: Final = (RESYNC, POLL_NOW, OUTBOX_RETRY, OUTBOX_DISCARD)
_MOST_ROWS: Final = 10_000
_WORDS: Final = {Flow.CUSTOMERS: "Customer", Flow.INVOICES: "Invoice"}


class PostgresActs:
    """See `ports.Acts`."""

    def __init__(self, db: Database, *, outbox: Outbox) -> None:
        self._db = db
        self._outbox = outbox
        self._store = ActStore(db)

    async def apply_next(self, charges: Mapping[TenantId, Sequence[Charge]]) -> TenantId | None:
        """Apply one act behind the tenant's fence, in each flow that it is about.

        Acts for paused or removed tenants of our shards wait: their owner does nothing for them.
        """
        shards = {shard_of(tenant) for tenant in charges}
        async with self._db.transaction() as tx:
            for act in await self._store.pending(tx, verbs=VERBS, shards=shards, awake_only=True):
                held = charges.get(act.tenant) if act.tenant else None
                if not held or act.tenant is None:
                    continue
                status, outcome = await self._apply(tx, act, act.tenant, held)
                await self._store.finish(tx, act.id, status, outcome)
                return act.tenant
        return None

    async def _apply(self, tx: Tx, act: Act, tenant: TenantId, held: Sequence[Charge]) -> tuple[ActStatus, str]:
        if act.verb in (OUTBOX_RETRY, OUTBOX_DISCARD):
            for charge in held:
                await pass_fence(tx, charge.post)
            return await self._decide(tx, act, tenant)
        only = act.flow or (Flow.CUSTOMERS if act.entity else None)
        posts = [charge.post for charge in held if only in (None, charge.post.flow)]
        if not posts:
            return ActStatus.REFUSED, f"The poller does not read the flow {only} of {tenant}."
        for post in posts:
            await pass_fence(tx, post)
            await tx.execute(QUERIES["due_now"], {"tenant": tenant, "flow": post.flow.value})
        if act.verb == POLL_NOW:
            return ActStatus.DONE, "The next poll is due now."
        return await self._forget(tx, act, tenant, [post.flow for post in posts])

    async def _forget(self, tx: Tx, act: Act, tenant: TenantId, flows: Sequence[Flow]) -> tuple[ActStatus, str]:
        told: list[str] = []
        for flow in flows:
            values: dict[str, object] = {"tenant": tenant, "flow": flow.value, "entity": act.entity}
            forgotten = await tx.execute(QUERIES["forget"], values)
            if act.entity and not forgotten:
                return ActStatus.REFUSED, f"{_WORDS[flow]} {act.entity} was never seen at the source."
            told.append(f"{_WORDS[flow]}s read again and told as new revisions: {forgotten}.")
        return ActStatus.DONE, " ".join(told)

    async def _decide(self, tx: Tx, act: Act, tenant: TenantId) -> tuple[ActStatus, str]:
        row_id = act.args.get("row")
        waiting = await self._outbox.set_aside(tx, limit=_MOST_ROWS)
        if not isinstance(row_id, int) or (row_id, tenant) not in {(one.row.id, one.row.tenant) for one in waiting}:
            return ActStatus.REFUSED, f"No outbox row {row_id} of {tenant} is set aside any more."
        if act.verb == OUTBOX_RETRY:
            await self._outbox.retry(tx, row_id)
            return ActStatus.DONE, f"Row {row_id} is published again."
        await self._outbox.discard(tx, row_id)
        return ActStatus.DONE, f"Row {row_id} is dropped; what waited behind it goes on."
