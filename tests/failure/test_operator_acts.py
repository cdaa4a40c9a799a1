"""What a person does on the command line, with services as in production and a Tripletex that takes numbers twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from bridge.contracts.identity import Flow
from bridge.testkit.simulator_answers import JsonObject, as_rows, integer, text
from bridge.testkit.system import System
from bridge.testkit.system_invoices import CUSTOMER, invoices

pytestmark = pytest.mark.asyncio(loop_scope="module")

UNKNOWN = 19_999
BY_ANNA = ("--who", "anna", "--why", "agreed with the shop")


async def test_edits_group_retries_and_verification_send_each_invoice_once(system: System) -> None:
    for service in ("poller", "transformer", "publisher"):
        system.start(service)
    await system.ready()
    tenant = await system.declare("edited", flows=[Flow.INVOICES])
    good, *bad = ({**row, "customerNumber": UNKNOWN} for row in invoices(14))
    tenant.begin({**good, "customerNumber": CUSTOMER}, *bad)
    await tenant.settled(confirmed=1, dead=13)

    async def command(*arguments: str, code: int = 0) -> dict[str, Any]:
        ran = await system.shell.run(*arguments, *BY_ANNA, "--json")
        assert ran.code == code, ran
        return ran.document

    listed: Any = await system.shell.json("dead-letters", "list", "--tenant", tenant.id)
    letters = as_rows(listed["letters"])
    refused = await command("dead-letters", "retry", "--tenant", tenant.id, "--reason", "customer_unknown", code=1)
    untried = _untried(letters, text(refused["followed"][0], "entity"))
    edit = await command("dead-letters", "edit", str(untried), "--set", f"customerNumber={CUSTOMER}")
    await tenant.settled(confirmed=2, dead=12)
    system.simulators.write_customers(tenant.company, [{"customerNumber": UNKNOWN, "name": "Sen Kunde AS"}])
    mended = await command("dead-letters", "retry", "--tenant", tenant.id, "--reason", "customer_unknown")
    verified = await command("verify", "--tenant", tenant.id)
    await system.quiet(tenant)
    proof = await system.proof()

    assert (len(refused["followed"]), len(refused["left"])) == (1, 12)
    assert [change["path"] for change in edit["changes"]] == ["customerNumber"]
    assert {each["fate"] for each in mended["followed"]} == {"passed"}
    assert len(mended["followed"]) == 12
    assert verified["totals"] == {"still_there": 14, "missing": 0, "different": 0, "not_known": 0}
    assert tenant.invoices.times_stored() == dict.fromkeys(range(70_001, 70_015), 1)
    assert (proof.code, proof.document["quiet"]) == (0, True), proof
    assert {receipt.status for receipt in tenant.invoices.batches.receipts()[-13:]} == {"TRANSFERRED"}


def _untried(letters: Sequence[JsonObject], tried: str) -> int:
    """Return the newest letter of another invoice than the one that was tried."""
    return max(integer(letter, "letter_id") for letter in letters if text(letter, "entity") != tried)
