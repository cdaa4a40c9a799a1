"""Invoices on their way to Tripletex, over books in memory: every answer, and what becomes of the invoice."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bridge.contracts.envelope import Outcome
from bridge.contracts.events.invoice import InvoiceWanted
from bridge.contracts.identity import EntityNumber, EventId, Flow, Revision, TenantId, Version, invoice_ref, shard_of
from bridge.contracts.reasons import Reason
from bridge.publisher.application.deliver_invoices import DeliverInvoices
from bridge.publisher.application.ports import Hold
from bridge.publisher.application.verdict import (
    Absent,
    Adopted,
    Claim,
    Declined,
    Denied,
    Late,
    LookFailed,
    Result,
    Stored,
    Taken,
    Unclear,
    Verdict,
    Waits,
)
from bridge.publisher.domain.delivery.model import Delivery, EntityKey, Sent, State, Wanted
from bridge.publisher.domain.journal import Origin, Parcel
from bridge.remote.errors import CredentialsRefusedError, RateLimitedError
from bridge.remote.outcome import NotSent, Refused, Unauthorized, Unknown
from bridge.remote.problem import FieldProblem
from bridge.runtime.errors import TargetUnavailableError
from bridge.testkit.clock import ManualClock
from bridge.testkit.fake_books import CUSTOMER, FakeBooks, StoredAlthough
from bridge.tripletex.invoice_body import ExistingOrder, InvoiceRequest, NewOrder
from bridge.tripletex.invoices import InvoiceOutcome
from bridge.tripletex.references import CustomerRef, Reference

ACME = TenantId("acme")
DUE = datetime(2026, 1, 1, tzinfo=UTC)
FOREVER = float("inf")


def line(price: str = "1250.00", quantity: str = "1", code: str = "3") -> dict[str, object]:
    """Return one line by its names on the wire."""
    return {"description": "Frakt pall", "unitPrice": price, "quantity": quantity, "vatCode": code}


def body(number: int = 10472, **fields: object) -> bytes:
    """Return a mapped invoice; `fields` replace values by their names on the wire."""
    values: dict[str, object] = {
        "invoiceNumber": number,
        "invoiceDate": "2026-11-10",
        "dueDate": "2026-11-24",
        "orderNumber": f"5{number}",
        "orderDate": "2026-11-03",
        "customerNumber": 10002,
        "currency": "NOK",
        "deliveryDate": "2026-11-05",
        "lines": [line()],
        **fields,
    }
    return InvoiceWanted.model_validate(values).model_dump_json(by_alias=True, exclude_none=True).encode()


def wanted(payload: bytes, *, revision: int = 1, outcome: Outcome = Outcome.MAPPED, number: int = 10472) -> Wanted:
    """Return a version of it."""
    return Wanted(
        Version(Revision(revision)), revision, EventId(f"e{number}-{revision}"), f"hash-{revision}",
        invoice_ref(88, number), 1, None, outcome, payload,
    )  # fmt: skip


def ready(number: int = 10472, *, tenant: TenantId = ACME, payload: bytes | None = None, **fields: object) -> Parcel:
    """Return an invoice that is due."""
    key = EntityKey(tenant, Flow.INVOICES, EntityNumber(str(number)))
    content = wanted(payload or body(number, **fields), number=number)
    return Parcel(Delivery(key, content, State.READY, DUE), Origin("t", 0, number, b"k", ()))


def claimed(parcel: Parcel, **more: object) -> Claim:
    """Return it as claimed for sending; `more` are fields of the delivery."""
    content = parcel.delivery.wanted
    delivery = replace(
        parcel.delivery,
        state=State.SENDING,
        due_at=None,
        attempt=1,
        claim_epoch=1,
        sent=Sent(content.version, content.source_hash, content.payload, DUE),
        maybe_there=True,
    )
    changed = replace(parcel, delivery=replace(delivery, **more))  # type: ignore[arg-type]
    return Claim(changed, Hold(shard_of(parcel.key.tenant), 1, FOREVER), ())


def to_look(parcel: Parcel, **more: object) -> Claim:
    """Return it as claimed for a look."""
    return claimed(parcel, **({"read_back": True, "unknown_rounds": 1} | more))


async def deliver(books: FakeBooks, *claims: Claim, deadline: float = FOREVER) -> list[Result]:
    """Send them as one planned group after the other and return the results in their order."""
    deliverer = DeliverInvoices(books, ManualClock())
    results: list[Result] = []
    for group in deliverer.plan(claims):
        async for part in deliverer.send(group, deadline=lambda: deadline):
            results += part
    return results


async def verdict(books: FakeBooks, claim: Claim) -> Verdict:
    """Send one alone and return what became of it."""
    return verdicts(await deliver(books, claim))[0]


def verdicts(results: Sequence[Result]) -> list[Verdict]:
    """Return what became of each."""
    return [result.verdict for result in results]


def refused(*fields: str | None, status: int = 422) -> Refused:
    """Return a refusal that names these fields."""
    reason = Reason.RIGHTS_MISSING if status == 403 else Reason.TARGET_REFUSED
    problems = tuple(FieldProblem(field, "Validering feilet.") for field in fields)
    return Refused(reason, status, 18000, problems, "Validering feilet.", request_id="req-1")


def declined(verdict: Verdict) -> tuple[Reason, str | None]:
    """Return reason and field of a refusal."""
    assert isinstance(verdict, Declined), verdict
    return verdict.refusal.reason, verdict.refusal.field


@pytest.fixture
def books() -> FakeBooks:
    return FakeBooks()


async def test_an_invoice_goes_out_whole_in_one_call_with_our_number_and_ids_that_were_looked_up(
    books: FakeBooks,
) -> None:
    books.department_rows["44"] = (Reference(61, "44", is_active=True),)
    books.project_rows["7"] = (Reference(62, "7", is_active=True),)
    lines = [line("42.608696", "6", "31"), line("15.92", "-7", "33"), line("900.00", "2", "32")]
    claim = claimed(ready(kid="7000104724", departmentNumber="44", projectNumber="7", lines=lines))

    (result,) = await deliver(books, claim)

    (request,) = books.requests
    assert (request.number, request.invoice_date, request.due_date) == (10472, "2026-11-10", "2026-11-24")
    assert request.kid == "7000104724"
    order = request.order
    assert isinstance(order, NewOrder)
    assert (order.number, order.reference, order.customer_id, order.currency_id) == ("510472", None, 501, 1)
    assert (order.order_date, order.delivery_date) == ("2026-11-03", "2026-11-05")
    assert (order.department_id, order.project_id) == (61, 62)
    assert [(one.unit_price, one.count, one.vat_type_id) for one in order.lines] == [
        (Decimal("42.608696"), Decimal(6), 31),
        (Decimal("15.92"), Decimal(-7), 32),
        (Decimal("900.00"), Decimal(2), 311),
    ]
    assert result.verdict == Stored("new order", remote_id="9000", order_id="7000")
    assert books.calls == [
        "customers", "departments", "projects", "currencies", "vat_types", "create_invoice",
    ]  # fmt: skip


async def test_a_group_shares_its_look_ups_and_each_result_comes_at_once(books: FakeBooks) -> None:
    claims = [claimed(ready(number)) for number in range(1, 6)]

    sending = DeliverInvoices(books, ManualClock()).send(claims, deadline=lambda: FOREVER)
    parts = [(len(part), len(books.invoices)) async for part in sending]

    assert parts == [(1, 1), (1, 2), (1, 3), (1, 4), (1, 5)]
    assert books.calls.count("customers") == books.calls.count("vat_types") == 1


async def test_what_was_ever_in_doubt_goes_alone(books: FakeBooks) -> None:
    claims = [claimed(ready(1)), claimed(ready(2), unknown_rounds=1), to_look(ready(3)), claimed(ready(4))]

    groups = [
        [int(claim.parcel.key.entity) for claim in group]
        for group in DeliverInvoices(books, ManualClock(), group_size=2).plan(claims)
    ]

    assert groups == [[1, 4], [2], [3]]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        pytest.param((), Reason.CUSTOMER_UNKNOWN, id="none, or a supplier alone"),
        pytest.param((CUSTOMER, replace(CUSTOMER, id=502)), Reason.CUSTOMER_AMBIGUOUS, id="two that are active"),
        pytest.param(
            (replace(CUSTOMER, is_inactive=True), replace(CUSTOMER, id=502, is_inactive=True)),
            Reason.CUSTOMER_AMBIGUOUS,
            id="two that are inactive",
        ),
    ],
)
async def test_t25_a_customer_that_is_not_one_refuses_its_own_invoices_alone(
    books: FakeBooks, rows: tuple[CustomerRef, ...], reason: Reason
) -> None:
    books.customer_rows[20015] = rows

    results = await deliver(books, claimed(ready(1, customerNumber=20015)), claimed(ready(2)))

    assert declined(results[0].verdict) == (reason, "customerNumber")
    assert isinstance(results[1].verdict, Stored)
    assert [one.number for one in books.invoices] == [2]


@pytest.mark.parametrize(
    ("rows", "taken"),
    [
        pytest.param((replace(CUSTOMER, id=1, is_inactive=True), CUSTOMER), 501, id="the one that is active"),
        pytest.param((replace(CUSTOMER, is_inactive=True),), 501, id="the only one there is"),
    ],
)
async def test_t25_a_choice_among_customers_is_made_by_rule_and_noted(
    books: FakeBooks, rows: tuple[CustomerRef, ...], taken: int
) -> None:
    books.customer_rows[10002] = rows

    found = await verdict(books, claimed(ready()))

    assert isinstance(found, Stored)
    assert found.detail is not None
    assert "10002" in found.detail
    order = books.requests[0].order
    assert isinstance(order, NewOrder)
    assert order.customer_id == taken


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        pytest.param({"departmentNumber": "44"}, Reason.DEPARTMENT_UNKNOWN, "departmentNumber", id="department"),
        pytest.param({"projectNumber": "7"}, Reason.PROJECT_UNKNOWN, "projectNumber", id="project"),
        pytest.param({"currency": "SEK"}, Reason.CURRENCY_UNKNOWN, "currency", id="currency"),
        pytest.param(
            {"lines": [line(code="3"), line(code="51"), line(code="3"), line(code="51")]},
            Reason.VAT_CODE_INACTIVE,
            "lines[1].vatCode, lines[3].vatCode",
            id="VAT code",
        ),
    ],
)
async def test_a_reference_that_is_missing_names_its_field(
    books: FakeBooks, fields: dict[str, object], reason: Reason, field: str
) -> None:
    books.currency_rows["SEK"] = (Reference(3, "SEK", is_active=False),)

    found = await verdict(books, claimed(ready(**fields)))  # type: ignore[arg-type]

    assert declined(found) == (reason, field)
    assert isinstance(found, Declined)
    assert found.likeness is None
    assert books.requests == []


async def test_t15_a_vat_code_that_is_switched_off_is_told_with_its_lines_and_on_again_at_once(
    books: FakeBooks,
) -> None:
    claim = claimed(ready(10310, lines=[line("900.00", "2", "33"), line("100.00")]))
    off = books.codes.pop("33")
    others = claimed(ready(10311))

    first = verdicts(await deliver(books, claim, others))
    books.codes["33"] = off
    second = await verdict(books, claim)

    assert declined(first[0]) == (Reason.VAT_CODE_INACTIVE, "lines[0].vatCode")
    assert "VAT code 33 on line 1 " in first[0].refusal.detail  # type: ignore[union-attr]
    assert isinstance(first[1], Stored)
    assert isinstance(second, Stored)


async def test_t20_a_missing_department_costs_one_look_up_a_group_and_is_found_as_soon_as_it_is_there(
    books: FakeBooks,
) -> None:
    claims = [claimed(ready(number, departmentNumber="44")) for number in range(1, 301)]

    first = verdicts(await deliver(books, *claims))
    assert {declined(one)[0] for one in first} == {Reason.DEPARTMENT_UNKNOWN}
    assert books.calls.count("departments") == 15
    books.department_rows["44"] = (Reference(61, "44", is_active=True),)

    assert isinstance(await verdict(books, claims[0]), Stored)


@pytest.mark.parametrize(
    ("error", "verdict_type"),
    [
        pytest.param(TargetUnavailableError("down"), Waits, id="down"),
        pytest.param(RateLimitedError("429", retry_after=timedelta(hours=12)), Waits, id="429"),
        pytest.param(CredentialsRefusedError("401"), Denied, id="credentials refused"),
    ],
)
async def test_a_look_up_that_fails_says_nothing_of_any_invoice_and_sends_none(
    books: FakeBooks, error: Exception, verdict_type: type[Verdict]
) -> None:
    books.plan("currencies", error)

    found = verdicts(await deliver(books, claimed(ready(1)), claimed(ready(2))))

    assert [type(one) for one in found] == [verdict_type] * 2
    assert books.requests == []
    if isinstance(error, RateLimitedError):
        assert found[0] == Waits(timedelta(hours=12), "429", Reason.RATE_LIMITED)


async def test_a_body_that_breaks_its_promise_stops_that_invoice_alone(books: FakeBooks) -> None:
    found = verdicts(await deliver(books, claimed(ready(1, payload=b'{"invoiceNumber": "x"}')), claimed(ready(2))))

    assert declined(found[0])[0] is Reason.EVENT_UNREADABLE
    assert isinstance(found[1], Stored)


async def test_nothing_leaves_when_the_right_to_send_has_run_out_or_the_window_is_full(books: FakeBooks) -> None:
    books.wait = 0.0
    assert await verdict(books, claimed(ready())) == Late()
    books.wait = 7.5
    found = await verdict(books, claimed(ready()))

    assert isinstance(found, Waits)
    assert (found.after, found.reason) == (timedelta(seconds=7.5), None)
    assert books.requests == []


@pytest.mark.parametrize(
    ("answer", "verdict_type"),
    [
        pytest.param(Unknown("silence"), Unclear, id="no answer"),
        pytest.param(NotSent(timedelta(hours=12), "429", Reason.RATE_LIMITED), Waits, id="429"),
        pytest.param(Unauthorized(), Denied, id="401"),
        pytest.param(CredentialsRefusedError("no"), Denied, id="no session"),
    ],
)
async def test_what_is_no_refusal_is_taken_as_it_is(
    books: FakeBooks, answer: Unknown | NotSent | Unauthorized | Exception, verdict_type: type[Verdict]
) -> None:
    books.plan("create_invoice", answer)

    found = await verdict(books, claimed(ready()))

    assert isinstance(found, verdict_type)
    assert "find_invoices" not in books.calls


# -- amounts ------------------------------------------------------------------------------------------------------


async def test_t03_an_invoice_of_zero_that_has_lines_is_confirmed_and_marked_as_diverged(books: FakeBooks) -> None:
    made = await FakeBooks().create_invoice(ACME, await _request(ready()), not_after=FOREVER)
    assert not isinstance(made, Refused | NotSent | Unknown | Unauthorized)
    books.plan("create_invoice", replace(made, net=Decimal(0), gross=Decimal(0)))

    found = await verdict(books, claimed(ready()))

    assert isinstance(found, Stored)
    assert found.amount_note == "net 0.00 and 0.00 with VAT instead of net 1250.00 and 1562.50 with VAT"
    assert found.diverged is not None
    assert found.diverged.reason is Reason.AMOUNT_DIFFERS


async def _request(parcel: Parcel) -> InvoiceRequest:
    """Return the request that the parcel becomes."""
    books = FakeBooks()
    await deliver(books, claimed(parcel))
    return books.requests[0]


# -- looks --------------------------------------------------------------------------------------------------------


async def test_a_lost_answer_is_found_and_adopted_without_a_request(books: FakeBooks) -> None:
    parcel = ready(kid="7000104724")
    books.plan("create_invoice", StoredAlthough(Unknown("reset")))
    assert isinstance(await verdict(books, claimed(parcel)), Unclear)
    books.calls.clear()

    found = await verdict(books, to_look(parcel))

    assert found == Adopted(Version(Revision(1)), "9000", "7000")
    assert books.calls == ["find_invoices", "vat_types"]


async def test_a_look_takes_the_newest_content_where_that_is_what_is_there(books: FakeBooks) -> None:
    parcel = ready()
    newer = wanted(body(dueDate="2026-12-24"), revision=2)
    await deliver(books, claimed(ready(dueDate="2026-12-24")))
    claim = to_look(replace(parcel, delivery=replace(parcel.delivery)), wanted=newer)

    found = await verdict(books, claim)

    assert isinstance(found, Adopted)
    assert (found.version, found.differs) == (Version(Revision(2)), None)


async def test_an_invoice_that_a_person_has_changed_is_adopted_with_the_fields_that_differ(books: FakeBooks) -> None:
    await deliver(books, claimed(ready()))
    books.invoices[0] = replace(books.invoices[0], due_date="2026-12-01", kid="42")

    found = await verdict(books, to_look(ready()))

    assert isinstance(found, Adopted)
    assert found.differs is not None
    assert found.differs.reason is Reason.ADOPTED_BUT_DIFFERENT
    assert found.differs.detail == "Tripletex has dueDate 2026-12-01 instead of 2026-11-24; kid 42 instead of none."


async def test_an_adopted_invoice_with_another_amount_needs_a_person(books: FakeBooks) -> None:
    await deliver(books, claimed(ready()))
    books.invoices[0] = replace(books.invoices[0], net=Decimal(1125))

    found = await verdict(books, to_look(ready()))

    assert isinstance(found, Adopted)
    assert found.differs is not None
    assert found.differs.reason is Reason.AMOUNT_DIFFERS


async def somebody_else_invoices(books: FakeBooks) -> None:
    """Let another customer have an invoice with our number, made without our mark."""
    books.customer_rows[10009] = (CustomerRef(509, 10009, "Annen AS", is_inactive=False),)
    await deliver(books, claimed(ready(customerNumber=10009, orderNumber="1")))
    books.invoices[-1] = replace(books.invoices[-1], order_marker=None)


async def test_an_invoice_with_our_mark_is_ours_although_we_know_its_content_no_more(books: FakeBooks) -> None:
    books.customer_rows[10009] = (CustomerRef(509, 10009, "Annen AS", is_inactive=False),)
    await deliver(books, claimed(ready(customerNumber=10009, orderNumber="1")))

    found = await verdict(books, to_look(ready()))

    assert isinstance(found, Adopted)
    assert found.differs is not None
    assert (found.differs.reason, "10009" in found.differs.detail) == (Reason.ADOPTED_BUT_DIFFERENT, True)


async def test_the_number_with_somebody_else_is_taken(books: FakeBooks) -> None:
    await somebody_else_invoices(books)

    found = await verdict(books, to_look(ready()))

    assert isinstance(found, Taken)
    assert (found.refusal.reason, found.refusal.field) == (Reason.INVOICE_NUMBER_TAKEN, "invoiceNumber")
    assert "10009" in found.refusal.detail


async def test_among_several_invoices_with_the_number_ours_is_found(books: FakeBooks) -> None:
    await somebody_else_invoices(books)
    await deliver(books, claimed(ready()))

    found = await verdict(books, to_look(ready()))

    assert isinstance(found, Adopted)
    assert found.remote_id == "9001"


async def test_an_order_that_was_left_without_its_invoice_is_found_and_its_invoice_made(books: FakeBooks) -> None:
    parcel = ready()
    books.plan("create_invoice", StoredAlthough(Unknown("html"), order_alone=True))
    await deliver(books, claimed(parcel))

    assert await verdict(books, to_look(parcel)) == Absent("7000")
    found = await verdict(books, claimed(parcel, order_id="7000", unknown_rounds=1))

    assert isinstance(found, Stored)
    assert found.how == "order left over"
    assert books.requests[-1].order == ExistingOrder(7000)
    assert len(books.orders) == len(books.invoices) == 1


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"customer_id": 999}, id="another customer"),
        pytest.param({"charged": (True,)}, id="invoiced"),
        pytest.param({"is_closed": True}, id="closed"),
        pytest.param({"marker": "(OC2 1047)"}, id="another invoice's"),
        pytest.param({"lines": ()}, id="other lines"),
    ],
)
async def test_an_order_that_is_not_this_content_without_its_invoice_is_left_alone(
    books: FakeBooks, changes: dict[str, object]
) -> None:
    books.plan("create_invoice", StoredAlthough(Unknown("html"), order_alone=True))
    await deliver(books, claimed(ready()))
    books.orders[0] = replace(books.orders[0], **changes)  # type: ignore[arg-type]

    assert await verdict(books, to_look(ready())) == Absent(None)


async def test_a_look_that_fails_keeps_the_doubt(books: FakeBooks) -> None:
    books.plan("find_invoices", TargetUnavailableError("down"))

    found = await verdict(books, to_look(ready()))

    assert isinstance(found, LookFailed)
    assert books.requests == []


@pytest.mark.parametrize("outcome", [Outcome.WITHDRAWN, Outcome.UNMAPPABLE])
async def test_an_invoice_that_a_restored_database_never_sent_and_wants_no_more_is_known_by_our_mark(
    books: FakeBooks, outcome: Outcome
) -> None:
    await deliver(books, claimed(ready()))
    gone = replace(ready(), delivery=replace(ready().delivery, wanted=wanted(b"{}", revision=2, outcome=outcome)))

    found = await verdict(books, to_look(gone, sent=None))

    assert isinstance(found, Adopted)
    assert (found.version, found.remote_id) == (Version(Revision(2)), "9000")
    assert found.differs is not None
    assert found.differs.reason is Reason.INVOICE_CHANGED_AFTER_TRANSFER

    books.invoices[-1] = replace(books.invoices[-1], order_marker=None)
    assert await verdict(books, to_look(gone, sent=None)) == Absent(None), "somebody else's is nothing to us any more"


# -- refusals -----------------------------------------------------------------------------------------------------


async def test_a_refusal_that_hides_our_own_invoice_is_no_refusal(books: FakeBooks) -> None:
    books.plan("create_invoice", StoredAlthough(refused("invoiceNumber")))

    found = await verdict(books, claimed(ready()))

    assert isinstance(found, Adopted)
    assert found.remote_id == "9000"


async def test_a_refused_number_that_somebody_else_has_is_taken(books: FakeBooks) -> None:
    await somebody_else_invoices(books)
    books.plan("create_invoice", refused("invoiceNumber"))

    assert isinstance(await verdict(books, claimed(ready())), Taken)


async def test_a_refusal_whose_look_fails_stays_in_doubt(books: FakeBooks) -> None:
    books.plan("create_invoice", refused(None))
    books.plan("find_invoices", TargetUnavailableError("down"))

    assert isinstance(await verdict(books, claimed(ready())), Unclear)


@pytest.mark.parametrize("named", [("orders.number",), (None,), (None, "orders.number")])
async def test_a_later_part_of_an_order_goes_without_its_number_and_names_it_as_reference(
    books: FakeBooks, named: tuple[str | None, ...]
) -> None:
    await deliver(books, claimed(ready(1, orderNumber="50302")))
    books.plan("create_invoice", refused(*named))

    found = await verdict(books, claimed(ready(2, orderNumber="50302")))

    assert isinstance(found, Stored)
    assert found.how == "part delivery"
    order = books.requests[-1].order
    assert isinstance(order, NewOrder)
    assert (order.number, order.reference) == (None, "50302")
    books.calls.clear()
    adopted = await verdict(books, to_look(ready(2, orderNumber="50302")))
    assert isinstance(adopted, Adopted)


async def test_an_order_of_this_very_invoice_that_holds_the_number_is_taken_up(books: FakeBooks) -> None:
    books.plan("create_invoice", StoredAlthough(Unknown("html"), order_alone=True), refused("orders.number"))
    await deliver(books, claimed(ready()))

    found = await verdict(books, claimed(ready()))

    assert isinstance(found, Stored)
    assert found.how == "order left over"
    assert len(books.orders) == 1


async def test_an_order_number_that_somebody_else_holds_is_taken(books: FakeBooks) -> None:
    books.customer_rows[10009] = (CustomerRef(509, 10009, "Annen AS", is_inactive=False),)
    await deliver(books, claimed(ready(1, customerNumber=10009, orderNumber="50302")))
    books.plan("create_invoice", refused("orders.number"), refused("orders.number"))

    by_order = await verdict(books, claimed(ready(2, orderNumber="50302")))
    by_project = await verdict(books, claimed(ready(3, orderNumber="7")))

    assert declined(by_order) == declined(by_project) == (Reason.ORDER_NUMBER_TAKEN, "orderNumber")
    assert len(books.requests) == 3


@pytest.mark.parametrize("named", ["orders.number", None])
@pytest.mark.parametrize(
    "holder",
    [
        pytest.param({"customer_number": 10009}, id="somebody else's"),
        pytest.param({"charged": (False,), "marker": None}, id="one that a person has begun for the customer"),
    ],
)
async def test_an_order_that_is_no_part_of_ours_gets_no_invoice(
    books: FakeBooks, named: str | None, holder: dict[str, object]
) -> None:
    await deliver(books, claimed(ready(1, orderNumber="50302")))
    books.orders[0] = replace(books.orders[0], **holder)  # type: ignore[arg-type]
    books.plan("create_invoice", refused(named))

    found = await verdict(books, claimed(ready(2, orderNumber="50302")))

    assert declined(found) == (Reason.ORDER_NUMBER_TAKEN, "orderNumber")
    assert len(books.requests) == 2


async def test_there_is_never_a_third_request(books: FakeBooks) -> None:
    await deliver(books, claimed(ready(1, orderNumber="50302")))
    books.plan("create_invoice", refused("orders.number"), refused("orders.number"))

    found = await verdict(books, claimed(ready(2, orderNumber="50302")))

    assert isinstance(found, Declined)
    assert len(books.requests) == 3


async def test_a_company_without_bank_account_waits(books: FakeBooks) -> None:
    books.ready = False
    books.plan("create_invoice", refused(None))

    found = await verdict(books, claimed(ready()))

    assert isinstance(found, Denied)
    assert found.reason is Reason.BANK_ACCOUNT_MISSING


async def test_a_403_is_looked_up_and_then_the_tenant_waits(books: FakeBooks) -> None:
    books.plan("create_invoice", refused(status=403))

    found = await verdict(books, claimed(ready()))

    assert isinstance(found, Denied)
    assert found.reason is Reason.RIGHTS_MISSING
    assert "find_invoices" in books.calls


@pytest.mark.parametrize("named", ["invoiceDate", None, "something.new"])
async def test_a_closed_period_refuses_its_own_invoice_alone(books: FakeBooks, named: str | None) -> None:
    books.closed_days = frozenset({"2026-10-31"})
    books.plan("create_invoice", refused(named))

    found = verdicts(await deliver(books, claimed(ready(1, invoiceDate="2026-10-31")), claimed(ready(2))))

    assert declined(found[0]) == (Reason.PERIOD_CLOSED, "invoiceDate")
    assert isinstance(found[1], Stored)
    assert isinstance(found[0], Declined)
    assert found[0].likeness is None


@pytest.mark.parametrize("method", ["EHF", "EFAKTURA"])
async def test_t07_a_sending_method_that_is_not_possible_is_told_as_such_with_the_words_as_they_came(
    books: FakeBooks, method: str
) -> None:
    books.customer_rows[10002] = (replace(CUSTOMER, invoice_send_method=method),)
    problem = FieldProblem(None, 'No EHF for this <a href="/x">customer</a>.')
    books.plan("create_invoice", replace(refused(), fields=(problem,)))

    found = await verdict(books, claimed(ready()))

    assert declined(found) == (Reason.SENDING_METHOD_REFUSED, "customerNumber")
    assert problem.message in found.refusal.detail  # type: ignore[union-attr]
    assert isinstance(await verdict(books, claimed(ready())), Stored)


async def test_a_vat_type_that_is_refused_is_looked_up_anew_and_told_by_line(books: FakeBooks) -> None:
    class SwitchesOff(FakeBooks):
        async def create_invoice(
            self, tenant: TenantId, invoice: InvoiceRequest, *, not_after: float
        ) -> InvoiceOutcome:
            self.codes.pop("33", None)
            return refused("orders.orderLines.vatType.id")

    found = await verdict(SwitchesOff(), claimed(ready(lines=[line(), line(code="33")])))

    assert declined(found) == (Reason.VAT_CODE_INACTIVE, "lines[1].vatCode")


async def test_a_refusal_that_nothing_explains_keeps_fields_words_and_likeness(books: FakeBooks) -> None:
    field = "orders.orderLines.vatType.name"
    books.plan("create_invoice", refused(field))

    (result,) = await deliver(books, claimed(ready()))

    assert declined(result.verdict) == (Reason.TARGET_REFUSED, field)
    assert isinstance(result.verdict, Declined)
    assert result.verdict.likeness == f"status 422, code 18000, fields {field}"
    assert result.call is not None
    assert result.call.request_id == "req-1"


async def test_a_refusal_whose_cause_cannot_be_asked_for_waits(books: FakeBooks) -> None:
    books.plan("create_invoice", refused(None))
    books.plan("bank_account_ready", TargetUnavailableError("down"))

    assert isinstance(await verdict(books, claimed(ready())), Waits)
