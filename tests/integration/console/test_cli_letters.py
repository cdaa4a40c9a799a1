"""Acts on many entities and on contents: group retries, edits, verification, each followed to its end."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from bridge.contracts.identity import SHARDS, Shard
from bridge.durable.database import Tx
from bridge.tenancy.acts import Act, ActStatus, ActStore
from bridge.testkit.console_cell import ConsoleCell

BY_ANNA = ("--who", "anna", "--why", "because")
VERBS = ("retry", "edit", "verify", "discard")
INVOICE: dict[str, Any] = {
    "invoiceNumber": 10472,
    "invoiceDate": "2026-03-01",
    "dueDate": "2026-03-15",
    "orderNumber": "4711",
    "orderDate": "2026-03-01",
    "customerNumber": 10001,
    "currency": "NOK",
    "deliveryDate": "2026-03-01",
    "lines": [{"description": "Hire", "unitPrice": "100.00", "quantity": "1", "vatCode": "3"}],
}


@asynccontextmanager
async def a_publisher(cell: ConsoleCell, becomes: Callable[[Act], tuple[str, str | None]]) -> AsyncIterator[list[Act]]:
    """Apply every act as the publisher does; `becomes` says what the entity is then, and of which reason its letter."""
    store, applied = ActStore(cell.db), list[Act]()

    async def turn() -> None:
        async with cell.db.transaction() as tx:
            for act in await store.pending(tx, verbs=VERBS, shards=[Shard(number) for number in range(SHARDS)]):
                applied.append(act)
                await come_to_rest(tx, act, *becomes(act))
                await store.finish(tx, act.id, ActStatus.DONE, "It is ready.")

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


async def come_to_rest(tx: Tx, act: Act, state: str, reason: str | None) -> None:
    generation = 0 if act.verb == "verify" else act.id
    named: dict[str, object] = {"e": act.entity, "s": state, "g": generation, "r": reason}
    await tx.execute(
        "UPDATE publisher.delivery SET state = %(s)s, generation = %(g)s, reason = %(r)s WHERE entity = %(e)s", named
    )
    await tx.execute(
        "UPDATE publisher.dead_letter SET closed_at = now(), closed_as = 'retried'"
        " WHERE entity = %(e)s AND closed_at IS NULL",
        named,
    )
    if reason is not None:
        await tx.execute(
            "INSERT INTO publisher.dead_letter (tenant, flow, entity, stage, reason, error, raw, headers, attempts,"
            " rounds) VALUES ('acme', 'invoices', %(e)s, 'delivery', %(r)s, 'No.', '', '[]', 1, 1)",
            named,
        )


async def dead(cell: ConsoleCell, number: int, *, rounds: int = 0, kind: str = "invoice.mapped.v1") -> int:
    """Let an invoice be dead, and return its letter's id."""
    columns = {"sent_at": "2026-03-01T12:00:00Z", "receipt_wanted": '{"status":"REJECTED"}'}
    await cell.told("acme", str(number), flow="invoices")
    await cell.delivered("acme", str(number), "dead", flow="invoices", reason="customer_unknown", columns=columns)
    rows = await cell.rows(
        "INSERT INTO publisher.dead_letter (tenant, flow, entity, revision, generation, event_id, stage, reason, error,"
        " raw, headers, origin_topic, origin_partition, origin_offset, attempts, rounds) VALUES ('acme', 'invoices',"
        " %(e)s, 1, 0, 'event', 'delivery', 'customer_unknown', 'No customer 10001.', %(raw)s, %(headers)s,"
        " 'invoice-mapped', 3, 42, 1, %(rounds)s) RETURNING id",
        e=str(number),
        raw=json.dumps({**INVOICE, "invoiceNumber": number}).encode(),
        headers=json.dumps([["ce_type", kind]]).encode(),
        rounds=rounds,
    )
    return rows[0].number("id")


def listed(document: dict[str, object], name: str) -> list[Any]:
    """Return a list of the document."""
    found = document[name]
    assert isinstance(found, list)
    return found


async def test_k19_a_group_stops_at_the_first_letter_that_fails_again(cell: ConsoleCell) -> None:
    await cell.declare("acme")
    letters = [await dead(cell, number) for number in range(10_001, 10_021)]

    async with a_publisher(cell, lambda _: ("dead", "customer_unknown")) as applied:
        ran = await cell.shell.run(
            "dead-letters", "retry", "--tenant", "acme", "--reason", "customer_unknown", *BY_ANNA, "--json"
        )

    assert (ran.code, len(applied), applied[0].entity) == (1, 1, "10001")
    assert (listed(ran.document, "left"), listed(ran.document, "followed")[0]["fate"]) == (letters[1:], "letter")


async def test_k19_a_mended_group_passes_and_what_failed_too_often_is_named(cell: ConsoleCell) -> None:
    await cell.declare("acme")
    for number in range(10_001, 10_021):
        await dead(cell, number)
    worn = await dead(cell, 10_030, rounds=5)

    foreseen = await cell.shell.json("dead-letters", "retry", "--all", "--dry-run", *BY_ANNA)
    async with a_publisher(cell, lambda _: ("confirmed", None)) as applied:
        ran = await cell.shell.run("dead-letters", "retry", "--all", *BY_ANNA)

    assert (ran.code, len(applied)) == (0, 20)
    assert f"Left out: dead letter {worn}" in ran.out
    assert [each["letter"] for each in listed(foreseen, "skipped")] == [worn]
    assert len(listed(foreseen, "letters")) == 20


async def test_an_edit_is_checked_shown_and_asked_for_with_its_whole_content(cell: ConsoleCell, tmp_path: Path) -> None:
    await cell.declare("acme")
    letter = await dead(cell, 10_472)
    (tmp_path / "content.json").write_text(json.dumps({**INVOICE, "customerNumber": 10_002}))
    command = ("dead-letters", "edit", str(letter))

    foreseen = await cell.shell.json(*command, "--set", "customerNumber=10002", "--dry-run", *BY_ANNA)
    refused = await cell.shell.run(*command, "--set", "lines.0.vatCode=1", *BY_ANNA)
    neither = await cell.shell.run(*command, *BY_ANNA)
    same = await cell.shell.run(*command, "--set", "customerNumber=10001", *BY_ANNA)
    async with a_publisher(cell, lambda _: ("ready", None)) as applied:
        plain = await cell.shell.ok(*command, "--file", str(tmp_path / "content.json"), *BY_ANNA)

    assert listed(foreseen, "changes") == [{"path": "customerNumber", "before": "10001", "after": "10002"}]
    assert (refused.code, "lines" in refused.sentence, "nothing was asked for" in refused.sentence) == (1, True, True)
    assert (neither.code, same.code, "changes nothing" in same.sentence) == (1, 1, True)
    (act,) = applied
    assert (act.verb, act.entity, act.version is not None) == ("edit", "10472", True)
    assert json.loads(str(act.args["payload"]))["customerNumber"] == 10_002
    assert "customerNumber: 10001 -> 10002" in plain.out


async def test_what_is_no_content_of_ours_cannot_be_edited_and_a_letter_shows_how_it_stands(cell: ConsoleCell) -> None:
    await cell.declare("acme")
    letter = await dead(cell, 10_472, kind="invoice.unreadable.v1")

    refused = await cell.shell.run("dead-letters", "edit", str(letter), "--set", "kid=null", *BY_ANNA)
    shown = await cell.shell.json("dead-letters", "show", str(letter))
    plain = await cell.shell.ok("dead-letters", "show", str(letter))

    assert (refused.code, "invoice.unreadable.v1" in refused.sentence) == (1, True)
    delivery = shown["delivery"]
    assert isinstance(delivery, dict)
    assert (delivery["state"], delivery["receipt_wanted"]) == ("dead", '{"status":"REJECTED"}')
    assert "invoice-mapped-3@42" in plain.out


async def test_verified_invoices_are_still_there_missing_or_different(cell: ConsoleCell) -> None:
    await cell.declare("acme")
    for number in ("1", "2", "3", "4"):
        await cell.told("acme", number, flow="invoices")
        await cell.delivered("acme", number, "confirmed", flow="invoices")
    await cell.write("UPDATE publisher.delivery SET confirmed_at = '2026-01-01T12:00:00Z' WHERE entity = '4'")
    fates: dict[str, tuple[str, str | None]] = {
        "1": ("confirmed", None),
        "2": ("dead", "invoice_missing_at_target"),
        "3": ("confirmed", "amount_differs"),
    }

    foreseen = await cell.shell.json("verify", "--tenant", "acme", "--dry-run", *BY_ANNA)
    async with a_publisher(cell, lambda act: fates[act.entity or ""]) as applied:
        ran = await cell.shell.run("verify", "--tenant", "acme", "--since", "2026-01-02", *BY_ANNA, "--json")
    async with a_publisher(cell, lambda _: ("confirmed", None)):
        one = await cell.shell.ok("verify", "--tenant", "acme", "--invoice", "1", *BY_ANNA)
    unknown = await cell.shell.run("verify", "--tenant", "acme", "--invoice", "99", *BY_ANNA)

    assert listed(foreseen, "invoices") == ["4", "1", "2", "3"]
    assert {act.verb for act in applied} == {"verify"}
    assert ran.code == 1
    assert ran.document["totals"] == {"still_there": 1, "missing": 1, "different": 1, "not_known": 0}
    assert "1 still there" in one.out
    assert (unknown.code, "No confirmed invoice 99" in unknown.sentence) == (1, True)
