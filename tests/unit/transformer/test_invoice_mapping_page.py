"""The page about the invoice mapping says what the code does: every example is run, every code compared."""

import json
import re
from pathlib import Path

import pytest

from bridge.contracts import vat_codes as vat
from bridge.contracts.events.invoice import InvoiceLine, InvoiceSnapshot, InvoiceWanted
from bridge.testkit.invoice_events import invoice_body
from bridge.transformer.domain.mapping.invoice import map_invoice
from bridge.transformer.domain.unmapped import Unmapped

PAGE = (Path(__file__).parents[3] / "docs" / "mapping-invoices.md").read_text(encoding="utf-8")


def _rows(heading: str) -> list[list[str]]:
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def _examples() -> list[list[str]]:
    return [[cell.strip("`") for cell in row] for row in _rows("Examples")]


def _codes(marked: str) -> set[str]:
    """Return the VAT codes of the page's rows whose last column begins like this."""
    return {code for row in _rows("VAT codes") if row[2].startswith(marked) for code in re.findall(r"`(\w+)`", row[0])}


@pytest.mark.parametrize(("change", "arrives", "code"), _examples(), ids=lambda cell: cell[:60])
def test_an_example_on_the_page_is_what_the_mapping_does(change: str, arrives: str, code: str) -> None:
    mapped = map_invoice(InvoiceSnapshot.model_validate(invoice_body() | json.loads(change)))

    expected = json.loads(arrives)
    if isinstance(expected, str):
        assert isinstance(mapped, Unmapped)
        assert (mapped.field, mapped.reason) == (expected, code)
        return
    assert isinstance(mapped, InvoiceWanted)
    sent = json.loads(mapped.model_dump_json(by_alias=True, exclude_none=True))
    assert {name: sent.get(name) for name in expected} == expected
    assert [note.rule for note in mapped.notes] == ([code] if code else [])


def test_the_page_lists_all_fifteen_values() -> None:
    names = {field.alias or name for name, field in InvoiceWanted.model_fields.items()} - {"lines", "notes"}
    names |= {f"lines[].{field.alias or name}" for name, field in InvoiceLine.model_fields.items()}

    assert {row[0].strip("`") for row in _rows("The fields")} == names
    assert len(names) == 15


def test_the_vat_codes_on_the_page_are_those_of_the_code() -> None:
    assert _codes("sent") == vat.SALES
    assert _codes("`vat_code_not_for_sales`") == vat.PURCHASES
    assert len(vat.SALES | vat.PURCHASES) == 30


def test_the_page_names_the_base_of_its_examples() -> None:
    base = re.search(r"`(\{\"batchNumber\": 88.*\})`\.", PAGE)

    assert base is not None
    assert json.loads(base[1]) == invoice_body()
