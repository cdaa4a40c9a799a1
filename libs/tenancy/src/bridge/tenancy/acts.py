"""Operator acts: audit rows that their owner applies as facts and marks done or refused.

Owns `control.audit`. Console and CLI write a row and wait; there is no second way to change anything.
"""

import asyncio
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from bridge.contracts.identity import EntityNumber, Flow, Generation, Revision, Shard, TenantId, Version
from bridge.durable.database import Database, Tx
from bridge.durable.queries import load_queries
from bridge.durable.row import Row, jsonb
from bridge.runtime.errors import BridgeError

_SQL: Final = load_queries("bridge.tenancy.sql", "act_queries.sql")
_LOOK_AGAIN_SECONDS: Final = 0.1


class ActStatus(StrEnum):
    """How far an act has come."""

    REQUESTED = "requested"
    DONE = "done"
    REFUSED = "refused"


class ActNotFoundError(BridgeError):
    """There is no act with this id."""


@dataclass(frozen=True, slots=True)
class Act:
    """One audit row. `version` is the pair that the act was decided on; `id` is the generation it gives."""

    id: int
    at: datetime
    who: str
    why: str
    verb: str
    tenant: TenantId | None
    flow: Flow | None
    entity: EntityNumber | None
    version: Version | None
    args: Mapping[str, object]
    status: ActStatus
    outcome: str | None
    done_at: datetime | None


class ActStore:
    """Requests acts, hands them to their owner, and tells what became of them."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def request(
        self,
        *,
        who: str,
        why: str,
        verb: str,
        tenant: TenantId | None,
        flow: Flow | None = None,
        entity: EntityNumber | None = None,
        version: Version | None = None,
        args: Mapping[str, object] | None = None,
    ) -> int:
        """Write down what a person wants and return the act's id; its owner applies it.

        Raises:
            ConstraintViolatedError: `who` or `why` is empty.
        """
        async with self._db.transaction() as tx:
            values = _values(who, why, verb, tenant, flow, entity, version, args)
            return _id(await tx.one(_SQL["request"], values))

    async def pending(
        self,
        tx: Tx,
        *,
        verbs: Collection[str],
        shards: Collection[Shard],
        awake_only: bool = False,
        limit: int = 50,
    ) -> list[Act]:
        """Return the acts that wait for this owner, oldest first, each held until the transaction ends.

        Args:
            awake_only: Leave out those of paused and removed tenants, for an owner that lets them wait: however many
                they are, they must not stand before everybody else's.
        """
        values: dict[str, object] = {
            "verbs": list(verbs),
            "shards": list(shards),
            "awake_only": awake_only,
            "limit": limit,
        }
        return [to_act(row) for row in await tx.all(_SQL["pending"], values)]

    async def finish(self, tx: Tx, act_id: int, status: ActStatus, outcome: str) -> bool:
        """Say what became of an act, in the transaction that did it; False if it was finished before."""
        return await tx.execute(_SQL["finish"], {"id": act_id, "status": status, "outcome": outcome}) == 1

    async def note(self, tx: Tx, act_id: int, args: Mapping[str, object]) -> bool:
        """Keep how far an act has come in its args, for whoever goes on with it; False if it is finished."""
        return await tx.execute(_SQL["note"], {"id": act_id, "args": jsonb(dict(args))}) == 1

    async def get(self, act_id: int) -> Act:
        """Return one act.

        Raises:
            ActNotFoundError: There is none with this id.
        """
        async with self._db.transaction() as tx:
            row = await tx.one(_SQL["one"], {"id": act_id})
        if row is None:
            raise ActNotFoundError(f"There is no act {act_id} in the audit log.")
        return to_act(row)

    async def wait(self, act_id: int, *, timeout_seconds: float) -> Act:
        """Return the act once it is finished, or as it is when the time is over (status still `requested`)."""
        ends = time.monotonic() + timeout_seconds
        while True:
            act = await self.get(act_id)
            left = ends - time.monotonic()
            if act.status is not ActStatus.REQUESTED or left <= 0:
                return act
            # Polled, since LISTEN does not work behind a pooler in transaction mode.
            await asyncio.sleep(min(_LOOK_AGAIN_SECONDS, left))

    async def of_tenant(self, tenant: TenantId, *, limit: int = 100) -> list[Act]:
        """Return what people did to a tenant, newest first."""
        async with self._db.transaction() as tx:
            rows = await tx.all(_SQL["of_tenant"], {"tenant": tenant, "limit": limit})
        return [to_act(row) for row in rows]


async def ask(tx: Tx, *, who: str, why: str, verb: str, tenant: TenantId) -> int:
    """Ask the owner for an act about a whole tenant if this transaction commits, and return its id."""
    return _id(await tx.one(_SQL["request"], _values(who, why, verb, tenant, None, None, None, {})))


async def record_done(
    tx: Tx,
    *,
    who: str,
    why: str,
    verb: str,
    tenant: TenantId | None,
    args: Mapping[str, object],
    outcome: str = "done",
) -> int:
    """Write down an act that was done in this very transaction, and return its id."""
    values = _values(who, why, verb, tenant, None, None, None, args)
    return _id(await tx.one(_SQL["record"], values | {"outcome": outcome}))


def _values(
    who: str,
    why: str,
    verb: str,
    tenant: TenantId | None,
    flow: Flow | None,
    entity: EntityNumber | None,
    version: Version | None,
    args: Mapping[str, object] | None,
) -> dict[str, object]:
    return {
        "who": who.strip(),
        "why": why.strip(),
        "verb": verb,
        "tenant": tenant,
        "flow": flow,
        "entity": entity,
        "revision": version.revision if version else None,
        "generation": version.generation if version else None,
        "args": jsonb(dict(args or {})),
    }


def _id(row: Row | None) -> int:
    if row is None:
        raise LookupError("INSERT … RETURNING gave no row")
    return row.number("id")


def to_act(row: Row) -> Act:
    """Read an audit row with all its columns."""
    tenant, flow, entity = row.text_or_none("tenant"), row.text_or_none("flow"), row.text_or_none("entity")
    revision, generation = row.number_or_none("revision"), row.number_or_none("generation")
    return Act(
        id=row.number("id"),
        at=row.instant("at"),
        who=row.text("who"),
        why=row.text("why"),
        verb=row.text("verb"),
        tenant=TenantId(tenant) if tenant is not None else None,
        flow=Flow(flow) if flow is not None else None,
        entity=EntityNumber(entity) if entity is not None else None,
        version=Version(Revision(revision), Generation(generation or 0)) if revision is not None else None,
        args=row.document("args"),
        status=ActStatus(row.text("status")),
        outcome=row.text_or_none("outcome"),
        done_at=row.instant_or_none("done_at"),
    )
