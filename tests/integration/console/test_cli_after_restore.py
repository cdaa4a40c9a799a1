"""`bridge after-restore` over rows of every kind, as a backup holds them."""

from typing import Any

from bridge.contracts.topics import TopicName, wire_name
from bridge.durable.row import Row
from bridge.messaging.consumer import BatchConsumer
from bridge.messaging.producer import BatchProducer
from bridge.messaging.record import Outgoing, TopicPartition
from bridge.runtime.settings import KafkaSettings
from bridge.testkit.console_cell import ConsoleCell

BY_ANNA = ("--who", "anna", "--why", "restored")
REJECTED = '{"batch":88,"status":"REJECTED","reason":"invalid_kid","detail":"KID"}'
TRANSFERRED = '{"batch":88,"status":"TRANSFERRED","id":"501"}'
DUE = "2026-01-01T00:00:00Z"


async def held(cell: ConsoleCell, number: str, state: str, reason: str | None = None, **columns: object) -> None:
    """Let the database hold an invoice in a state; a dead one has an open letter."""
    await cell.told("acme", number, flow="invoices")
    await cell.delivered("acme", number, state, flow="invoices", reason=reason, columns=columns)
    if state == "dead":
        await cell.write(
            "INSERT INTO publisher.dead_letter (tenant, flow, entity, stage, reason, error, raw, headers, attempts,"
            " rounds) VALUES ('acme', 'invoices', %(e)s, 'delivery', %(r)s, 'No.', '', '[]', 1, 0)",
            e=number,
            r=reason,
        )


async def backup(cell: ConsoleCell) -> None:
    """Fill the cell with an invoice of every kind and a customer that was out."""
    await cell.declare("acme")
    await held(cell, "1", "ready")
    await held(cell, "2", "sending", claim_epoch=4, maybe_there=True)
    await held(cell, "3", "in_doubt", read_back=True)
    await held(cell, "4", "dead", "customer_unknown", receipt_wanted=REJECTED, receipt_sent=REJECTED)
    await held(cell, "5", "dead", "invalid_kid", outcome="unmappable", receipt_wanted=REJECTED, receipt_due_at=DUE)
    await held(cell, "6", "dead", "invoice_missing_at_target")
    await held(cell, "7", "discarded", "customer_unknown", receipt_wanted=REJECTED, receipt_sent=REJECTED)
    await held(cell, "8", "confirmed", receipt_wanted=TRANSFERRED, receipt_sent=TRANSFERRED, remote_id="501")
    await held(
        cell,
        "9",
        "sending",
        "amount_differs",
        confirmed_revision=1,
        confirmed_generation=0,
        receipt_wanted=TRANSFERRED,
        receipt_sent=TRANSFERRED,
    )
    await cell.told("acme", "1001")
    await cell.delivered("acme", "1001", "sending", columns={"maybe_there": True, "claim_epoch": 4})
    await cell.told("acme", "1002")
    await cell.delivered("acme", "1002", "confirmed")


async def invoices(cell: ConsoleCell) -> dict[str, Row]:
    rows = await cell.rows(
        "SELECT *, due_at > now() + interval '110 s' AS settles,"
        " receipt_due_at > now() + interval '110 s' AS told_later"
        " FROM publisher.delivery WHERE flow = 'invoices'"
    )
    return {row.text("entity"): row for row in rows}


def states(found: dict[str, Row]) -> dict[str, str]:
    return {number: row.text("state") for number, row in found.items()}


async def everything(cell: ConsoleCell) -> list[dict[str, Any]]:
    """Return every row that the command may touch."""
    found: list[dict[str, Any]] = []
    for table in ("publisher.delivery", "publisher.dead_letter", "poller.source_entity", "poller.source_cursor"):
        rows = await cell.rows(f"SELECT to_jsonb(t) AS row FROM {table} AS t ORDER BY 1")
        found += [dict(row.document("row")) for row in rows]
    rows = await cell.rows("SELECT to_jsonb(t) AS row FROM control.tenant AS t")
    audit = await cell.rows("SELECT to_jsonb(t) AS row FROM control.audit AS t ORDER BY id")
    return [*found, *(dict(row.document("row")) for row in [*rows, *audit])]


async def test_whatever_may_have_been_sent_is_looked_up_and_nothing_is_sent_blindly(cell: ConsoleCell) -> None:
    await backup(cell)

    document = await cell.shell.json("after-restore", *BY_ANNA)
    found = await invoices(cell)

    assert states(found) == {
        **dict.fromkeys(("1", "2", "3", "4", "9"), "in_doubt"),
        "5": "dead",
        "6": "dead",
        "7": "discarded",
        "8": "confirmed",
    }
    assert all(found[number].flag("settles") for number in ("1", "2", "3", "4", "9"))
    unconfirmed = [row for number, row in found.items() if number != "8"]
    assert all(row.flag("maybe_there") and row.flag("read_back") for row in unconfirmed)
    assert all(row["claim_epoch"] is None for row in found.values())
    assert not found["8"].flag("maybe_there")
    assert document["tenants"] == {
        "acme": {
            "letters_closed": 1,
            "invoices_looked_up": 5,
            "invoices_kept": 3,
            "receipts_told_again": 1,
            "customers_read_back": 1,
            "entities_told_again": 11,
        }
    }


async def test_a_receipt_that_may_be_wrong_is_not_told_and_a_right_one_is_told_again(cell: ConsoleCell) -> None:
    await backup(cell)

    await cell.shell.ok("after-restore", *BY_ANNA)
    found = await invoices(cell)

    wanted = {number: row["receipt_wanted"] for number, row in found.items() if row["receipt_wanted"] is not None}
    assert wanted == {"8": TRANSFERRED, "9": TRANSFERRED}
    assert all(found[number].flag("receipt_look") and found[number].flag("told_later") for number in wanted)
    assert all(row["receipt_sent"] is None for row in found.values())
    assert all(row["receipt_due_at"] is None for number, row in found.items() if number not in wanted)
    assert found["9"].text("reason") == "amount_differs"


async def test_letters_of_what_is_looked_up_are_closed_and_those_for_a_person_stay(cell: ConsoleCell) -> None:
    await backup(cell)

    await cell.shell.ok("after-restore", *BY_ANNA)
    letters = await cell.rows("SELECT entity, closed_as, closed_by FROM publisher.dead_letter ORDER BY entity")
    steps = await cell.rows("SELECT entity FROM publisher.delivery_log WHERE outcome = 'after-restore' ORDER BY entity")

    closed = {row.text("entity"): (row["closed_as"], row["closed_by"]) for row in letters}
    assert closed == {"4": ("superseded", "anna"), "5": (None, None), "6": (None, None)}
    assert [row.text("entity") for row in steps] == ["1", "2", "3", "4", "9"]


async def test_everything_is_told_again_under_an_era_above_all_others(cell: ConsoleCell) -> None:
    await backup(cell)
    (before,) = await cell.rows("SELECT max(ledger_floor_set_at) AS at FROM control.tenant")
    await cell.write("UPDATE control.tenant SET ledger_floor = 5000")
    await cell.write("DELETE FROM poller.source_cursor WHERE flow = 'customers'")
    await cell.write("UPDATE poller.source_cursor SET era = 8000000 WHERE flow = 'invoices'")

    await cell.shell.ok("after-restore", *BY_ANNA)
    cursors = await cell.rows("SELECT flow, era FROM poller.source_cursor ORDER BY flow")
    (forgotten,) = await cell.rows("SELECT count(*) FILTER (WHERE source_hash IS NULL) AS n FROM poller.source_entity")
    (tenant,) = await cell.rows("SELECT ledger_floor, ledger_floor_set_at FROM control.tenant")

    eras = {row.text("flow"): row.number("era") for row in cursors}
    assert eras["invoices"] == 8_000_001
    assert 40_000 < eras["customers"] < 8_000_000
    assert forgotten.number("n") == 11
    assert tenant["ledger_floor"] is None
    assert tenant.instant("ledger_floor_set_at") > before.instant("at")


async def test_a_second_run_harms_nothing_and_a_dry_run_changes_nothing(cell: ConsoleCell) -> None:
    await backup(cell)
    untouched = await everything(cell)

    foreseen = await cell.shell.json("after-restore", "--dry-run", *BY_ANNA)
    assert await everything(cell) == untouched
    first = await cell.shell.json("after-restore", *BY_ANNA)
    once = states(await invoices(cell))
    await cell.shell.ok("after-restore", *BY_ANNA)

    assert (foreseen["tenants"], foreseen["dry_run"]) == (first["tenants"], True)
    assert states(await invoices(cell)) == once
    acts = await cell.rows("SELECT who, why FROM control.audit WHERE verb = 'after-restore' AND status = 'done'")
    assert [(row.text("who"), row.text("why")) for row in acts] == [("anna", "restored")] * 2


async def test_it_is_refused_while_a_service_runs_and_names_it(cell: ConsoleCell) -> None:
    await backup(cell)
    await cell.write(
        "INSERT INTO publisher.lease (name, owner, epoch, expires_at) VALUES"
        " ('shard-1', 'pod-7:12:ab', 3, now() + interval '1 h'), ('shard-2', 'pod-8:1:cd', 3, now() - interval '1 s')"
    )
    untouched = await everything(cell)

    ran = await cell.shell.run("after-restore", *BY_ANNA)

    assert (ran.code, "publisher pod-7:12:ab" in ran.sentence, "pod-8" in ran.sentence) == (1, True, False)
    assert await everything(cell) == untouched


async def test_the_stored_offsets_are_raised_to_what_the_group_has_committed(cell: ConsoleCell) -> None:
    await backup(cell)
    await cell.shell.ok("topics", "apply")
    settings = KafkaSettings(bootstrap_servers=cell.shell.environ["KAFKA_BOOTSTRAP_SERVERS"], topic_prefix=cell.prefix)
    topic = wire_name(TopicName.CUSTOMER_MAPPED, cell.prefix)
    async with BatchProducer(settings, "test") as producer:
        await producer.send([Outgoing(topic, b"acme:1", b"{}", ()) for _ in range(3)], deadline_seconds=10)
    async with BatchConsumer(settings, group=f"{cell.prefix}publisher", topics=[topic]) as consumer:
        taken: list[Any] = []
        while len(taken) < 3:
            taken += await consumer.next_batch(1.0)
        await consumer.commit({TopicPartition(topic, taken[-1].partition): taken[-1].offset + 1})

    document = await cell.shell.json("after-restore", *BY_ANNA)
    again = await cell.shell.json("after-restore", *BY_ANNA)

    rows = await cell.rows("SELECT topic, next_offset FROM publisher.ingest_offset")
    assert [(row.text("topic"), row.number("next_offset")) for row in rows] == [(topic, 3)]
    assert (document["partitions"], again["partitions"]) == (1, 0)
