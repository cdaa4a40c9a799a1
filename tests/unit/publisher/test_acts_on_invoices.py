"""Operator acts on invoices over the in-memory twin: edit, verify, dismiss, and retries that never end."""

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from bridge.contracts.envelope import EventType
from bridge.contracts.envelope import Outcome as MappingOutcome
from bridge.contracts.events.invoice import InvoiceLine, InvoiceSnapshot, InvoiceWanted
from bridge.contracts.events.unmappable import Unmappable
from bridge.contracts.headers import FIRST_PLACE, TYPE_HEADER
from bridge.contracts.identity import (
    EntityNumber,
    EventId,
    Flow,
    Revision,
    Shard,
    TenantId,
    Version,
    invoice_ref,
    shard_of,
)
from bridge.contracts.reasons import Reason, Stage
from bridge.publisher.adapters.memory_deliveries import KeptLetter, MemoryDeliveries
from bridge.publisher.application.acts import DISCARD, EDIT, RETRY, VERIFY, Acts
from bridge.publisher.application.ports import AskedAct, Hold
from bridge.publisher.domain.delivery.model import Confirmed, Delivery, EntityKey, Policy, Refusal, State, Wanted
from bridge.publisher.domain.journal import Letter, Origin, Parcel
from bridge.testkit.clock import ManualClock

ACME = TenantId("acme")
KEY = EntityKey(ACME, Flow.INVOICES, EntityNumber("10472"))
VERSION = Version(Revision(7))
LINE = InvoiceLine(description="Leie", unit_price="100.00", quantity="1", vat_code="3")
WANTED = InvoiceWanted(
    invoice_number=10472,
    invoice_date="2026-03-01",
    due_date="2026-03-15",
    order_number="7001",
    order_date="2026-03-01",
    customer_number=77,
    currency="NOK",
    delivery_date="2026-03-01",
    lines=(LINE,),
)
SNAPSHOT = InvoiceSnapshot(
    batch_number=88,
    invoice_number=10472,
    invoice_date="2026-03-01",
    due_date="2026-03-15",
    order_number="",
    order_date="2026-03-01",
    customer_number=77,
    currency="NOK",
    lines=(LINE,),
)
CONTENT: Mapping[str, object] = json.loads(WANTED.model_dump_json(by_alias=True))
MENDED = {**json.loads(SNAPSHOT.model_dump_json(by_alias=True, exclude_none=True)), "orderNumber": "7001"}


@dataclass(slots=True)
class OneHolder:
    """Holds the tenant's shard."""

    def current(self) -> Mapping[Shard, Hold]:
        shard = shard_of(ACME)
        return {shard: Hold(shard, 1, float("inf"))}


@dataclass(slots=True)
class Desk:
    """The acts with everything around them in memory."""

    store: MemoryDeliveries
    acts: Acts

    async def ask(self, verb: str, *, payload: object = None, override: bool = False) -> tuple[bool, str]:
        """Let an act on the invoice's present version be applied; return whether it was done, and the sentence."""
        act_id = 900 + len(self.store.memory.acts)
        text = payload if payload is None or isinstance(payload, str) else json.dumps(payload)
        self.store.memory.acts[act_id] = AskedAct(
            act_id,
            verb,
            "kari",
            "mended",
            ACME,
            Flow.INVOICES,
            KEY.entity,
            self.delivery.wanted.version,
            None,
            text,
            override,
        )
        await self.acts.apply_once()
        return self.store.memory.finished[act_id]

    @property
    def delivery(self) -> Delivery:
        """The invoice as it is stored."""
        return self.store.memory.parcels[KEY].delivery

    def put(self, delivery: Delivery, *, stage: Stage = Stage.DELIVERY, rounds: int = 0) -> None:
        """Store the invoice with the letter that is open for it."""
        origin = Origin("invoice-mapped", 0, 5, b"acme:10472", ())
        self.store.memory.parcels[KEY] = Parcel(delivery, origin)
        headers = ((TYPE_HEADER, EventType.INVOICE_GENERATED.encode()), ("ce_generation", b"0"))
        raw = SNAPSHOT.model_dump_json(by_alias=True, exclude_none=True).encode()
        letter = Letter(
            tenant=ACME,
            flow=Flow.INVOICES.value,
            entity=KEY.entity,
            version=VERSION,
            event_id="event",
            stage=stage,
            reason=delivery.reason or Reason.UNEXPECTED,
            field=None,
            error="refused",
            raw=raw,
            origin=Origin("invoice-generated", 3, 9, b"acme:10472", headers),
            attempts=1,
            trace_id=None,
        )
        self.store.memory.letters[1] = KeptLetter(1, letter, rounds)


def dead(reason: Reason = Reason.CUSTOMER_UNKNOWN) -> Delivery:
    """Return an invoice that Tripletex refused."""
    payload = WANTED.model_dump_json(by_alias=True, exclude_none=True).encode()
    ref = invoice_ref(88, 10472)
    wanted = Wanted(VERSION, 1, EventId("event"), "hash", ref, 1, None, MappingOutcome.MAPPED, payload)
    return Delivery(KEY, wanted, State.DEAD, None, reason=reason)


def unmappable() -> Delivery:
    """Return an invoice that could not be mapped."""
    body = Unmappable(
        reason=Reason.ORDER_NUMBER_MISSING,
        field="orderNumber",
        detail="none",
        raw=b64encode(SNAPSHOT.model_dump_json(by_alias=True).encode()),
        origin_topic="invoice-generated",
        origin_partition=3,
        origin_offset=9,
    )
    base = dead(Reason.ORDER_NUMBER_MISSING)
    refusal = Refusal(Reason.ORDER_NUMBER_MISSING, "orderNumber", "none")
    payload = body.model_dump_json(by_alias=True).encode()
    lost = replace(base.wanted, outcome=MappingOutcome.UNMAPPABLE, payload=payload, refusal=refusal)
    return replace(base, wanted=lost)


def confirmed(reason: Reason | None = None) -> Delivery:
    """Return an invoice that is at Tripletex, with an open letter where there is a reason."""
    base = dead()
    return replace(base, state=State.CONFIRMED, reason=reason, confirmed=Confirmed(VERSION, ManualClock().now()))


@pytest.fixture
def desk() -> Desk:
    store = MemoryDeliveries(ManualClock().now)
    policy = Policy(settle=timedelta(seconds=60))
    acts = Acts(store, OneHolder(), policy=policy, dead_letter_topic="d", look_every_seconds=1, on_work=lambda: None)
    return Desk(store, acts)


async def test_an_edit_of_a_refused_invoice_goes_to_tripletex_as_a_new_generation(desk: Desk) -> None:
    desk.put(dead())
    edited = WANTED.model_copy(update={"customer_number": 78})

    done, _ = await desk.ask(EDIT, payload=json.loads(edited.model_dump_json(by_alias=True)))

    assert done
    assert InvoiceWanted.model_validate_json(desk.delivery.wanted.payload).customer_number == 78
    assert desk.delivery.state is State.READY
    assert desk.delivery.wanted.version == Version(VERSION.revision, desk.delivery.wanted.version.generation)
    assert desk.delivery.wanted.source_hash == "hash"
    assert desk.store.memory.letters[1].closed_as == "retried"


async def test_an_edit_of_an_unmappable_invoice_goes_through_the_mapping_again(desk: Desk) -> None:
    desk.put(unmappable(), stage=Stage.MAPPING)

    done, outcome = await desk.ask(EDIT, payload=MENDED)

    (record,) = desk.store.memory.outbox
    assert (done, "goes through the mapping again" in outcome) == (True, True)
    assert (record.topic, json.loads(record.value)["orderNumber"]) == ("invoice-generated", "7001")
    assert dict(record.headers)["ce_generation"] == b"900"


async def test_a_record_sent_again_keeps_key_source_time_and_content_and_gets_a_trace_of_its_own_k18(
    desk: Desk,
) -> None:
    desk.put(unmappable(), stage=Stage.MAPPING)
    kept = desk.store.memory.letters[1]
    first = {
        TYPE_HEADER: EventType.INVOICE_GENERATED.encode(),
        "ce_id": b"event",
        "ce_time": b"2026-03-01T08:00:00Z",
        "ce_sourcetime": b"2026-03-01T07:59:00Z",
        "ce_sourcehash": b"hash",
        "ce_sourceref": b"88/10472",
        "ce_revision": b"7",
        "ce_generation": b"0",
        "traceparent": f"00-{'a' * 32}-{'b' * 16}-01".encode(),
    }
    origin = replace(kept.letter.origin, headers=tuple(first.items()))
    desk.store.memory.letters[1] = replace(kept, letter=replace(kept.letter, origin=origin))

    await desk.ask(RETRY)

    (record,) = desk.store.memory.outbox
    sent = dict(record.headers)
    assert (record.key, record.value) == (origin.key, kept.letter.raw)
    assert {name for name in first if sent[name] != first[name]} == {"ce_id", "ce_generation", "traceparent"}
    assert {name: sent[name] for name in set(sent) - set(first)} == {FIRST_PLACE: b"invoice-generated-3@9"}


async def test_a_record_that_comes_back_again_still_tells_where_it_lay_first_k18(desk: Desk) -> None:
    desk.put(unmappable(), stage=Stage.MAPPING)
    kept = desk.store.memory.letters[1]
    again = (*kept.letter.origin.headers, (FIRST_PLACE, b"invoice-generated-3@2"))
    origin = replace(kept.letter.origin, headers=again)
    desk.store.memory.letters[1] = replace(kept, letter=replace(kept.letter, origin=origin))

    await desk.ask(RETRY)

    (record,) = desk.store.memory.outbox
    assert [value for name, value in record.headers if name == FIRST_PLACE] == [b"invoice-generated-3@2"]


@pytest.mark.parametrize(
    ("delivery", "payload", "sentence"),
    [
        pytest.param(dead(), None, "'payload'", id="no-content"),
        pytest.param(dead(), "{", "the whole", id="no-json"),
        pytest.param(dead(), {"invoiceNumber": 10472}, "and 3 more", id="fields-missing"),
        pytest.param(dead(), {**CONTENT, "dueDate": "2026-02-30"}, "dueDate", id="date"),
        pytest.param(
            dead(),
            {**CONTENT, "invoiceNumber": 10473},
            "must not change the number, which is 10472",
            id="another-number",
        ),
        pytest.param(
            unmappable(), {**MENDED, "invoiceNumber": 1}, "must not change", id="another-number-before-mapping"
        ),
        pytest.param(unmappable(), {**MENDED, "lines": []}, "lines", id="field-before-mapping"),
        pytest.param(confirmed(), CONTENT, "confirmed", id="confirmed"),
    ],
)
async def test_an_edit_that_cannot_be_taken_is_refused_with_the_field_and_changes_nothing(
    desk: Desk, delivery: Delivery, payload: object, sentence: str
) -> None:
    desk.put(delivery)

    done, outcome = await desk.ask(EDIT, payload=payload)

    assert not done
    assert sentence in outcome
    assert desk.delivery == delivery
    assert desk.store.memory.outbox == []
    assert desk.store.memory.letters[1].closed_as is None


async def test_a_record_that_was_never_readable_is_mended_at_its_source(desk: Desk) -> None:
    desk.put(unmappable())
    kept = desk.store.memory.letters[1]
    unreadable = ((TYPE_HEADER, EventType.INVOICE_UNREADABLE.encode()),)
    origin = replace(kept.letter.origin, headers=unreadable)
    desk.store.memory.letters[1] = replace(kept, letter=replace(kept.letter, origin=origin))

    done, outcome = await desk.ask(EDIT, payload=MENDED)

    assert not done
    assert "correct the row at the source" in outcome


async def test_verifying_a_confirmed_invoice_looks_it_up_and_sends_nothing(desk: Desk) -> None:
    desk.put(confirmed())

    done, _ = await desk.ask(VERIFY)

    assert (done, desk.delivery.state, desk.delivery.read_back) == (True, State.IN_DOUBT, True)
    assert desk.delivery.confirmed is not None


async def test_what_is_not_confirmed_is_not_verified(desk: Desk) -> None:
    desk.put(dead())

    done, outcome = await desk.ask(VERIFY)

    assert (done, "'verify' does not apply" in outcome) == (False, True)


async def test_the_letter_of_a_confirmed_invoice_is_laid_down_and_the_invoice_stays(desk: Desk) -> None:
    desk.put(confirmed(Reason.AMOUNT_DIFFERS))

    done, _ = await desk.ask(DISCARD)

    assert (done, desk.delivery.state, desk.delivery.reason) == (True, State.CONFIRMED, None)
    assert desk.store.memory.letters[1].closed_as == "discarded"


@pytest.mark.parametrize("delivery", [pytest.param(dead(), id="refused"), pytest.param(unmappable(), id="unmappable")])
async def test_what_came_back_five_times_is_retried_only_with_an_override_k19(desk: Desk, delivery: Delivery) -> None:
    desk.put(delivery, rounds=5)

    done, outcome = await desk.ask(RETRY)
    assert (done, "after 5 retries" in outcome) == (False, True)
    assert desk.delivery == delivery
    assert desk.store.memory.outbox == []

    done, _ = await desk.ask(RETRY, override=True)
    assert done


async def test_four_rounds_need_no_override_and_an_edit_needs_none_ever(desk: Desk) -> None:
    desk.put(dead(), rounds=4)
    assert (await desk.ask(RETRY))[0]

    desk.put(dead(), rounds=9)
    assert (await desk.ask(EDIT, payload=CONTENT))[0]


async def test_a_refused_edit_is_said_in_words_that_a_table_can_hold(desk: Desk) -> None:
    desk.put(dead())

    done, outcome = await desk.ask(EDIT, payload={**CONTENT, "order\x00Number": "1"})

    assert not done
    assert "\x00" not in outcome, "it could not be written, so that this act would end the publisher again and again"
