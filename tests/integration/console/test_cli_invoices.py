"""Invoices on the command line: where they are, by any key, and the proof of their flow."""

from typing import Any

import pytest

from bridge.contracts.reasons import REASONS, Reason
from bridge.testkit.console_cell import ConsoleCell

KID = "1234567897"
REJECTED = '{"batch":88,"status":"REJECTED","reason":"customer_unknown","detail":"No customer 10001."}'
TRANSFERRED = '{"batch":88,"status":"TRANSFERRED","id":"501"}'


async def invoice(
    cell: ConsoleCell, number: str, state: str, *, tenant: str = "acme", reason: str | None = None, **columns: object
) -> None:
    """Let the poller have told of an invoice, and the publisher have it in a state."""
    await cell.told(tenant, number, flow="invoices")
    await cell.delivered(tenant, number, state, flow="invoices", reason=reason, columns=columns)


def listed(document: dict[str, object], name: str) -> list[dict[str, Any]]:
    """Return a list of the document."""
    found = document[name]
    assert isinstance(found, list)
    return found


async def test_an_invoice_shows_its_batch_its_ids_and_both_receipts(cell: ConsoleCell) -> None:
    await cell.declare("acme")
    await invoice(
        cell,
        "10472",
        "confirmed",
        remote_id="501",
        order_id="9001",
        receipt_wanted=TRANSFERRED,
        receipt_sent=REJECTED,
        receipt_due_at="2026-01-01T00:00:00Z",
        kid=KID,
    )

    document = await cell.shell.json("where", "invoice", "10472", "--tenant", "acme")
    plain = await cell.shell.ok("where", "invoice", "10472", "--tenant", "acme")

    delivery = document["delivery"]
    assert isinstance(delivery, dict)
    assert (delivery["invoice"]["batch"], delivery["invoice"]["order_id"], delivery["remote_id"]) == (88, "9001", "501")
    receipt = delivery["invoice"]["receipt"]
    assert (receipt["wanted"]["status"], receipt["told"]["status"]) == ("TRANSFERRED", "REJECTED")
    for shown in ("Invoice 10472", "It is at Tripletex.", "order 9001", KID, "0af7651916cd43dd8448eb211c80319c"):
        assert shown in plain.out


async def test_what_holds_an_invoice_up_is_shown_with_what_to_do(cell: ConsoleCell) -> None:
    await cell.declare("acme", "beta")
    await invoice(cell, "10472", "dead", reason="customer_unknown")
    await cell.write(
        "INSERT INTO control.gate (scope, subject, tenant, reason, why, closed_by) VALUES"
        " ('flow', 'acme/invoices', 'acme', 'bank_account_missing', 'no account', 'publisher'),"
        " ('flow', 'acme/customers', 'acme', 'closed_by_operator', 'other flow', 'operator:anna'),"
        " ('system', 'beta/tripletex', 'beta', 'target_down', 'other tenant', 'publisher')"
    )
    await cell.write(
        "INSERT INTO publisher.dead_letter (tenant, flow, entity, stage, reason, error, raw, headers, attempts, rounds)"
        " VALUES ('acme', 'invoices', '10472', 'delivery', 'customer_unknown', 'No customer 10001.', '', '[]', 1, 0)"
    )

    document = await cell.shell.json("where", "invoice", "10472", "--tenant", "acme")
    plain = await cell.shell.ok("where", "invoice", "10472", "--tenant", "acme")

    assert [gate["subject"] for gate in listed(document, "gates")] == ["acme/invoices"]
    (letter,) = listed(document, "letters")
    assert letter["remedy"] == REASONS[Reason.CUSTOMER_UNKNOWN].remedy
    assert REASONS[Reason.BANK_ACCOUNT_MISSING].remedy.split(";")[0] in " ".join(plain.out.split())


async def test_one_invoice_with_a_kid_is_shown_whole_and_several_of_an_order_are_listed(cell: ConsoleCell) -> None:
    await cell.declare("acme", "beta")
    await invoice(cell, "10472", "confirmed", kid=KID, order_number="4711")
    await invoice(cell, "10473", "ready", order_number="4711")
    await invoice(cell, "10472", "ready", tenant="beta", order_number="4711")

    by_kid = await cell.shell.json("where", "--kid", KID)
    by_order = await cell.shell.json("where", "--order", "4711")
    of_one = await cell.shell.json("where", "--order", "4711", "--tenant", "beta")
    plain = await cell.shell.ok("where", "--order", "4711")

    assert by_kid["journey"] is not None
    assert [(hit["tenant"], hit["entity"]) for hit in listed(by_kid, "hits")] == [("acme", "10472")]
    assert by_order["journey"] is None
    assert [(hit["tenant"], hit["entity"]) for hit in listed(by_order, "hits")] == [
        ("acme", "10472"),
        ("acme", "10473"),
        ("beta", "10472"),
    ]
    assert len(listed(of_one, "hits")) == 1
    assert "10473" in plain.out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--kid", "1" * 10_000), 2, "10000 characters"),
        (("--order", "9" * 10_000), 2, "10000 characters"),
        (("--kid", ""), 2, "0 characters"),
        (("--kid", "1234567"), 1, "No invoice with the KID 1234567"),
        (("--kid", "1", "--order", "2"), 2, "one of --kid and --order"),
        (("invoice", "1" * 10_000, "--tenant", "acme"), 2, "at most 64 characters"),
        (("invoice", "4", "--tenant", "acme"), 1, "Nothing is known of invoice 4 of tenant acme"),
        (("--kid", "1", "--tenant", "acne"), 1, "no tenant acne"),
    ],
    ids=["long-kid", "long-order", "empty", "unknown", "both", "long-number", "unknown-number", "unknown-tenant"],
)
async def test_k15_a_key_of_any_length_is_answered_with_a_sentence(
    cell: ConsoleCell, arguments: tuple[str, ...], code: int, said: str
) -> None:
    await cell.declare("acme")

    ran = await cell.shell.run("where", *arguments)

    assert (ran.code, said in ran.sentence, len(ran.sentence) < 500) == (code, True, True), ran


async def test_the_proof_of_invoices_knows_letters_receipts_and_versions_of_the_books(cell: ConsoleCell) -> None:
    await cell.declare("acme")
    await invoice(cell, "1", "confirmed", reason="invoice_changed_after_transfer", confirmed_revision=0)
    await invoice(cell, "2", "confirmed", reason="amount_differs", diverged=True)
    await invoice(cell, "3", "dead", reason="customer_unknown", receipt_due_at="2026-01-01T00:00:00Z")
    await invoice(cell, "4", "discarded", reason="invoice_taken_back")
    await invoice(cell, "5", "discarded", reason="invalid_kid")
    await cell.told("acme", "1001")
    await cell.delivered("acme", "1001", "confirmed")

    document = await cell.shell.json("proof")
    plain = await cell.shell.ok("proof")

    customers, invoices = listed(document, "flows")
    assert (customers["flow"], customers["confirmed"], invoices["problems"]) == ("customers", 1, [])
    assert invoices["confirmed_with_letter"] == {"amount_differs": 1, "invoice_changed_after_transfer": 1}
    assert invoices["dead_by_reason"] == {"customer_unknown": 1}
    assert invoices["discarded_by_reason"] == {"given_up_by_operator": 1, "invoice_taken_back": 1}
    assert (invoices["diverged"], invoices["receipts_outstanding"], invoices["quiet"]) == (1, 1, False)
    assert "1 receipts not yet told" in plain.out


async def test_an_invoice_confirmed_in_no_version_or_in_one_never_wanted_breaks_the_proof(cell: ConsoleCell) -> None:
    await cell.declare("acme")
    await invoice(cell, "1", "confirmed", confirmed_revision=2)
    await invoice(cell, "2", "confirmed", confirmed_revision=None, confirmed_generation=None)

    ran = await cell.shell.run("proof", "--json")

    (flow,) = listed(ran.document, "flows")
    assert (ran.code, flow["confirmed_other"]) == (1, 2)


async def test_the_ledger_floor_is_set_by_hand_with_an_audit_row(cell: ConsoleCell) -> None:
    await cell.declare("acme")
    command = ("tenants", "ledger-floor", "acme")
    by_anna = ("--who", "anna", "--why", "OC2 goes on from 10472")

    foreseen = await cell.shell.json(*command, "--at", "10471", "--dry-run", *by_anna)
    untouched = await cell.shell.json("tenants", "list")
    done = await cell.shell.json(*command, "--at", "10471", *by_anna)
    lowered = await cell.shell.json("tenants", "list")
    back = await cell.shell.json(*command, "--at", "all", *by_anna)

    assert (foreseen["after"], listed(untouched, "tenants")[0]["ledger_floor"]) == ("up to 10471", "all")
    assert (done["before"], listed(lowered, "tenants")[0]["ledger_floor"]) == ("all", "up to 10471")
    assert (back["before"], back["after"]) == ("up to 10471", "all")
    acts = await cell.rows(
        "SELECT args ->> 'floor' AS floor FROM control.audit WHERE verb = 'tenant.ledger-floor' ORDER BY id"
    )
    assert [row.text("floor") for row in acts] == ["10471", "all"]


@pytest.mark.parametrize("at", ["-1", "1.5", "none", "9" * 10_000, "2147483648", "²"])
async def test_a_floor_that_is_no_invoice_number_is_refused(cell: ConsoleCell, at: str) -> None:
    await cell.declare("acme")

    ran = await cell.shell.run("tenants", "ledger-floor", "acme", f"--at={at}", "--who", "anna", "--why", "x")

    assert (ran.code, "or 'all'" in ran.sentence) == (2, True)


async def test_status_shows_invoices_beside_customers_with_their_receipts_and_gates(cell: ConsoleCell) -> None:
    await cell.declare("acme")
    await cell.write("UPDATE control.tenant SET spec = jsonb_set(spec, '{flows}', '[\"customers\", \"invoices\"]')")
    await invoice(cell, "1", "confirmed", receipt_due_at="2026-01-01T00:00:00Z")
    await invoice(cell, "2", "ready")
    await cell.write(
        "INSERT INTO control.gate (scope, subject, tenant, reason, why, closed_by) VALUES"
        " ('flow', 'acme/invoices', 'acme', 'bank_account_missing', 'no account', 'publisher')"
    )

    document = await cell.shell.json("status", "--tenant", "acme")
    plain = await cell.shell.ok("status", "--tenant", "acme")

    flows = {flow["flow"]: flow for flow in listed(document, "flows")}
    assert (flows["invoices"]["receipts"], flows["invoices"]["states"]["ready"]) == (1, 1)
    assert flows["customers"]["receipts"] == 0
    said = " ".join(plain.out.split())
    assert "1 receipts to tell" in said
    rows = {flow: next(line for line in plain.out.splitlines() if f" {flow} " in line) for flow in flows}
    assert ("bank_account" in rows["invoices"], "bank_account" in rows["customers"]) == (True, False)
