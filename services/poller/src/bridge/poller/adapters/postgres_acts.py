"""Acts of operators that the poller owns, applied as facts in the transaction that finishes them.

`resync`: forget what was last said about a customer, or about all of a tenant, so that the next poll reads everything
and tells it again as new revisions. `poll_now`: the next poll is due at once. `outbox_retry`, `outbox_discard`: the
decision on an outbox row that the broker refused for itself.
"""

from collections.abc import Mapping
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


class PostgresActs:
    """See `ports.Acts`."""

    def __init__(self, db: Database, *, flow: Flow, outbox: Outbox) -> None:
        self._db = db
        self._flow = flow
        self._outbox = outbox
        self._store = ActStore(db)

    async def apply_next(self, charges: Mapping[TenantId, Charge]) -> TenantId | None:
        """Apply one act behind the tenant's fence.

        Acts for paused or removed tenants of our shards wait: their owner does nothing for them.
        """
        shards = {shard_of(tenant) for tenant in charges}
        async with self._db.transaction() as tx:
            for act in await self._store.pending(tx, verbs=VERBS, shards=shards, awake_only=True):
                charge = charges.get(act.tenant) if act.tenant else None
                if charge is None:
                    continue
                await pass_fence(tx, charge.post)
                status, outcome = await self._apply(tx, act, charge)
                await self._store.finish(tx, act.id, status, outcome)
                return charge.post.tenant
        return None

    async def _apply(self, tx: Tx, act: Act, charge: Charge) -> tuple[ActStatus, str]:
        if act.flow not in (None, self._flow):
            return ActStatus.REFUSED, f"The poller does not read the flow {act.flow}."
        if act.verb in (OUTBOX_RETRY, OUTBOX_DISCARD):
            return await self._decide(tx, act, charge.post.tenant)
        who: dict[str, object] = {"tenant": charge.post.tenant, "flow": self._flow.value}
        await tx.execute(QUERIES["due_now"], who)
        if act.verb == POLL_NOW:
            return ActStatus.DONE, "The next poll is due now."
        forgotten = await tx.execute(QUERIES["forget"], {**who, "entity": act.entity})
        if act.entity and not forgotten:
            return ActStatus.REFUSED, f"Customer {act.entity} was never seen at the source."
        return ActStatus.DONE, f"Customers read again and told as new revisions: {forgotten}."

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
