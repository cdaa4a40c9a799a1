"""What the transformer writes, the publisher reads: the body of every mapped customer comes back whole."""

import pytest

from bridge.contracts.events.customer import CustomerWanted
from bridge.testkit.customer_events import customer_envelope, customer_snapshot, raw_event
from bridge.transformer.application.map_batch import map_record
from bridge.transformer.application.record import SourceRecord
from bridge.transformer.application.route import CUSTOMERS
from bridge.transformer.domain.mapping.customer import map_customer


@pytest.mark.parametrize(
    "fields",
    [
        {"website": "w" * 300},
        {"invoices_due_in": 400},
        {"invoices_due_in": 2, "invoices_due_in_type": "MONTHS"},
        {"name": "N" * 130},
        {"currency_code": None},
    ],
    ids=["text left out", "days left out", "months as days", "name cut", "no currency"],
)
def test_a_body_with_notes_on_what_was_left_out_reads_back_as_it_was_written(fields: dict[str, object]) -> None:
    snapshot = customer_snapshot(20417, **fields)
    event = raw_event(customer_envelope(), snapshot.model_dump_json(by_alias=True, exclude_none=True).encode())
    record = SourceRecord(CUSTOMERS, "customer-changed", 0, 0, 0, event.key, event.value, event.headers)

    read = CustomerWanted.model_validate_json(map_record(record).value)

    assert read == map_customer(snapshot)
    assert len(read.notes) == 1
