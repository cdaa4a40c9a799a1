"""Operator acts: what a person asked for, applied as a fact of the state machine and marked done in one transaction.

An act names the version it was decided on and is refused, with a sentence, once that has moved.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from bridge.contracts.headers import FIRST_PLACE, TRACEPARENT, place
from bridge.contracts.identity import EntityNumber, EventId, Flow, Generation, TenantId, Version, event_id
from bridge.contracts.topics import MAX_EVENT_BYTES
from bridge.publisher.application.arrival import trace_id
from bridge.publisher.application.edits import EditRefusedError, edited_record, edited_wanted
from bridge.publisher.application.ports import AskedAct, DeliveryStore, Holds, Resend, StoredLetter, Unit
from bridge.publisher.application.writing import note_effects, write
from bridge.publisher.domain.delivery import facts
from bridge.publisher.domain.delivery.model import Delivery, EntityKey, Policy, State
from bridge.publisher.domain.delivery.rules import RuleId
from bridge.publisher.domain.delivery.transitions import decide
from bridge.publisher.domain.journal import Headers, Letter, LogEntry, Parcel, Step, Writings
from bridge.runtime import semconv
from bridge.runtime.errors import TransientError
from bridge.runtime.lifecycle import until_stopped
from bridge.runtime.logging import get_logger
from bridge.runtime.tracing import start_root_span, traceparent_of

RETRY: Final = "retry"
DISCARD: Final = "discard"
EDIT: Final = "edit"
VERIFY: Final = "verify"
LETTER_ROUNDS: Final = 5

log = get_logger(__name__)


class Acts:
    """A `Loop` that looks for acts of the shards held here; `on_work` wakes the dispatcher.

    A letter that has come back after `letter_rounds` retries is retried only with an override: each round costs calls,
    and what has failed so often is not mended by one more.
    """

    def __init__(
        self,
        store: DeliveryStore,
        holds: Holds,
        *,
        policy: Policy,
        dead_letter_topic: str,
        look_every_seconds: float,
        on_work: Callable[[], None],
        letter_rounds: int = LETTER_ROUNDS,
        beat: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.name = "acts"
        self._store = store
        self._holds = holds
        self._policy = policy
        self._dead_letter_topic = dead_letter_topic
        self._look_every_seconds = look_every_seconds
        self._on_work = on_work
        self._letter_rounds = letter_rounds
        self._beat = beat

    async def run(self, stop: asyncio.Event) -> None:
        """Apply acts until `stop` is set."""
        while not stop.is_set():
            try:
                applied = await self.apply_once()
            except TransientError as error:
                log.warning("Operator acts could not be applied; they are tried again.", error=str(error))
                applied = 0
            if applied:
                self._on_work()
            self._beat(self.name)
            await until_stopped(stop, self._look_every_seconds)

    async def apply_once(self) -> int:
        """Apply every act that waits for this owner, each done or refused, and return how many."""
        writings = Writings()
        async with self._store.unit() as unit:
            acts = await unit.asked_acts(list(self._holds.current()))
            for act in acts:
                done, outcome = await self._apply(unit, act, writings)
                await unit.finish_act(act.act_id, done=done, outcome=outcome)
            await write(unit, writings, dead_letter_topic=self._dead_letter_topic)
        return len(acts)

    async def _apply(self, unit: Unit, act: AskedAct, writings: Writings) -> tuple[bool, str]:
        if act.tenant is not None and act.flow is not None and act.entity is not None:
            return await self._on_entity(unit, act, EntityKey(act.tenant, act.flow, act.entity), writings)
        if act.letter_id is not None:
            return await self._on_letter(unit, act, act.letter_id)
        return False, "The act names neither an entity nor a letter; nothing was changed."

    async def _on_entity(self, unit: Unit, act: AskedAct, key: EntityKey, writings: Writings) -> tuple[bool, str]:
        parcel = (await unit.lock([key])).get(key)
        if parcel is None:
            return False, f"Nothing was ever taken in for {_name(key)}; nothing was changed."
        delivery = parcel.delivery
        if act.version is None or act.version != delivery.wanted.version:
            return False, (
                f"{_name(key)} has moved on: the act was decided on version {act.version or '(none)'}, "
                f"it is at {delivery.wanted.version} now. Look again with 'bridge where'."
            )
        stored = await unit.open_letter_of(key)
        if too_often := self._too_often(act, stored):
            return False, too_often
        if act.verb in (RETRY, EDIT) and not delivery.wanted.sendable:
            return await self._map_again(unit, act, parcel, stored, writings)
        try:
            fact = _fact(act, delivery, unit.now)
        except EditRefusedError as error:
            return False, str(error)
        decision = decide(delivery, fact, self._policy)
        if decision.rule is RuleId.ACT_MOVED or decision.delivery is None:
            return (
                False,
                f"{_name(key)} is {delivery.state.value}, where '{act.verb}' does not apply; nothing was changed.",
            )
        after = Parcel(decision.delivery, parcel.origin, parcel.confirmed_payload)
        await unit.change([after])
        writings.log.append(_entry(act, parcel, after.delivery.state))
        note_effects(writings, after, decision.effects, by=act.who, why=act.why)
        return True, f"{_name(key)} is {after.delivery.state.value} at version {after.delivery.wanted.version}."

    async def _map_again(
        self, unit: Unit, act: AskedAct, parcel: Parcel, stored: StoredLetter | None, writings: Writings
    ) -> tuple[bool, str]:
        """Send the original record, or what was made of it, through the mapping again: a new generation of it."""
        if parcel.delivery.state is not State.DEAD or stored is None:
            return False, f"{_name(parcel.key)} has no open dead letter; nothing was changed."
        try:
            stored = _with_edit(act, stored)
        except EditRefusedError as error:
            return False, str(error)
        if too_large := _too_large(stored):
            return False, too_large
        await self._send_again(unit, act, stored)
        writings.log.append(_entry(act, parcel, parcel.delivery.state))
        return True, f"{_name(parcel.key)} goes through the mapping again as generation {act.act_id}."

    def _too_often(self, act: AskedAct, stored: StoredLetter | None) -> str | None:
        """Return why a retry needs an override, or None."""
        if act.verb != RETRY or act.override or stored is None or stored.rounds < self._letter_rounds:
            return None
        return (
            f"Dead letter {stored.letter_id} has come back after {stored.rounds} retries; nothing was changed. "
            "Mend the cause it names first, then ask again with an override."
        )

    async def _on_letter(self, unit: Unit, act: AskedAct, letter_id: int) -> tuple[bool, str]:
        stored = await unit.letter(letter_id)
        if stored is None or stored.closed:
            return False, f"There is no open dead letter {letter_id}; nothing was changed."
        if stored.letter.entity is not None:
            return False, f"Dead letter {letter_id} is about an entity: name tenant, flow, entity and version."
        if act.verb not in (RETRY, DISCARD):
            return False, f"Dead letter {letter_id} is about no entity, where '{act.verb}' does not apply."
        if act.verb == RETRY:
            if too_often := self._too_often(act, stored):
                return False, too_often
            if too_large := _too_large(stored):
                return False, too_large
            await self._send_again(unit, act, stored)
            return True, f"The record of dead letter {letter_id} is sent again."
        await unit.close_letter(letter_id, closed_as="discarded", closed_by=act.who, closed_why=act.why)
        return True, f"Dead letter {letter_id} is discarded."

    async def _send_again(self, unit: Unit, act: AskedAct, stored: StoredLetter) -> None:
        letter = stored.letter
        await unit.close_letter(stored.letter_id, closed_as="retried", closed_by=act.who, closed_why=act.why)
        await unit.publish([resend(letter, Generation(act.act_id))])


def _too_large(stored: StoredLetter) -> str | None:
    """Return why the letter's record cannot go through the outbox, or None: its limit is below the broker's own."""
    size, origin = len(stored.letter.raw), stored.letter.origin
    if size <= MAX_EVENT_BYTES:
        return None
    return (
        f"The record of dead letter {stored.letter_id} is {size} bytes, and {MAX_EVENT_BYTES} can be sent from here; "
        f"nothing was changed. Replay it from {origin.topic}-{origin.partition} at offset {origin.offset}."
    )


def resend(letter: Letter, generation: Generation) -> Resend:
    """Return the letter's record as a new generation: key, times and source stay, identity and trace are new.

    It carries the place where it lay first. One whose headers say too little to have an identity goes out as it came.
    """
    headers = dict(letter.origin.headers)
    new: dict[str, bytes] = {}
    if letter.version is not None and letter.tenant is not None and letter.flow is not None:
        version = Version(letter.version.revision, generation)
        entity = EntityNumber(letter.entity) if letter.entity is not None else None
        new_id = event_id(tenant=TenantId(letter.tenant), flow=Flow(letter.flow), entity=entity, version=version)
        new = _new_identity(letter, new_id, generation, headers.get(TRACEPARENT))
        new[FIRST_PLACE] = headers.get(FIRST_PLACE) or _first_place(letter)
    return Resend(
        topic=letter.origin.topic,
        key=letter.origin.key,
        value=letter.raw,
        headers=_replaced(letter.origin.headers, new),
        tenant=letter.tenant,
        flow=letter.flow,
        entity=letter.entity,
    )


def _first_place(letter: Letter) -> bytes:
    origin = letter.origin
    return place(origin.topic, origin.partition, origin.offset)


def _new_identity(letter: Letter, new_id: EventId, generation: Generation, old_trace: bytes | None) -> dict[str, bytes]:
    links = [old_trace.decode("ascii", "replace")] if old_trace else []
    attributes: dict[str, str | int] = {
        semconv.EVENT_ID: new_id,
        semconv.GENERATION: generation,
        semconv.TENANT: letter.tenant or "",
    }
    with start_root_span("act retry", links=links, attributes=attributes) as span:
        return {
            "ce_id": new_id.encode(),
            "ce_generation": str(generation).encode(),
            TRACEPARENT: traceparent_of(span).encode(),
        }


def _replaced(headers: Headers, new: Mapping[str, bytes]) -> Headers:
    kept = tuple((name, new.get(name, value)) for name, value in headers)
    names = {name for name, _ in kept}
    return (*kept, *((name, value) for name, value in new.items() if name not in names))


def _fact(act: AskedAct, delivery: Delivery, at: datetime) -> facts.ActFact:
    """Return the machine's fact.

    Raises:
        EditRefusedError: The edited content cannot be taken.
    """
    version, key = delivery.wanted.version, delivery.key
    if act.verb == RETRY:
        return facts.RetryAsked(version, Generation(act.act_id), at)
    if act.verb == EDIT:
        if delivery.wanted.withdrawn:
            raise EditRefusedError(f"The source took {_name(key)} back, so there is no content to edit.")
        payload = edited_wanted(key.flow, key.entity, act.payload)
        return facts.EditAsked(version, Generation(act.act_id), payload, at)
    if act.verb == VERIFY:
        return facts.VerifyAsked(version, at)
    return facts.DiscardAsked(version, at)


def _with_edit(act: AskedAct, stored: StoredLetter) -> StoredLetter:
    if act.verb != EDIT:
        return stored
    return replace(stored, letter=replace(stored.letter, raw=edited_record(stored.letter, act.payload)))


def _entry(act: AskedAct, parcel: Parcel, after: State) -> LogEntry:
    delivery = parcel.delivery
    return LogEntry(
        key=delivery.key,
        version=delivery.wanted.version,
        step=Step.ACT,
        event_id=delivery.wanted.event_id,
        before=delivery.state,
        after=after,
        outcome=act.verb,
        detail=f"Act {act.act_id}: {act.why}",
        attempt=delivery.attempt,
        trace_id=trace_id(delivery.wanted.traceparent),
        owner=act.who,
    )


def _name(key: EntityKey) -> str:
    return f"{key.flow.one} {key.entity} of tenant {key.tenant}"
