"""Invoices to the simulated Tripletex: what is stored there, what is told, and what waits or is set aside."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

import pytest

from bridge.contracts.reasons import Reason
from bridge.testkit.mapped_cell import MappedCell, Runner
from bridge.testkit.mapped_invoices import InvoicingTenant, declare_invoicing
from bridge.testkit.simulator_answers import JsonObject
from bridge.testkit.waiting import eventually

CALLS_OF_2S: Mapping[str, object] = {"connect_seconds": 2.0, "read_seconds": 2.0, "total_seconds": 2.0}


def fault(tenant: InvoicingTenant, kind: str, **rule: object) -> None:
    """Switch a misbehaviour of POST /invoice on for the tenant's company."""
    values = {"system": "tripletex", "scope": str(tenant.company), "method": "POST", "path": "^/invoice$", **rule}
    tenant.cell.admin.add_fault(f"{kind}-{tenant.id}", kind=kind, **values)  # type: ignore[arg-type]


def posts(tenant: InvoicingTenant) -> int:
    """Return how many requests tried to make an invoice of this company."""
    return sum(
        one.scope == str(tenant.company) and one.method == "POST" and one.path == "/invoice"
        for one in tenant.cell.admin.requests()
    )


async def steps(tenant: InvoicingTenant, number: int) -> list[str]:
    """Return an invoice's journey to Tripletex; its order and its receipt follow in their own time."""
    beside = ("order", "receipt")
    return [row.text("step") for row in await tenant.cell.log(tenant.id, number) if row.text("step") not in beside]


async def test_invoices_are_stored_whole_once_and_beside_customers(cell: MappedCell, publish: Runner) -> None:
    acme = await declare_invoicing(cell, "acme")
    acme.books.add_departments("44", "144")
    acme.books.add_projects("7")
    lines = [
        {"description": "Kurs, billett", "unitPrice": "42.608696", "quantity": "6", "vatCode": "31"},
        {"description": "Å frakt", "unitPrice": "15.92", "quantity": "-7", "vatCode": "33"},
        {"description": "Overnatting", "unitPrice": "900.00", "quantity": "2", "vatCode": "3"},
    ]
    numbers = range(20001, 20041)
    await cell.send(
        acme.mapped(10472, kid="7000104724", departmentNumber="44", projectNumber="7", lines=lines),
        *(acme.mapped(number) for number in numbers),
        *(cell.mapped(acme.id, number) for number in range(1, 21)),
    )

    async with publish():
        await cell.settled(acme.id, confirmed=61)

    (stored,) = acme.stored(10472)
    assert (stored.invoice_date, stored.due_date, stored.kid) == ("2026-11-10", "2026-11-24", "7000104724")
    assert (stored.customer_number, stored.order_number, stored.mails) == (10002, "510472", 0)
    assert [(one.description, one.unit_price, one.count, one.vat_number) for one in stored.lines] == [
        ("Kurs, billett", Decimal("42.608696"), Decimal(6), "31"),
        ("Å frakt", Decimal("15.92"), Decimal(-7), "33"),
        ("Overnatting", Decimal("900.00"), Decimal(2), "3"),
    ]
    order = next(one for one in acme.books.orders() if one.id == stored.order_id)
    assert (order.order_date, order.delivery_date) == ("2026-11-03", "2026-11-05")
    assert (order.department_number, order.project_number) == ("44", "7")
    assert {number: len(acme.stored(number)) for number in numbers} == dict.fromkeys(numbers, 1)
    row = await acme.row(10472)
    assert (row.text("remote_id"), row.text("order_id")) == (str(stored.id), str(stored.order_id))
    assert posts(acme) == 41


async def test_what_is_missing_refuses_its_own_invoice_and_names_the_field(cell: MappedCell, publish: Runner) -> None:
    acme = await declare_invoicing(
        cell, "acme", customers=[{"name": "Kunde En AS", "customerNumber": 20015}, {"name": "To", "customerNumber": 5}]
    )
    acme.books.set_vat_code("33", active=False)
    lines = [
        {"description": "Frakt", "unitPrice": "100.00", "quantity": "1", "vatCode": "3"},
        {"description": "Overnatting", "unitPrice": "900.00", "quantity": "2", "vatCode": "33"},
    ]
    await cell.send(
        acme.mapped(1, customerNumber=99999),
        acme.mapped(2, lines=lines),
        acme.mapped(3, departmentNumber="44"),
        acme.mapped(4, projectNumber="7"),
        acme.mapped(5),
    )

    async with publish():
        await cell.settled(acme.id, confirmed=1, dead=4)

    assert await acme.letters() == {
        "1": (Reason.CUSTOMER_UNKNOWN, "customerNumber"),
        "2": (Reason.VAT_CODE_INACTIVE, "lines[1].vatCode"),
        "3": (Reason.DEPARTMENT_UNKNOWN, "departmentNumber"),
        "4": (Reason.PROJECT_UNKNOWN, "projectNumber"),
    }
    assert posts(acme) == 1


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        pytest.param("answer_lost", {}, id="the answer is lost"),
        pytest.param("half_answer", {}, id="half an answer"),
        pytest.param("stored_although", {"then": "html500"}, id="an HTML page although it is stored"),
        pytest.param("stored_although", {"then": "pseudo_json500"}, id="no JSON although it is stored"),
        pytest.param("stored_although", {"then": "422"}, id="refused although it is stored"),
        pytest.param("order_left", {"then": "html500"}, id="an order without its invoice"),
        pytest.param("html500", {}, id="an HTML page and nothing stored"),
    ],
)
async def test_whatever_is_answered_the_invoice_is_there_once(
    cell: MappedCell, publish: Runner, kind: str, rule: dict[str, object]
) -> None:
    acme = await declare_invoicing(cell, "acme")
    acme.books.set_rules(uniqueInvoiceNumbers=False, uniqueOrderNumbers=False)
    fault(acme, kind, times=1, **rule)
    await cell.send(acme.mapped(10472))

    async with publish():
        await cell.settled(acme.id, confirmed=1)

    (stored,) = acme.stored(10472)
    assert (await acme.row(10472)).text("remote_id") == str(stored.id)
    assert len(acme.books.orders()) == 1
    # What is not there is made by a second request; what is there is adopted.
    assert posts(acme) == (2 if kind in ("order_left", "html500") else 1)
    assert not await acme.letters()


async def test_t06_an_effect_after_the_time_out_makes_no_second_invoice(cell: MappedCell, publish: Runner) -> None:
    acme = await declare_invoicing(cell, "acme")
    acme.books.set_rules(uniqueInvoiceNumbers=False, uniqueOrderNumbers=False)
    fault(acme, "effect_after", seconds=3.0, times=1)
    await cell.send(acme.mapped(10472))

    async with publish(http=CALLS_OF_2S, delivery={"settle_seconds": 4.0}, unsafe_settle=None):
        await cell.settled(acme.id, confirmed=1)

    assert len(acme.stored(10472)) == 1
    assert posts(acme) == 1
    assert await steps(acme, 10472) == ["ingested", "claimed", "unknown", "claimed", "read_back"]


async def test_without_settle_the_same_effect_does_double_it(cell: MappedCell, publish: Runner) -> None:
    acme = await declare_invoicing(cell, "acme")
    acme.books.set_rules(uniqueInvoiceNumbers=False, uniqueOrderNumbers=False)
    fault(acme, "effect_after", seconds=6.0, times=1)
    await cell.send(acme.mapped(10472))

    async with publish(http=CALLS_OF_2S, delivery={"settle_seconds": 4.0}, unsafe_settle=timedelta(0)):
        await cell.settled(acme.id, confirmed=1)
        await cell.logged(acme.id, "confirmed", 1)

    async def doubled() -> bool:
        return len(acme.stored(10472)) == 2

    await eventually(doubled, 30.0)


async def test_t06_slow_answers_within_the_limit_are_answers_and_no_look_is_needed(
    cell: MappedCell, publish: Runner
) -> None:
    acme, other = await declare_invoicing(cell, "acme"), await declare_invoicing(cell, "other")
    fault(acme, "latency", seconds=5.0)
    await cell.send(acme.mapped(1), acme.mapped(2), *(other.mapped(number) for number in range(1, 11)))

    async with publish():
        await cell.settled(other.id, confirmed=10)
        assert await cell.states(acme.id) != {"confirmed": 2}, "the other tenant waited for the slow calls"
        await cell.settled(acme.id, confirmed=2)

    assert posts(acme) == 2
    assert await steps(acme, 1) == ["ingested", "claimed", "confirmed"]


@pytest.mark.parametrize("form", ["field", "no_field", "both"])
async def test_a_number_that_somebody_else_has_is_a_letter_and_theirs_stays(
    cell: MappedCell, publish: Runner, form: str
) -> None:
    acme = await declare_invoicing(cell, "acme")
    acme.books.set_rules(duplicateForm=form)
    (annen,) = cell.admin.write_customers(acme.company, [{"name": "Annen AS", "customerNumber": 10009}])
    line: JsonObject = {"description": "Leie", "count": 1, "unitPriceExcludingVatCurrency": 99, "vatType": {"id": 3}}
    order: JsonObject = {
        "customer": {"id": annen.id},
        "orderDate": "2026-11-03",
        "deliveryDate": "2026-11-05",
        "orderLines": [line],
    }
    acme.books.make_invoice(
        {"invoiceNumber": 10472, "invoiceDate": "2026-11-10", "invoiceDueDate": "2026-11-24", "orders": [order]}
    )
    await cell.send(acme.mapped(10472))

    async with publish():
        await cell.settled(acme.id, dead=1)

    assert await acme.letters() == {"10472": (Reason.INVOICE_NUMBER_TAKEN, "invoiceNumber")}
    assert [one.customer_number for one in acme.stored(10472)] == [10009]


@pytest.mark.parametrize("form", ["field", "no_field", "both"])
async def test_parts_of_one_order_become_invoices_of_their_own(cell: MappedCell, publish: Runner, form: str) -> None:
    acme = await declare_invoicing(cell, "acme", customers=[{"name": "Annen AS", "customerNumber": 10009}])
    acme.books.set_rules(duplicateForm=form)
    await cell.send(acme.mapped(1, orderNumber="50302"))
    async with publish():
        await cell.settled(acme.id, confirmed=1)
        await cell.send(acme.mapped(2, orderNumber="50302"), acme.mapped(3, orderNumber="50302", customerNumber=10009))
        await cell.settled(acme.id, confirmed=2, dead=1)

    assert await acme.letters() == {"3": (Reason.ORDER_NUMBER_TAKEN, "orderNumber")}
    first, second = acme.books.orders()
    assert (first.number, second.reference) == ("50302", "50302")
    assert second.number != "50302"
    assert (first.invoice_numbers, second.invoice_numbers) == ((1,), (2,))


async def test_a_tenant_without_bank_account_waits_and_flows_by_itself_once_it_is_mended(
    cell: MappedCell, publish: Runner
) -> None:
    acme, other = await declare_invoicing(cell, "acme"), await declare_invoicing(cell, "other")
    acme.books.set_bank_account(None)
    await cell.send(*(acme.mapped(number) for number in range(1, 21)), other.mapped(1), cell.mapped(acme.id, 1))

    async with publish():
        await acme.gate_closed(Reason.BANK_ACCOUNT_MISSING)
        await cell.settled(other.id, confirmed=1)
        await cell.settled(acme.id, confirmed=1, ready=20)
        assert not await acme.letters()

        acme.books.set_bank_account("15032080119")
        await cell.settled(acme.id, confirmed=21)

    assert not await cell.rows("SELECT 1 AS one FROM control.gate")
    assert {len(acme.stored(number)) for number in range(1, 21)} == {1}


async def test_a_right_that_is_missing_waits_behind_the_flows_gate(cell: MappedCell, publish: Runner) -> None:
    acme = await declare_invoicing(cell, "acme")
    acme.books.set_rules(missingRights=["/invoice"])
    await cell.send(acme.mapped(1), cell.mapped(acme.id, 1))

    async with publish():
        await acme.gate_closed(Reason.RIGHTS_MISSING)
        await cell.settled(acme.id, confirmed=1, **{"ready" if posts(acme) == 0 else "in_doubt": 1})
        acme.books.set_rules(missingRights=[])
        await cell.settled(acme.id, confirmed=2)

    assert len(acme.stored(1)) == 1


async def test_a_closed_period_refuses_its_own_invoice_and_lets_the_others_go(
    cell: MappedCell, publish: Runner
) -> None:
    acme = await declare_invoicing(cell, "acme")
    acme.books.close_periods("2026-10")
    await cell.send(acme.mapped(1, invoiceDate="2026-10-31"), *(acme.mapped(number) for number in range(2, 12)))

    async with publish():
        await cell.settled(acme.id, confirmed=10, dead=1)

    assert await acme.letters() == {"1": (Reason.PERIOD_CLOSED, "invoiceDate")}
    assert not await cell.rows("SELECT 1 AS one FROM control.gate")


async def test_tokens_that_are_refused_wait_and_new_ones_let_everything_go(cell: MappedCell, publish: Runner) -> None:
    acme = await declare_invoicing(cell, "acme")
    acme.put_company(f"{acme.id}-newer")
    await cell.send(*(acme.mapped(number) for number in range(1, 6)))

    async with publish():
        await acme.gate_closed(Reason.CREDENTIALS_REFUSED)
        await cell.settled(acme.id, ready=5)
        acme.write_token(f"{acme.id}-newer")
        await cell.settled(acme.id, confirmed=5)

    assert not await acme.letters()
    assert not await cell.rows("SELECT 1 AS one FROM control.gate")


async def test_t07_a_sending_method_that_is_not_possible_is_a_letter_of_its_own(
    cell: MappedCell, publish: Runner
) -> None:
    acme = await declare_invoicing(
        cell, "acme", customers=[{"name": "EHF AS", "customerNumber": 10005, "invoiceSendMethod": "EHF"}]
    )
    acme.books.set_rules(ehfRefusal=True)
    await cell.send(acme.mapped(10306, customerNumber=10005), acme.mapped(2))

    async with publish():
        await cell.settled(acme.id, confirmed=1, dead=1)

    assert await acme.letters() == {"10306": (Reason.SENDING_METHOD_REFUSED, "customerNumber")}


@pytest.mark.parametrize(
    ("rules", "line", "note"),
    [
        pytest.param(
            {"ignoreUnitPrice": True}, ("1250.00", "1"),
            "net 0.00 and 0.00 with VAT instead of net 1250.00 and 1562.50 with VAT", id="prices are ignored",
        ),
        pytest.param(
            {"unitPriceDecimals": 2}, ("0.333333", "3000"),
            "net 990.00 and 1237.50 with VAT instead of net 1000.00 and 1250.00 with VAT", id="prices are cut",
        ),
    ],
)  # fmt: skip
async def test_t03_t16_another_amount_is_confirmed_marked_and_told_to_a_person(
    cell: MappedCell, publish: Runner, rules: dict[str, object], line: tuple[str, str], note: str
) -> None:
    acme = await declare_invoicing(cell, "acme")
    acme.books.set_rules(**rules)  # type: ignore[arg-type]
    lines = [{"description": "Vare", "unitPrice": line[0], "quantity": line[1], "vatCode": "3"}]
    await cell.send(acme.mapped(10302, lines=lines))

    async with publish():
        await cell.settled(acme.id, confirmed=1)

    row = await acme.row(10302)
    assert (row.flag("diverged"), row.text("amount_note")) == (True, note)
    assert await acme.letters() == {"10302": (Reason.AMOUNT_DIFFERS, None)}
    assert posts(acme) == 1


@pytest.mark.parametrize(
    ("rules", "lines", "gross", "note"),
    [
        pytest.param({"vatRounding": "line"}, [("99.99", "1")] * 3, "374.97", "rounding 0.01", id="VAT a line"),
        pytest.param({"vatRounding": "rate"}, [("99.99", "1")] * 3, "374.96", None, id="VAT once a rate"),
        pytest.param({"roundToKroner": True}, [("999.70", "1")], "1250.00", "roundoff 0.37", id="whole kroner"),
        pytest.param({}, [("4720.005", "1"), ("0.005", "-1")], "5900.00", None, id="an exact sum"),
    ],
)
async def test_a01_a02_a22_rounding_is_kept_on_the_row_and_alarms_nobody(
    cell: MappedCell,
    publish: Runner,
    rules: dict[str, object],
    lines: list[tuple[str, str]],
    gross: str,
    note: str | None,
) -> None:
    acme = await declare_invoicing(cell, "acme")
    acme.books.set_rules(**rules)  # type: ignore[arg-type]
    rows = [{"description": "Del", "unitPrice": price, "quantity": count, "vatCode": "3"} for price, count in lines]
    await cell.send(acme.mapped(10402, lines=rows))

    async with publish():
        await cell.settled(acme.id, confirmed=1)

    row = await acme.row(10402)
    assert (row.flag("diverged"), row.text_or_none("amount_note")) == (False, note)
    assert [one.gross for one in acme.stored(10402)] == [Decimal(gross)]
    assert not await acme.letters()


async def test_t04_a_customers_own_discount_changes_no_invoice(cell: MappedCell, publish: Runner) -> None:
    acme = await declare_invoicing(
        cell, "acme", customers=[{"name": "Rabatt AS", "customerNumber": 10004, "discountPercentage": 10}]
    )
    acme.books.set_rules(applyCustomerDiscount=True)
    lines = [{"description": "Tjeneste", "unitPrice": "1000.00", "quantity": "1", "vatCode": "3"}]
    await cell.send(acme.mapped(10303, customerNumber=10004, lines=lines))

    async with publish():
        await cell.settled(acme.id, confirmed=1)

    assert [one.gross for one in acme.stored(10303)] == [Decimal("1250.00")]
    assert not (await acme.row(10303)).flag("diverged")


async def test_t08_one_invoice_that_always_fails_is_a_letter_and_the_others_are_on_time(
    cell: MappedCell, publish: Runner
) -> None:
    acme = await declare_invoicing(cell, "acme")
    fault(acme, "always_500_for", match={"invoiceNumber": 10307})
    await cell.send(acme.mapped(10307), *(acme.mapped(number) for number in range(1, 41)))

    async with publish(delivery={"unknown_rounds": 3}):
        await cell.settled(acme.id, confirmed=40, dead=1)

    assert await acme.letters() == {"10307": (Reason.TARGET_FAILS_ON_THIS, None)}
    assert (await steps(acme, 10307)).count("read_back") == 2


async def test_what_lies_below_the_ledger_floor_is_looked_up_and_adopted_before_anything_is_sent(
    cell: MappedCell, publish: Runner
) -> None:
    acme = await declare_invoicing(cell, "acme")
    acme.books.set_rules(uniqueInvoiceNumbers=False, uniqueOrderNumbers=False)
    await cell.send(acme.mapped(1))
    async with publish():
        await cell.settled(acme.id, confirmed=1)
    await cell.rows("DELETE FROM publisher.delivery WHERE tenant = %(t)s RETURNING 1 AS one", {"t": acme.id})
    await cell.rows(
        "UPDATE control.tenant SET ledger_floor = 10 WHERE tenant = %(t)s RETURNING 1 AS one", {"t": acme.id}
    )
    await cell.send(acme.mapped(1, revision=2), acme.mapped(2), acme.mapped(11))

    async with publish():
        await cell.settled(acme.id, confirmed=3)

    assert [len(acme.stored(number)) for number in (1, 2, 11)] == [1, 1, 1]
    assert posts(acme) == 3


async def test_t25_a_number_shared_with_a_supplier_or_by_two_customers_is_never_guessed(
    cell: MappedCell, publish: Runner
) -> None:
    acme = await declare_invoicing(
        cell,
        "acme",
        customers=[
            {"name": "Leverandør AS", "isCustomer": False, "customerNumber": 0, "supplierNumber": 20015},
            {"name": "Kunde En AS", "customerNumber": 20016},
            {"name": "Kunde To AS", "customerNumber": 20016, "isInactive": True},
            {"name": "Kunde Tre AS", "customerNumber": 20017},
            {"name": "Kunde Fire AS", "customerNumber": 20017},
        ],
    )
    acme.books.set_rules(supplierNumbersMatch=True)
    await cell.send(
        acme.mapped(10325, customerNumber=20015),
        acme.mapped(10326, customerNumber=20016),
        acme.mapped(10327, customerNumber=20017),
    )

    async with publish():
        await cell.settled(acme.id, confirmed=1, dead=2)

    assert await acme.letters() == {
        "10325": (Reason.CUSTOMER_UNKNOWN, "customerNumber"),
        "10327": (Reason.CUSTOMER_AMBIGUOUS, "customerNumber"),
    }
    confirmed = next(row for row in await cell.log(acme.id, 10326) if row.text("step") == "confirmed")
    assert confirmed.text("detail") == "Of 2 customers with number 20016 the one that is active was taken."


async def test_t19_a_field_that_is_suddenly_required_stops_the_flow_of_each_tenant_before_it_fills_the_letters(
    cell: MappedCell, publish: Runner
) -> None:
    field = "orders.orderLines.vatType.name"
    message = {"field": field, "message": "Kan ikke være null.", "path": "orders[0].orderLines[0].vatType.name"}
    body = {"status": 422, "code": 18000, "message": "Validering feilet.", "validationMessages": [message]}
    tenants = [await declare_invoicing(cell, name) for name in ("acme", "other")]
    for tenant in tenants:
        fault(tenant, "status", status=422, body=body)
        await cell.send(*(tenant.mapped(number) for number in range(1, 61)))

    async with publish():
        for tenant in tenants:
            await tenant.gate_closed(Reason.REFUSED_ALIKE)
            await eventually(lambda tenant=tenant: nothing_out(tenant))  # type: ignore[misc]
    letters = [await tenant.letters() for tenant in tenants]
    assert all(20 <= len(found) < 30 for found in letters)
    assert {reason_and_field for found in letters for reason_and_field in found.values()} == {
        (Reason.TARGET_REFUSED, field)
    }
    told = await cell.rows("SELECT DISTINCT error FROM publisher.dead_letter")
    assert [row.text("error") for row in told] == [f"{field}: {message['message']} ({message['path']})"]

    cell.admin.clear_faults()
    await cell.rows("DELETE FROM control.gate RETURNING 1 AS one")
    async with publish():
        for tenant, found in zip(tenants, letters, strict=True):
            await cell.settled(tenant.id, confirmed=60 - len(found), dead=len(found))


async def nothing_out(tenant: InvoicingTenant) -> bool:
    """Whether nothing of the tenant is on its way."""
    return "sending" not in await tenant.cell.states(tenant.id)


async def test_a19_a_pause_of_hours_is_kept_for_that_tenant_alone(cell: MappedCell, publish: Runner) -> None:
    acme, other = await declare_invoicing(cell, "acme"), await declare_invoicing(cell, "other")
    fault(acme, "status", status=429, headers={"Retry-After": "43200"}, times=1)
    await cell.send(acme.mapped(1), acme.mapped(2), other.mapped(1))

    async with publish():
        await acme.gate_closed(Reason.RATE_LIMITED)
        await cell.settled(other.id, confirmed=1)
        await cell.settled(acme.id, ready=2)

    (gate,) = await cell.rows(
        "SELECT until_at > now() + interval '11 hours' AS long FROM control.gate WHERE tenant = %(t)s", {"t": acme.id}
    )
    assert gate.flag("long")
    assert posts(acme) == 1


async def test_a_delivery_is_told_in_the_trace_of_its_event(cell: MappedCell, publish: Runner) -> None:
    acme = await declare_invoicing(cell, "acme")
    trace = "0af7651916cd43dd8448eb211c80319c"
    await cell.send(acme.mapped(1, traceparent=f"00-{trace}-b7ad6b7169203331-01"))

    async with publish():
        await cell.settled(acme.id, confirmed=1)

    assert {row.text("trace_id") for row in await cell.log(acme.id, 1)} == {trace}
    sent = next(row for row in await cell.log(acme.id, 1) if row.text("step") == "confirmed")
    assert sent.text("request_id")
    assert sent.text("how") == "new order"
