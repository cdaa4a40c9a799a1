"""Cases from the field about invoices, as far as the mapping decides them; each test's name carries the case."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping

import pytest

from bridge.contracts.events.invoice import InvoiceSnapshot, InvoiceWanted
from bridge.contracts.events.unmappable import Unmappable
from bridge.contracts.reasons import REASONS, Reason
from bridge.testkit.customer_events import raw_event
from bridge.testkit.invoice_events import invoice_body, invoice_envelope, invoice_line
from bridge.transformer.application.map_batch import map_batch
from bridge.transformer.application.record import SourceRecord
from bridge.transformer.application.route import INVOICES
from bridge.transformer.domain.mapping.invoice import map_invoice
from bridge.transformer.domain.unmapped import Unmapped

D01_LINES = [
    ("Barbar PC", "1273.00", "1", "3"),
    ("Returnert fagbok", "3.96", "-1", "31"),
    ("Lommebok", "2.48", "2", "31"),
    ("Returnert bruktvare, fritatt", "25.00", "-1", "5"),
    ("Nettkabel", "0.75", "250", "3"),
]
A03_DATES = {
    "invoiceDate": "2026-03-29",
    "dueDate": "2026-04-12",
    "orderDate": "2026-03-28",
    "deliveryDate": "2026-02-28",
}
A03_PROGRAM = """
import json, sys, time
from bridge.testkit.customer_events import raw_event
from bridge.testkit.invoice_events import invoice_body, invoice_envelope
from bridge.transformer.application.map_batch import map_batch
from bridge.transformer.application.record import SourceRecord
from bridge.transformer.application.route import INVOICES

event = raw_event(invoice_envelope(), json.dumps(invoice_body() | json.loads(sys.argv[1])).encode())
record = SourceRecord(INVOICES, "invoice-generated", 0, 0, 0, event.key, event.value, event.headers)
body = json.loads(map_batch([record])[0].value)
print(json.dumps([time.tzname[0], {name: body[name] for name in json.loads(sys.argv[1])}]))
"""


def _lines(rows: list[tuple[str, str, str, str]]) -> list[dict[str, object]]:
    names = ("description", "unitPrice", "quantity", "vatCode")
    return [dict(zip(names, row, strict=True)) for row in rows]


def _map(**changes: object) -> InvoiceWanted | Unmapped:
    return map_invoice(InvoiceSnapshot.model_validate(invoice_body() | changes))


def _refused(**changes: object) -> Unmapped:
    refused = _map(**changes)
    assert isinstance(refused, Unmapped)
    return refused


def _letter(body: Mapping[str, object]) -> Unmappable:
    """Return the letter that a record with this body becomes."""
    return Unmappable.model_validate_json(map_batch([_record(body)])[0].value)


def _record(body: Mapping[str, object]) -> SourceRecord:
    number = body["invoiceNumber"]
    assert isinstance(number, int)
    event = raw_event(invoice_envelope(number), json.dumps(body).encode())
    return SourceRecord(INVOICES, "invoice-generated", 0, 0, 0, event.key, event.value, event.headers)


@pytest.mark.parametrize("total", ["4720.00", "4720", None])
def test_a01_a_total_that_rounding_line_by_line_would_miss_is_exact(total: str | None) -> None:
    lines = _lines([("Vare", "4720.005", "1", "3"), ("Avrunding", "0.005", "-1", "3")])

    wanted = _map(lines=lines, totalExcludingVat=total)

    assert isinstance(wanted, InvoiceWanted)
    assert [(line.unit_price, line.quantity) for line in wanted.lines] == [("4720.005", "1"), ("0.005", "-1")]


@pytest.mark.parametrize("total", ["4719.00", "4721.00", "4720.02", "4719.98"])
def test_a01_a_total_beyond_half_an_oere_a_line_is_refused(total: str) -> None:
    lines = _lines([("Vare", "4720.005", "1", "3"), ("Avrunding", "0.005", "-1", "3")])

    refused = _refused(lines=lines, totalExcludingVat=total)

    assert refused.reason is Reason.TOTAL_DIFFERS_FROM_LINES
    assert total in refused.detail
    assert "4720 NOK" in refused.detail


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Sao_Paulo", "Europe/Oslo"])
def test_a03_dates_stay_the_same_ten_characters_in_every_zone(zone: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", A03_PROGRAM, json.dumps(A03_DATES)],
        env={**os.environ, "TZ": zone},
        capture_output=True,
        check=True,
        timeout=60,
    )

    zone_seen, dates = json.loads(run.stdout)
    assert zone_seen != "UTC"
    assert dates == A03_DATES


def test_a14_a_correction_of_an_unknown_original_is_refused_and_the_forty_behind_it_pass() -> None:
    correction = invoice_body(
        10414, lines=_lines([("Korreksjon faktura 9001", "1250.00", "-1", "3")]), kid="7000104146"
    )

    mapped = map_batch([_record(body) for body in (correction, *(invoice_body(10415 + n) for n in range(40)))])

    first, others = mapped[0], mapped[1:]
    assert first.envelope.fault_reason is Reason.INVOICE_NEGATIVE
    assert "names no original" in (first.envelope.fault_detail or "")
    assert [one.envelope.fault_reason for one in others] == [None] * 40


def test_d01_a_reference_that_fits_neither_rule_is_a_letter_that_names_the_field() -> None:
    refused = _refused(kid="0003434323213231", lines=_lines(D01_LINES))

    assert (refused.reason, refused.field) == (Reason.INVALID_KID, "kid")


def test_d01_with_a_valid_reference_lines_keep_order_sign_and_code_and_none_is_invented() -> None:
    wanted = _map(kid="0003434323213239", lines=_lines(D01_LINES), totalExcludingVat="1436.50")

    assert isinstance(wanted, InvoiceWanted)
    rows = [(line.description, line.unit_price, line.quantity, line.vat_code) for line in wanted.lines]
    assert rows == D01_LINES
    assert wanted.kid == "0003434323213239"


def test_d02_a_negative_total_is_refused_with_its_sign_and_a_remedy() -> None:
    lines = _lines([("Dagleie, kreditert", "400.00", "-7", "3"), ("Dagleie, ny sats", "500.00", "3", "3")])

    refused = _refused(currency="EUR", lines=lines)

    assert (refused.reason, refused.field) == (Reason.INVOICE_NEGATIVE, "lines")
    assert "-1300 EUR" in refused.detail
    assert "by hand" in REASONS[refused.reason].remedy


@pytest.mark.parametrize(
    "kid",
    [" " * 18 + "0000531", "12344\r\n", "12344\n", "", "   ", "9" * 26, "4", "00000 531"],
    ids=["padded", "line end", "newline", "empty", "blanks", "26 digits", "one digit", "blank inside"],
)
def test_d05_a_reference_with_blanks_or_of_another_length_never_gets_past_the_mapping(kid: str) -> None:
    letter = _letter(invoice_body(kid=kid))

    assert (letter.reason, letter.field) == (Reason.EVENT_UNREADABLE, "kid")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kid": 1290865}, "kid"),
        ({"orderNumber": 12}, "orderNumber"),
        ({"departmentNumber": 7.0}, "departmentNumber"),
        ({"lines": [invoice_line(quantity="07.5")]}, "lines[0].quantity"),
        ({"lines": [invoice_line(unitPrice=1250.1)]}, "lines[0].unitPrice"),
        ({"lines": [invoice_line(), invoice_line(unitPrice="1 250,00")]}, "lines[1].unitPrice"),
        ({"lines": [invoice_line(unitPrice="5.jul")]}, "lines[0].unitPrice"),
        ({"lines": [invoice_line(unitPrice="1e3")]}, "lines[0].unitPrice"),
        ({"lines": [invoice_line(quantity="NaN")]}, "lines[0].quantity"),
        ({"totalExcludingVat": 1250.0}, "totalExcludingVat"),
    ],
    ids=["kid", "order", "department", "zero", "float", "blank and comma", "date", "exponent", "no number", "total"],
)
def test_d07_a_text_that_became_a_number_or_a_number_in_another_form_is_never_read(
    change: dict[str, object], field: str
) -> None:
    letter = _letter(invoice_body() | change)

    assert (letter.reason, letter.field) == (Reason.EVENT_UNREADABLE, field)


@pytest.mark.parametrize("code", ["1", "14", "20", "81", "86", "91"])
def test_d14_a_code_for_purchases_or_import_is_refused_with_code_and_line(code: str) -> None:
    refused = _refused(lines=[invoice_line(vatCode=code)])

    assert (refused.reason, refused.field) == (Reason.VAT_CODE_NOT_FOR_SALES, "lines[0].vatCode")
    assert refused.detail == f"VAT code '{code}' on line 1."


@pytest.mark.parametrize("code", ["03", " 3", "3.0", "25", "H", "", "3 ", "\u0663"])
def test_d14_a_code_that_the_list_does_not_hold_is_unknown_and_not_guessed(code: str) -> None:
    refused = _refused(lines=[invoice_line(vatCode=code)])

    assert (refused.reason, refused.field) == (Reason.VAT_CODE_UNKNOWN, "lines[0].vatCode")


@pytest.mark.parametrize("code", ["51", "52", "7", "5", "6", "0"])
def test_d14_a_rare_code_for_sales_passes_as_it_is(code: str) -> None:
    wanted = _map(lines=[invoice_line(vatCode=code)])

    assert isinstance(wanted, InvoiceWanted)
    assert [line.vat_code for line in wanted.lines] == [code]


def test_d14_one_line_for_purchases_refuses_the_whole_invoice() -> None:
    refused = _refused(lines=[invoice_line(vatCode="3"), invoice_line(vatCode="81"), invoice_line(vatCode="81")])

    assert (refused.reason, refused.field) == (Reason.VAT_CODE_NOT_FOR_SALES, "lines[1].vatCode")
    assert refused.detail == "VAT code '81' on lines 2, 3."


@pytest.mark.parametrize(
    ("price", "quantity", "code", "net"),
    [("42.608696", "6", "31", "255.65"), ("15.92", "7", "3", "111.44")],
)
def test_d15_a_net_price_made_from_a_gross_one_keeps_its_decimals(
    price: str, quantity: str, code: str, net: str
) -> None:
    wanted = _map(lines=_lines([("Kurs, billett", price, quantity, code)]), totalExcludingVat=net)

    assert isinstance(wanted, InvoiceWanted)
    assert (wanted.lines[0].unit_price, wanted.lines[0].quantity) == (price, quantity)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"orderNumber": "7" * 12_000}, "orderNumber"),
        ({"lines": [invoice_line(vatCode="3" * 3_000)]}, "lines[0].vatCode"),
    ],
)
def test_k15_a_text_too_long_for_any_index_is_a_letter_for_its_invoice_alone(
    change: dict[str, object], field: str
) -> None:
    bad, good = map_batch([_record(invoice_body(10501) | change), _record(invoice_body(10502))])

    letter = Unmappable.model_validate_json(bad.value)
    assert (letter.reason, letter.field) == (Reason.EVENT_UNREADABLE, field)
    assert len(letter.detail) <= 500
    assert good.envelope.fault_reason is None
