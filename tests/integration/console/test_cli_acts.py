"""Acts by a person: gates, dead letters, resync; each with who, why and an audit row, applied by its owner."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from bridge.contracts.identity import SHARDS, Shard
from bridge.tenancy.acts import Act, ActStatus, ActStore
from bridge.testkit.console_cell import ConsoleCell

BY_ANNA = ("--who", "anna", "--why", "because")


@asynccontextmanager
async def an_owner(cell: ConsoleCell, *, done: bool = True) -> AsyncIterator[list[Act]]:
    """Apply every act as its owner would, and remember it."""
    store, applied = ActStore(cell.db), list[Act]()

    async def turn() -> None:
        async with cell.db.transaction() as tx:
            shards = [Shard(number) for number in range(SHARDS)]
            for act in await store.pending(tx, verbs=["retry", "discard", "resync"], shards=shards):
                applied.append(act)
                status = ActStatus.DONE if done else ActStatus.REFUSED
                await store.finish(tx, act.id, status, "It has moved on." if not done else "It is ready.")

    async def forever() -> None:
        while True:
            await turn()
            await asyncio.sleep(0.05)

    task = asyncio.create_task(forever())
    try:
        yield applied
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def letter(cell: ConsoleCell, number: str | None, *, reason: str = "name_missing", revision: int = 7) -> int:
    """Open a dead letter as the publisher does, and return its id."""
    rows = await cell.rows(
        "INSERT INTO publisher.dead_letter (tenant, flow, entity, revision, generation, event_id, stage, reason, field,"
        " error, raw, raw_key, headers, origin_topic, origin_partition, origin_offset, attempts, rounds, trace_id)"
        " VALUES ('acme', 'customers', %(e)s, %(r)s, 0, 'event', 'mapping', %(reason)s, 'name', 'The name is empty.',"
        " %(raw)s, 'acme:1', %(headers)s, 'customer-changed', 3, 42, 0, 2, 'abc') RETURNING id",
        e=number,
        r=revision,
        reason=reason,
        raw=b'{"name": ""}',
        headers=b'[["ce_id", "event"], ["x-odd", "\\u00ff"]]',
    )
    return rows[0].number("id")


async def test_a_gate_closed_by_hand_waits_for_a_person_and_is_audited(cell: ConsoleCell) -> None:
    await cell.declare("acme")

    await cell.shell.ok("gates", "close", "flow", "acme/customers", *BY_ANNA)
    listed = await cell.shell.json("gates", "list", "--tenant", "acme")
    opened = await cell.shell.json("gates", "open", "flow", "acme/customers", *BY_ANNA)
    again = await cell.shell.json("gates", "open", "flow", "acme/customers", *BY_ANNA)

    gates = listed["gates"]
    assert isinstance(gates, list)
    assert [(gate["reason"], gate["closed_by"], gate["why"]) for gate in gates] == [
        ("closed_by_operator", "operator:anna", "because")
    ]
    assert (opened["was_closed"], again["was_closed"]) == (True, False)
    audit = await cell.shell.json("audit", "list", "--tenant", "acme", "--limit", "2")
    acts = audit["acts"]
    assert isinstance(acts, list)
    assert [(act["verb"], act["who"], act["why"]) for act in acts] == [
        ("gate.open", "anna", "because"),
        ("gate.close", "anna", "because"),
    ]


async def test_a_gate_that_is_none_is_refused_before_anything_is_written(cell: ConsoleCell) -> None:
    cell.write_secrets()
    await cell.shell.ok("tenants", "apply", cell.write_file(cell.entry("acme")), *BY_ANNA)
    refused = {
        ("flow", "acme"): (2, "such as acme/customers"),
        ("system", "acme/sap"): (2, "tripletex, oc2"),
        ("host", "acme/oc2"): (2, "tripletex.no"),
        ("flow", "acne/customers"): (1, "no tenant acne"),
        ("flow", "acme/customers"): (1, "go-live"),
    }

    for (scope, subject), (code, said) in refused.items():
        ran = await cell.shell.run("gates", "open", scope, subject, *BY_ANNA)
        assert (ran.code, said in ran.sentence) == (code, True), ran

    assert len(await cell.rows("SELECT id FROM control.audit WHERE verb <> 'migrate'")) == 1


async def test_a_dead_letter_alone_is_enough_to_act_on(cell: ConsoleCell) -> None:
    await cell.declare("acme")
    first = await letter(cell, "1001")
    await letter(cell, None, reason="source_row_unreadable")
    await cell.write("UPDATE publisher.dead_letter SET closed_at = now(), closed_as = 'discarded' WHERE entity IS NULL")

    open_ones = await cell.shell.json("dead-letters", "list", "--tenant", "acme")
    all_of_them = await cell.shell.json("dead-letters", "list", "--all")
    of_a_reason = await cell.shell.json("dead-letters", "list", "--all", "--reason", "source_row_unreadable")
    whole = await cell.shell.json("dead-letters", "show", str(first))
    plain = await cell.shell.ok("dead-letters", "show", str(first))

    assert [len(str(found).split("letter_id")) - 1 for found in (open_ones, all_of_them, of_a_reason)] == [1, 2, 1]
    assert whole["origin"] == {"topic": "customer-changed", "partition": 3, "offset": 42}
    assert whole["raw_text"] == '{"name": ""}'
    assert whole["headers"] == [["ce_id", "event"], ["x-odd", "\ufffd"]]
    assert whole["rounds"] == 2
    for shown in ("customer-changed-3@42", "name_missing", "The name is empty.", "2 rounds", str(whole["remedy"])):
        assert shown in plain.out


async def test_a_retry_carries_the_version_it_was_decided_on_and_waits_for_its_owner(cell: ConsoleCell) -> None:
    await cell.declare("acme")
    about, bare = await letter(cell, "1001"), await letter(cell, None)

    async with an_owner(cell) as applied:
        first = await cell.shell.json("dead-letters", "retry", str(about), *BY_ANNA)
        await cell.shell.ok("dead-letters", "discard", str(bare), *BY_ANNA)
    async with an_owner(cell, done=False):
        refused = await cell.shell.run("dead-letters", "retry", str(about), *BY_ANNA)

    assert (first["status"], first["outcome"]) == ("done", "It is ready.")
    assert (refused.code, "It has moved on." in refused.out) == (1, True)
    retry, discard = applied
    assert retry.version is not None
    assert (retry.verb, retry.tenant, retry.entity, retry.version.revision) == ("retry", "acme", "1001", 7)
    assert (discard.verb, discard.tenant, dict(discard.args)) == ("discard", None, {"letter": bare})


async def test_an_act_that_nobody_waits_for_is_written_down(cell: ConsoleCell) -> None:
    await cell.declare("acme")
    about = await letter(cell, "1001")

    written = await cell.shell.json("dead-letters", "retry", str(about), *BY_ANNA, "--no-wait")

    assert written["status"] == "requested"


async def test_a_closed_or_unknown_letter_is_refused_without_an_act(cell: ConsoleCell) -> None:
    await cell.declare("acme")
    closed = await letter(cell, "1001")
    await cell.write("UPDATE publisher.dead_letter SET closed_at = now(), closed_as = 'superseded'")
    before = len(await cell.rows("SELECT id FROM control.audit"))

    for command, said in (("retry", "superseded already"), ("discard", "superseded already")):
        ran = await cell.shell.run("dead-letters", command, str(closed), *BY_ANNA)
        assert (ran.code, said in ran.sentence) == (1, True)
    unknown = await cell.shell.run("dead-letters", "show", "999")

    assert (unknown.code, "no dead letter 999" in unknown.sentence) == (1, True)
    assert len(await cell.rows("SELECT id FROM control.audit")) == before


async def test_resync_is_asked_of_the_poller_for_one_entity_one_flow_or_all(cell: ConsoleCell) -> None:
    await cell.declare("acme")

    async with an_owner(cell) as applied:
        await cell.shell.ok("resync", "--tenant", "acme", "--customer", "1001", *BY_ANNA)
        await cell.shell.ok("resync", "--tenant", "acme", "--invoice", "10472", *BY_ANNA)
        await cell.shell.ok("resync", "--tenant", "acme", "--flow", "invoices", *BY_ANNA)
        await cell.shell.ok("resync", "--tenant", "acme", *BY_ANNA)
    both = await cell.shell.run("resync", "--tenant", "acme", "--customer", "1", "--invoice", "2", *BY_ANNA)
    unknown = await cell.shell.run("resync", "--tenant", "acne", *BY_ANNA)

    assert [(act.verb, act.tenant, act.flow, act.entity) for act in applied] == [
        ("resync", "acme", "customers", "1001"),
        ("resync", "acme", "invoices", "10472"),
        ("resync", "acme", "invoices", None),
        ("resync", "acme", None, None),
    ]
    assert (both.code, "at most one" in both.sentence) == (2, True)
    assert (unknown.code, "no tenant acne" in unknown.sentence) == (1, True)
