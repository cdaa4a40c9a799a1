"""A Tripletex that ignores every filter, as it does with those it does not know: only exact rows are taken."""

import pytest

from bridge.runtime.errors import SourceUnavailableError
from bridge.testkit.answers import json_answer
from bridge.testkit.fake_tripletex import FakeTripletex
from bridge.tripletex.access import TripletexTenant
from bridge.tripletex.client import TripletexClient
from bridge.tripletex.references import CustomerRef


def _listed(*rows: object) -> object:
    return {"fullResultSize": len(rows), "values": list(rows)}


def _period(start: str, end: str, *, closed: bool) -> dict[str, object]:
    return {"id": 1, "start": start, "end": end, "isClosed": closed}


async def test_the_first_customer_of_the_company_is_nobodys_answer(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant
) -> None:
    rows = [
        {"id": 1, "name": "Først AS", "customerNumber": 10001, "isInactive": False},
        {"id": 2, "name": "Ås", "customerNumber": 10002, "isInactive": False, "invoiceSendMethod": "EHF"},
        {"id": 3, "name": "Leverandør AS", "customerNumber": 0, "isInactive": False},
    ]
    tripletex.customers = json_answer(200, _listed(*rows))

    found = await client.customers_by_number(acme, [10002, 7])

    # The same row answered both halves, and is one customer.
    assert found == {7: (), 10002: (CustomerRef(2, 10002, "Ås", is_inactive=False, invoice_send_method="EHF"),)}


@pytest.mark.parametrize(
    "row",
    [
        {"id": 2, "isInactive": False},
        {"id": 2, "customerNumber": 10002},
        {"customerNumber": 10002, "isInactive": False},
    ],
    ids=["no-number", "no-inactive", "no-id"],
)
async def test_a_customer_that_cannot_be_read_is_no_absence(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant, row: dict[str, object]
) -> None:
    tripletex.customers = json_answer(200, _listed(row))

    with pytest.raises(SourceUnavailableError, match="tenant acme, customers by number"):
        await client.customers_by_number(acme, [10002])


async def test_registers_are_compared_here(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant
) -> None:
    rows = [
        {"id": 1, "number": "7", "departmentNumber": "7", "code": "EUR", "percentage": 25, "isOffer": True},
        {"id": 2, "number": "70", "departmentNumber": "70", "code": "NOK", "percentage": 15, "isClosed": True},
        {"id": 3, "number": "7", "departmentNumber": "07", "code": "nok", "percentage": 12},
    ]
    tripletex.customers = json_answer(200, _listed(*rows))

    assert [ref.id for ref in await client.projects(acme, "7")] == [3]
    assert [(ref.id, ref.is_active) for ref in await client.projects(acme, "70")] == [(2, False)]
    assert [ref.id for ref in await client.departments(acme, "7")] == [1]
    assert [ref.id for ref in await client.currencies(acme, "NOK")] == [2]


@pytest.mark.parametrize(
    ("day", "closed"),
    [
        ("2026-09-30", False),
        ("2026-10-01", True),
        ("2026-10-31", True),
        ("2026-11-01", False),
        ("2026-08-31", None),
        ("2026-12-01", None),
    ],
)
@pytest.mark.parametrize("ends", ["the day after", "its last day"])
async def test_the_period_of_a_day_is_found_whatever_its_end_means(
    client: TripletexClient,
    tripletex: FakeTripletex,
    acme: TripletexTenant,
    ends: str,
    day: str,
    closed: bool | None,
) -> None:
    after = ends == "the day after"
    rows = [
        _period("2026-11-01", "2026-11-30", closed=False),
        _period("2026-09-01", "2026-10-01" if after else "2026-09-30", closed=False),
        _period("2026-10-01", "2026-11-01" if after else "2026-10-31", closed=True),
    ]
    tripletex.customers = json_answer(200, _listed(*rows))

    assert await client.period_closed(acme, day) is closed
