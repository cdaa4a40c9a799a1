"""What holds for every invoice, found by search rather than by example."""

import json
import unicodedata
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.contracts.events.invoice import InvoiceSnapshot, InvoiceWanted
from bridge.contracts.kid import mod10, mod11
from bridge.contracts.reasons import Reason
from bridge.testkit.customer_events import raw_event
from bridge.testkit.invoice_events import invoice_body, invoice_envelope, invoice_line
from bridge.transformer.application.map_batch import map_batch
from bridge.transformer.application.record import SourceRecord
from bridge.transformer.application.route import INVOICES
from bridge.transformer.domain.mapping.invoice import map_invoice

DATES = st.dates().map(lambda day: day.isoformat())
DECIMALS = st.from_regex(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,6})?", fullmatch=True) | st.sampled_from(
    ["0", "-0", "1", "0.005", "-1", "1250.00"]
)
DIGITS = st.text("0123456789", min_size=1, max_size=24)
KIDS = (
    st.none()
    | DIGITS.map(lambda digits: digits + mod10(digits))
    | DIGITS.map(lambda digits: digits + mod11(digits))
    | st.from_regex(r"[0-9]{1,24}[0-9-]", fullmatch=True)
)
CODES = st.sampled_from(["3", "31", "32", "33", "5", "6", "7", "0", "51", "52"]) | st.text(max_size=10)


def _text(most: int) -> st.SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=["Cs"]), max_size=most)


LINES = st.fixed_dictionaries(
    {"description": _text(255), "unitPrice": DECIMALS, "quantity": DECIMALS, "vatCode": CODES}
)
BODIES = st.fixed_dictionaries(
    {
        "batchNumber": st.integers(1, 2**40),
        "invoiceNumber": st.integers(1, 2**32),
        "invoiceDate": DATES,
        "dueDate": DATES,
        "kid": KIDS,
        "orderNumber": _text(50),
        "orderDate": DATES,
        "customerNumber": st.integers(1, 2**32),
        "departmentNumber": st.none() | _text(20),
        "projectNumber": st.none() | _text(20),
        "currency": st.sampled_from(["NOK", "EUR", "JPY", "KWD"]),
        "deliveryDate": st.none() | DATES,
        "totalExcludingVat": st.none() | DECIMALS,
        "lines": st.lists(LINES, min_size=1, max_size=4),
    }
)
SNAPSHOTS = BODIES.map(InvoiceSnapshot.model_validate)
PASSING = st.fixed_dictionaries(
    {
        "kid": st.none() | DIGITS.map(lambda digits: digits + mod11(digits)),
        "deliveryDate": st.none() | DATES,
        "departmentNumber": st.none() | st.from_regex(r"[A-Z0-9 ]{0,19}[A-Z0-9]", fullmatch=True),
        "lines": st.lists(
            st.fixed_dictionaries(
                {
                    "description": _text(200).map(lambda text: unicodedata.normalize("NFC", f"{text[:60]}x")),
                    "unitPrice": st.decimals("0.01", "99999", places=6).map(str),
                    "quantity": st.decimals("1", "999", places=2).map(str),
                    "vatCode": st.sampled_from(["3", "31", "33", "52"]),
                }
            ),
            min_size=1,
            max_size=5,
        ),
    }
)
CENTS = st.lists(st.tuples(st.integers(-(10**7), 10**7), st.integers(1, 99)), min_size=1, max_size=6)


@settings(max_examples=300)
@given(SNAPSHOTS)
def test_every_invoice_maps_or_is_refused_and_always_alike(snapshot: InvoiceSnapshot) -> None:
    event = raw_event(
        invoice_envelope(snapshot.invoice_number), snapshot.model_dump_json(by_alias=True, exclude_none=True).encode()
    )
    record = SourceRecord(INVOICES, "invoice-generated", 0, 0, 0, event.key, event.value, event.headers)

    (mapped,) = map_batch([record])

    assert mapped.envelope.fault_reason is not Reason.UNEXPECTED
    assert map_batch([record]) == [mapped]


@given(PASSING)
def test_every_value_arrives_unchanged_and_the_body_reads_back_as_it_was(fields: dict[str, object]) -> None:
    snapshot = InvoiceSnapshot.model_validate(invoice_body() | fields)

    wanted = map_invoice(snapshot)

    assert isinstance(wanted, InvoiceWanted)
    given_values = snapshot.model_dump(exclude={"batch_number", "total_excluding_vat"})
    given_values["delivery_date"] = snapshot.delivery_date or snapshot.invoice_date
    assert wanted.model_dump(exclude={"notes"}) == given_values
    assert InvoiceWanted.model_validate_json(wanted.model_dump_json(by_alias=True, exclude_none=True)) == wanted


def _no_float(text: str) -> float:
    raise AssertionError(f"the body holds the float {text}")


@given(PASSING)
def test_the_body_holds_no_float(fields: dict[str, object]) -> None:
    wanted = map_invoice(InvoiceSnapshot.model_validate(invoice_body() | fields))

    assert isinstance(wanted, InvoiceWanted)
    json.loads(wanted.model_dump_json(by_alias=True), parse_float=_no_float)


@given(st.lists(st.tuples(DECIMALS, DECIMALS), min_size=1, max_size=6))
def test_the_sign_of_the_exact_sum_decides(pairs: list[tuple[str, str]]) -> None:
    exact = sum((Fraction(price) * Fraction(quantity) for price, quantity in pairs), Fraction())
    lines = [invoice_line(unitPrice=price, quantity=quantity) for price, quantity in pairs]

    mapped = map_invoice(InvoiceSnapshot.model_validate(invoice_body(lines=lines)))

    expected = Reason.INVOICE_NEGATIVE if exact < 0 else None
    if abs(exact) < Fraction(1, 200):
        expected = Reason.INVOICE_OF_ZERO
    assert (None if isinstance(mapped, InvoiceWanted) else mapped.reason) is expected


@given(CENTS, st.integers(-2, 2))
def test_a_total_of_lines_in_whole_oere_must_be_exact(pairs: list[tuple[int, int]], off: int) -> None:
    lines = [invoice_line(unitPrice=str(Decimal(cents) / 100), quantity=str(count)) for cents, count in pairs]
    total = Decimal(sum(cents * count for cents, count in pairs) + off) / 100

    mapped = map_invoice(InvoiceSnapshot.model_validate(invoice_body(lines=lines, totalExcludingVat=str(total))))

    differs = not isinstance(mapped, InvoiceWanted) and mapped.reason is Reason.TOTAL_DIFFERS_FROM_LINES
    assert differs == (off != 0)
