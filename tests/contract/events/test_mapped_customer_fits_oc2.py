"""What the mapping makes of any customer passes OC2's own contract document, not only our model of it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.contracts.events.customer import CustomerSnapshot, CustomerWanted
from bridge.simulator.contract import SchemaCheck, load_document
from bridge.transformer.domain.mapping.customer import map_customer

DOCUMENT = Path(__file__).parents[1] / "documents" / "oc2-openapi.yaml"
TEXT = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
ADDRESS = st.fixed_dictionaries(
    {
        "address_line1": TEXT,
        "address_line2": TEXT,
        "postal_code": TEXT,
        "city": TEXT,
        "country_code": TEXT | st.sampled_from(["NO", "SJ", "no"]),
    }
)
CUSTOMER = st.fixed_dictionaries(
    {
        "customer_number": st.integers(1, 2**31 - 1),
        "name": st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300),
        "is_inactive": st.booleans(),
        "organization_number": TEXT,
        "currency_code": st.sampled_from([None, "NOK", "EUR", "SEK"]),
        "invoices_due_in": st.none() | st.integers(-1, 10_000),
        "invoices_due_in_type": st.sampled_from([None, "DAYS", "MONTHS", "RECURRING_DAY_OF_MONTH"]),
        "postal_address": st.none() | ADDRESS,
        "phone_number": TEXT,
        "phone_number_mobile": TEXT,
        "email": TEXT,
        "invoice_email": TEXT,
        "website": TEXT,
    }
)


@pytest.fixture(scope="module")
def customer_schema() -> SchemaCheck:
    """OC2's `Customer` out of its contract document."""
    return load_document(DOCUMENT).schema({"$ref": "#/components/schemas/Customer"})


@given(CUSTOMER)
def test_every_mapped_customer_passes_the_contract_of_oc2(
    customer_schema: SchemaCheck, fields: dict[str, object]
) -> None:
    wanted = map_customer(CustomerSnapshot.model_validate(fields))

    if isinstance(wanted, CustomerWanted):
        sent = wanted.model_dump(by_alias=True, exclude_none=True, exclude={"notes", "payment_term_days"})
        assert list(customer_schema.iter_errors(sent)) == []


def test_the_contract_refuses_what_the_mapping_would_have_to_leave_out(customer_schema: SchemaCheck) -> None:
    sent = {"customerNumber": 1, "name": "A", "active": True, "currency": "NOK", "phone1": "7" * 31}

    assert list(customer_schema.iter_errors(sent)) != []
