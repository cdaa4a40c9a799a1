"""The page about the customer mapping says what the code does: every example is run, every limit and code compared."""

import json
import re
from pathlib import Path

import pytest

from bridge.contracts.events.customer import CustomerSnapshot, CustomerWanted
from bridge.transformer.domain.mapping import customer
from bridge.transformer.domain.mapping.customer import map_customer
from bridge.transformer.domain.rules import Rule

PAGE = Path(__file__).parents[3] / "docs" / "mapping-customers.md"
SUBJECT = {"customerNumber": 10001, "name": "Fjord Handel AS", "isInactive": False, "currencyCode": "NOK"}
LIMITS = {
    "name": customer.NAME_CHARACTERS,
    "organizationNumber": customer.ORGANIZATION_NUMBER_CHARACTERS,
    "paymentTermDays": customer.MAX_TERM_DAYS,
    "invoiceAddress.line1": customer.ADDRESS_LINE_CHARACTERS,
    "invoiceAddress.line2": customer.ADDRESS_LINE_CHARACTERS,
    "invoiceAddress.postalCode": customer.POSTAL_CODE_CHARACTERS,
    "invoiceAddress.city": customer.CITY_CHARACTERS,
    "phone1": customer.PHONE_CHARACTERS,
    "email1": customer.EMAIL_CHARACTERS,
    "website": customer.WEBSITE_CHARACTERS,
}


def _rows(heading: str, page: Path = PAGE) -> list[list[str]]:
    section = page.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines[2:]]


def _wanted_fields() -> set[str]:
    names = set()
    for name, field in CustomerWanted.model_fields.items():
        alias = field.alias or name
        if alias == "invoiceAddress":
            names |= {f"{alias}.{part}" for part in ("line1", "line2", "postalCode", "city", "country")}
        elif alias != "notes":
            names.add(alias)
    return names


@pytest.mark.parametrize(("change", "arrives", "code"), _rows("Examples"), ids=lambda cell: cell[:60])
def test_an_example_on_the_page_is_what_the_mapping_does(change: str, arrives: str, code: str) -> None:
    snapshot = CustomerSnapshot.model_validate({**SUBJECT, **json.loads(change)})

    wanted = map_customer(snapshot)

    assert isinstance(wanted, CustomerWanted)
    sent = json.loads(wanted.model_dump_json(by_alias=True, exclude_none=True))
    assert {name: sent.get(name) for name in json.loads(arrives)} == json.loads(arrives)
    assert [note.rule for note in wanted.notes] == ([code] if code else [])


def test_the_page_lists_every_field_of_the_target() -> None:
    assert {row[0] for row in _rows("The fields")} == _wanted_fields()


def test_the_limits_on_the_page_are_those_of_the_code() -> None:
    assert {row[0]: int(row[1]) for row in _rows("The fields") if row[1]} == LIMITS


def test_each_code_is_explained_on_this_page_or_on_the_one_about_invoices() -> None:
    invoices = PAGE.with_name("mapping-invoices.md")
    codes = [row[0] for page in (PAGE, invoices) for row in _rows("The codes in the import log", page)]

    assert codes == [rule.value for rule in Rule]


def test_the_page_names_the_base_of_its_examples() -> None:
    base = re.search(r"`(\{\"customerNumber\": 10001.*\})`", PAGE.read_text(encoding="utf-8"))

    assert base is not None
    assert json.loads(base[1]) == SUBJECT
