"""Silence at the target: lost answers, late effects, entities that always fail, owners that die."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import pytest

from bridge.contracts.reasons import Reason
from bridge.runtime.checkpoints import Checkpoint
from bridge.testkit.mapped_cell import MappedCell, Runner
from bridge.testkit.waiting import eventually


class DiedError(Exception):
    """Stands for the end of the process."""


class DieOnceAt:
    """Ends the publisher the first time it reaches a checkpoint."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self.died = False

    def __call__(self, checkpoint: Checkpoint, ids: Mapping[str, object]) -> None:
        if checkpoint is self._checkpoint and not self.died:
            self.died = True
            raise DiedError


def calls_of(seconds: float) -> dict[str, object]:
    """Return the settings of calls that last so long at the most."""
    return {"connect_seconds": seconds, "read_seconds": seconds, "total_seconds": seconds}


async def names_at_target(cell: MappedCell, tenant: str, number: int) -> list[object]:
    """Return every name that the target was made to hold for a customer, in order, repeats left out."""
    names: list[object] = []
    for write in cell.admin.ledger(tenant).writes:
        if write.customer_number == number and names[-1:] != [write.content["name"]]:
            names.append(write.content["name"])
    return names


async def test_a_list_whose_answer_is_lost_is_in_doubt_and_then_goes_one_by_one(
    cell: MappedCell, publish: Runner
) -> None:
    await cell.declare("acme")
    acme = cell.tenant("acme")
    await cell.pause(acme, True)
    await cell.send(*(cell.mapped(acme, number) for number in range(1, 11)))
    cell.admin.add_fault(f"lost-{acme}", system="oc2", kind="answer_lost", scope=acme, path="bulk", times=1)

    async with publish():
        await cell.settled(acme, ready=10)
        await cell.pause(acme, False)
        await cell.logged(acme, "unknown", 10)
        await cell.settled(acme, confirmed=10)

    calls = [one.path for one in cell.admin.requests() if one.scope == acme and one.method in ("PUT", "POST")]
    assert sum(path.endswith("/bulk") for path in calls) == 1
    assert len(calls) == 11


async def test_an_effect_after_the_time_out_never_undoes_a_newer_version(cell: MappedCell, publish: Runner) -> None:
    await cell.declare("acme")
    acme = cell.tenant("acme")
    cell.admin.add_fault(
        f"late-{acme}", system="oc2", kind="effect_after", scope=acme, method="PUT", seconds=3.0, times=1
    )
    await cell.send(cell.mapped(acme, 1, name="Gammel AS"))

    async with publish(http=calls_of(2.0), delivery={"settle_seconds": 4.0}, unsafe_settle=None):
        await cell.logged(acme, "unknown", 1)
        await cell.send(cell.mapped(acme, 1, revision=2, name="Ny AS"))
        await cell.settled(acme, confirmed=1)

    assert await names_at_target(cell, acme, 1) == ["Gammel AS", "Ny AS"]
    steps = [row.text("step") for row in await cell.log(acme, 1)]
    assert steps.count("unknown") == 1
    assert steps[-1] == "confirmed"


async def test_without_settle_the_same_effect_does_undo_it(cell: MappedCell, publish: Runner) -> None:
    await cell.declare("acme")
    acme = cell.tenant("acme")
    cell.admin.add_fault(
        f"late-{acme}", system="oc2", kind="effect_after", scope=acme, method="PUT", seconds=6.0, times=1
    )
    await cell.send(cell.mapped(acme, 1, name="Gammel AS"))

    async with publish(http=calls_of(1.0), unsafe_settle=timedelta(0)):
        await eventually(lambda: [one for one in cell.admin.requests() if one.scope == acme and one.method == "PUT"])
        await cell.send(cell.mapped(acme, 1, revision=2, name="Ny AS"))
        await cell.settled(acme, confirmed=1)

        async def undone() -> bool:
            return (await names_at_target(cell, acme, 1))[-1:] == ["Gammel AS"]

        await eventually(undone)


async def test_one_entity_that_always_fails_is_set_aside_and_the_others_are_on_time(
    cell: MappedCell, publish: Runner
) -> None:
    await cell.declare("acme")
    acme = cell.tenant("acme")
    cell.admin.add_fault(f"always-{acme}", system="oc2", kind="always_500_for", scope=acme, match={"customerNumber": 7})
    await cell.send(*(cell.mapped(acme, number) for number in range(1, 21)))

    async with publish(delivery={"unknown_rounds": 3}):
        await cell.settled(acme, confirmed=19, dead=1)
        letter = (await cell.rows("SELECT * FROM publisher.dead_letter"))[0]
        assert letter.text("entity") == "7"
        assert letter.text("reason") == Reason.TARGET_FAILS_ON_THIS.value
        assert not await cell.rows("SELECT * FROM control.gate")

        rounds = [row for row in await cell.log(acme, 7) if row.text("step") == "unknown"]
        assert len(rounds) == 3


@pytest.mark.parametrize(
    ("checkpoint", "writes"),
    [
        pytest.param(Checkpoint.AFTER_CLAIM_COMMIT_BEFORE_REQUEST, 1, id="after the claim, before the request"),
        pytest.param(Checkpoint.AFTER_ANSWER_BEFORE_DONE, 1, id="after the answer, before done"),
    ],
)
async def test_a_new_owner_rests_and_looks_before_it_sends(
    cell: MappedCell, publish: Runner, checkpoint: Checkpoint, writes: int
) -> None:
    await cell.declare("acme")
    acme = cell.tenant("acme")
    await cell.send(cell.mapped(acme, 1))
    death = DieOnceAt(checkpoint)
    with pytest.raises(ExceptionGroup) as raised:
        async with publish(checkpoints=death):
            await asyncio.Event().wait()
    assert raised.group_contains(DiedError)
    assert await cell.states(acme) == {"sending": 1}

    async with publish():
        await cell.settled(acme, confirmed=1)

    steps = [row.text("step") for row in await cell.log(acme, 1)]
    assert "taken_over" in steps
    assert len(cell.admin.ledger(acme).writes) == writes
    looks = [one for one in cell.admin.requests() if one.scope == acme and one.path.endswith("/customers/1")]
    assert any(one.method == "GET" for one in looks)


async def test_a_crash_between_ingest_and_the_offset_commit_takes_the_batch_in_once(
    cell: MappedCell, publish: Runner
) -> None:
    await cell.declare("acme")
    acme = cell.tenant("acme")
    await cell.send(*(cell.mapped(acme, number) for number in range(1, 6)))
    with pytest.raises(ExceptionGroup):
        async with publish(checkpoints=DieOnceAt(Checkpoint.AFTER_INGEST_COMMIT_BEFORE_OFFSET_COMMIT)):
            await asyncio.Event().wait()
    assert await cell.rows("SELECT 1 AS one FROM publisher.delivery")

    async with publish():
        await cell.settled(acme, confirmed=5)

    ingested = [row for row in await cell.log(acme) if row.text("step") == "ingested"]
    assert len(ingested) == 5
