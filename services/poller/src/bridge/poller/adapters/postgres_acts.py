"""Acts of operators that the poller owns, applied as facts in the transaction that finishes them.

`resync`: forget what was last said about a customer, or about all of a tenant, so that the next poll reads everything
and tells it again as new revisions. `poll_now`: the next poll is due at once.
"""

from collections.abc import Mapping
from typing import Final

from bridge.contracts.identity import Flow, TenantId, shard_of
from bridge.durable.database import Database, Tx
from bridge.poller.adapters.postgres_memory import QUERIES, pass_fence
from bridge.poller.application.ports import Charge
from bridge.tenancy.acts import Act, ActStatus, ActStore

RESYNC: Final = "resync"
POLL_NOW: Final = "poll_now"
VERBS: Final = (RESYNC, POLL_NOW)


class PostgresActs:
    """See `ports.Acts`."""

    def __init__(self, db: Database, *, flow: Flow) -> None:
        self._db = db
        self._flow = flow
        self._store = ActStore(db)

    async def apply_next(self, charges: Mapping[TenantId, Charge]) -> TenantId | None:
        """Apply one act behind the tenant's fence.

        Acts for paused or removed tenants of our shards wait: their owner does nothing for them.
        """
        shards = {shard_of(tenant) for tenant in charges}
        async with self._db.transaction() as tx:
            for act in await self._store.pending(tx, verbs=VERBS, shards=shards):
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
        who: dict[str, object] = {"tenant": charge.post.tenant, "flow": self._flow.value}
        await tx.execute(QUERIES["due_now"], who)
        if act.verb == POLL_NOW:
            return ActStatus.DONE, "The next poll is due now."
        forgotten = await tx.execute(QUERIES["forget"], {**who, "entity": act.entity})
        if act.entity and not forgotten:
            return ActStatus.REFUSED, f"Customer {act.entity} was never seen at the source."
        return ActStatus.DONE, f"{forgotten} customers are read again and told as new revisions."
