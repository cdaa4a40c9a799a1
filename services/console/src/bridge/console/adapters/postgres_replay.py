"""What the publisher holds, and the row that a replay keeps its plan and progress in."""

from collections.abc import Collection, Mapping
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from bridge.console.application.replay import VERB, NotResumableError, Plan, Progress, Span
from bridge.console.domain.replay import EntityKey, Standing
from bridge.contracts.identity import EntityNumber, Flow, Generation, Revision, TenantId, Version
from bridge.durable.database import Database
from bridge.durable.queries import load_queries
from bridge.messaging.record import TopicPartition
from bridge.tenancy.acts import ActStatus, ActStore, record_done

_SQL: Final = load_queries("bridge.console.sql", "replay_queries.sql")


class _StoredSpan(BaseModel):
    model_config = ConfigDict(frozen=True)

    topic: str
    partition: int
    start: int
    end: int


class _Stored(BaseModel):
    """The act's args."""

    model_config = ConfigDict(frozen=True)

    spans: tuple[_StoredSpan, ...]
    tenant: str | None
    entity: str | None
    next_offsets: dict[int, int] = {}
    sent: int = 0
    refused: int = 0


class PostgresReplays:
    """See `application.replay.ReplayStore`."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._acts = ActStore(db)

    async def versions(self, keys: Collection[EntityKey]) -> Mapping[EntityKey, Version]:
        """Return the version that the publisher holds of each entity it knows."""
        asked = {
            "tenants": [key.tenant for key in keys],
            "flows": [key.flow.value for key in keys],
            "entities": [key.entity for key in keys],
        }
        async with self._db.transaction() as tx:
            rows = await tx.all(_SQL["versions"], dict(asked))
        return {
            EntityKey(TenantId(row.text("tenant")), Flow(row.text("flow")), EntityNumber(row.text("entity"))): Version(
                Revision(row.number("revision")), Generation(row.number("generation"))
            )
            for row in rows
        }

    async def standings(self) -> Mapping[TenantId, Standing]:
        """Return how every tenant stands."""
        async with self._db.transaction() as tx:
            rows = await tx.all(_SQL["standings"])
        return {
            TenantId(row.text("tenant")): Standing.REMOVED if row.flag("removed") else Standing.PRESENT for row in rows
        }

    async def begin(self, plan: Plan, *, who: str, why: str) -> int:
        """Write the act down and return its id."""
        args = _args(plan, Progress())
        return await self._acts.request(who=who, why=why, verb=VERB, tenant=plan.tenant, entity=plan.entity, args=args)

    async def resumed(self, act_id: int, *, who: str, why: str) -> None:
        """Write down who goes on with a replay, and why."""
        async with self._db.transaction() as tx:
            await record_done(tx, who=who, why=why, verb=f"{VERB}.resume", tenant=None, args={"act": act_id})

    async def note(self, act_id: int, plan: Plan, progress: Progress) -> None:
        """Keep how far the replay has come."""
        async with self._db.transaction() as tx:
            await self._acts.note(tx, act_id, _args(plan, progress))

    async def load(self, act_id: int) -> tuple[Plan, Progress]:
        """Return a replay that was begun and not finished."""
        act = await self._acts.get(act_id)
        if act.verb != VERB or act.status is not ActStatus.REQUESTED:
            raise NotResumableError(f"Act {act_id} is no replay that was begun and not finished; nothing was sent.")
        try:
            stored = _Stored.model_validate(act.args)
        except ValidationError as error:
            raise NotResumableError(f"Act {act_id} is of another release; it cannot be gone on with.") from error
        spans = tuple(Span(TopicPartition(each.topic, each.partition), each.start, each.end) for each in stored.spans)
        plan = Plan(
            spans,
            TenantId(stored.tenant) if stored.tenant is not None else None,
            EntityNumber(stored.entity) if stored.entity is not None else None,
        )
        return plan, Progress(dict(stored.next_offsets), stored.sent, stored.refused)

    async def finish(self, act_id: int, outcome: str) -> None:
        """Mark the act as done."""
        async with self._db.transaction() as tx:
            await self._acts.finish(tx, act_id, ActStatus.DONE, outcome)


def _args(plan: Plan, progress: Progress) -> dict[str, object]:
    stored = _Stored(
        spans=tuple(
            _StoredSpan(topic=span.partition.topic, partition=span.partition.partition, start=span.start, end=span.end)
            for span in plan.spans
        ),
        tenant=plan.tenant,
        entity=plan.entity,
        next_offsets=progress.next_offsets,
        sent=progress.sent,
        refused=progress.refused,
    )
    return stored.model_dump(mode="json")
