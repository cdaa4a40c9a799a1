"""One line per valid customer event as it lies on `customer-changed`, and the same with something wrong in it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from bridge.contracts.envelope import Envelope, EventType
from bridge.contracts.events.customer import CustomerSnapshot
from bridge.contracts.headers import Header, encode
from bridge.contracts.identity import (
    EntityNumber,
    Flow,
    Generation,
    Revision,
    SourceId,
    TenantId,
    Version,
    event_id,
    partition_key,
)

TENANT: Final = TenantId("fjord-as")


@dataclass(frozen=True, slots=True)
class RawEvent:
    """A record's key, value and headers."""

    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...]


def customer_snapshot(number: int = 20417, **fields: object) -> CustomerSnapshot:
    """Return a customer that maps; `fields` go by the model's own names."""
    base = {"customer_number": number, "name": "Nordlys Verksted AS", "is_inactive": False, "currency_code": "NOK"}
    return CustomerSnapshot.model_validate({**base, **fields})


def customer_envelope(number: int = 20417, *, revision: int = 1 << 40 | 77, tenant: TenantId = TENANT) -> Envelope:
    """Return the envelope of a change of this customer."""
    entity, version = EntityNumber(str(number)), Version(Revision(revision), Generation(3))
    return Envelope(
        event_id=event_id(tenant=tenant, flow=Flow.CUSTOMERS, entity=entity, version=version),
        type=EventType.CUSTOMER_CHANGED,
        tenant=tenant,
        flow=Flow.CUSTOMERS,
        entity=entity,
        version=version,
        change_no=5,
        source_hash="ab" * 32,
        source_ref=SourceId(f"700{number}"),
        time=datetime(2026, 11, 20, 8, 15, 30, 250_000, tzinfo=UTC),
        source_time=datetime(2026, 11, 20, 8, 14, 2, tzinfo=UTC),
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )


def raw_event(envelope: Envelope, body: bytes | None) -> RawEvent:
    """Return the record under which the relay publishes this event."""
    entity = envelope.entity
    key = partition_key(envelope.tenant, entity) if entity else None
    return RawEvent(key=key, value=body, headers=tuple(encode(envelope)))


def customer_changed(number: int = 20417, *, revision: int = 1 << 40 | 77, **fields: object) -> RawEvent:
    """Return the record of a change that maps."""
    body = customer_snapshot(number, **fields).model_dump_json(by_alias=True, exclude_none=True).encode()
    return raw_event(customer_envelope(number, revision=revision), body)


def with_headers(event: RawEvent, changed: Mapping[str, bytes | None]) -> RawEvent:
    """Return the record with these headers added or replaced; None takes one away."""
    headers = {**dict(event.headers), **changed}
    return replace(event, headers=tuple((name, value) for name, value in headers.items() if value is not None))
