"""Tell the source what became of its invoices: wanted against told, in lists by batch.

Lost and repeated calls are harmless. After a call without an answer a receipt rests, and then the source is asked what
it holds, so that no late rejection can follow a transfer.
"""

from collections import defaultdict
from collections.abc import Callable, MutableSet, Sequence
from datetime import timedelta
from functools import partial
from typing import Final, Protocol

from bridge.contracts.identity import TenantId
from bridge.oc2.receipts import MAX_RECEIPTS, Receipt
from bridge.publisher.application.arrival import trace_id
from bridge.publisher.application.done import Backoff
from bridge.publisher.application.holding import deadline_of, until_durable
from bridge.publisher.application.ports import ClaimAsk, DeliveryStore, Errand, Hold, Holds
from bridge.publisher.application.receipt_words import receipt_of
from bridge.publisher.application.source import ReceiptSource
from bridge.publisher.application.tellings import Ending, Telling, Told, all_ended, by_batch, ending_of, fact_of
from bridge.publisher.application.verdict import (
    Declined,
    Stored,
    Unclear,
    Verdict,
    Waits,
    verdict_of,
    verdict_of_error,
)
from bridge.publisher.domain.delivery import facts
from bridge.publisher.domain.delivery.model import EntityKey, Policy
from bridge.publisher.domain.delivery.receipts import read_receipt
from bridge.publisher.domain.delivery.transitions import decide
from bridge.publisher.domain.journal import Call, LogEntry, Parcel, Step
from bridge.remote.errors import AccessDeniedError
from bridge.remote.outcome import Refused
from bridge.runtime import semconv
from bridge.runtime.checkpoints import Checkpoint, Checkpoints, no_checkpoints
from bridge.runtime.clock import Clock
from bridge.runtime.errors import TransientError
from bridge.runtime.logging import get_logger
from bridge.runtime.metrics import Metric, count
from bridge.runtime.tracing import SpanKind, start_root_span
from bridge.tenancy.secrets import SecretMissingError
from bridge.tenancy.tenant import Language

_MAX_LINKS: Final = 128
_NOT_FOUND: Final = 404
_GONE: Final = "The batch is gone at OC2."

log = get_logger(__name__)


class Languages(Protocol):
    """Which language a tenant's people read."""

    def language(self, tenant: TenantId) -> Language:
        """Return the tenant's language."""
        ...


class SourceGate(Protocol):
    """Whether a tenant's source can be told anything now; see `gatekeeper`."""

    def towards_source(self, tenant: TenantId) -> int | None:
        """Return how many calls may be on their way: 0 closed, 1 half-open, None no limit."""
        ...

    async def note_telling(self, tenant: TenantId, about: str, verdict: Verdict) -> None:
        """Take in what a call said of the source."""
        ...


class Receipts:
    """The errand. `in_hand` holds the invoices whose receipts are out from here, for the takeover to leave alone."""

    errand: Final = Errand.RECEIPT

    def __init__(
        self,
        store: DeliveryStore,
        source: ReceiptSource,
        holds: Holds,
        gate: SourceGate,
        languages: Languages,
        clock: Clock,
        *,
        policy: Policy,
        backoff: Backoff,
        owner: str,
        in_hand: MutableSet[EntityKey],
        checkpoints: Checkpoints = no_checkpoints,
    ) -> None:
        self._store = store
        self._source = source
        self._holds = holds
        self._gate = gate
        self._languages = languages
        self._clock = clock
        self._policy = policy
        self._backoff = backoff
        self._owner = owner
        self._in_hand = in_hand
        self._checkpoints = checkpoints
        self._failures: defaultdict[tuple[TenantId, int], int] = defaultdict(int)

    def room(self, tenant: TenantId) -> int:
        """Return how many receipts of the tenant may be taken in hand now."""
        at_once = self._gate.towards_source(tenant)
        return MAX_RECEIPTS if at_once is None else at_once

    async def turn(self, ask: ClaimAsk, *, go_on: Callable[[], bool]) -> int:
        """Take due receipts, tell them batch by batch while the gate is open, and return how many there were."""
        tellings: list[Telling] = []
        try:
            await self._claim(ask, tellings)
            if tellings:
                told = tuple(str(one.parcel.key.entity) for one in tellings)
                self._checkpoints(Checkpoint.AFTER_RECEIPT_CLAIM_BEFORE_REQUEST, {"entities": told})
            for batch, mine in by_batch(tellings).items():
                open_still = go_on() and self.room(ask.tenant) > 0
                results = await self._one_batch(ask, batch, mine) if open_still else all_ended(mine, Ending.WAITS)
                await until_durable(partial(self._write, ask.hold, batch, results), self._holds, ask.hold)
        finally:
            self._in_hand -= {one.parcel.key for one in tellings}
        return len(tellings)

    async def _claim(self, ask: ClaimAsk, tellings: list[Telling]) -> None:
        """Mark due receipts as out before the first byte leaves; those that say nothing any more are laid down."""
        async with self._store.unit() as unit:
            changed: list[Parcel] = []
            for parcel in await unit.lock_errands(Errand.RECEIPT, [ask]):
                receipt = parcel.delivery.receipt
                if receipt.wanted is None:
                    changed.append(_after(parcel, facts.ReceiptNotHeld(unit.now), self._policy))
                    continue
                claimed = _after(parcel, facts.ReceiptClaimed(ask.hold.epoch), self._policy)
                changed.append(claimed)
                tellings.append(Telling(claimed, receipt.wanted, read_receipt(receipt.wanted), receipt.look))
            # In hand before the commit: a takeover's look must not find them out and in nobody's hands.
            self._in_hand |= {one.parcel.key for one in tellings}
            await unit.change(changed)

    async def _one_batch(self, ask: ClaimAsk, batch: int, tellings: Sequence[Telling]) -> list[Told]:
        """Look for what is unclear, tell the rest."""
        links = [one.parcel.delivery.wanted.traceparent for one in tellings]
        with start_root_span(
            "tell receipts",
            kind=SpanKind.INTERNAL,
            links=[link for link in links if link][:_MAX_LINKS],
            attributes={semconv.TENANT: ask.tenant, semconv.FLOW: ask.flow.value},
        ):
            looks, rest = [one for one in tellings if one.look], [one for one in tellings if not one.look]
            results = await self._look(ask, batch, looks) if looks else []
            if any(one.ending is Ending.WAITS for one in results):
                return results + all_ended(rest, Ending.WAITS)
            return results + (await self._tell(ask, batch, rest) if rest else [])

    async def _look(self, ask: ClaimAsk, batch: int, looks: Sequence[Telling]) -> list[Told]:
        call = Call(f"look at the receipts of batch {batch}")
        try:
            held = await self._source.told(ask.tenant, batch)
        except (AccessDeniedError, SecretMissingError, TransientError) as error:
            verdict = verdict_of_error(error)
            await self._note(ask.tenant, batch, verdict)
            after = verdict.after if isinstance(verdict, Waits) else None
            return all_ended(looks, Ending.WAITS, str(error), after, call)
        if held is None:
            return await self._gone(ask.tenant, batch, looks, call)
        await self._note(ask.tenant, batch, Stored("looked"))
        return [Told(one, self._found(ask.tenant, one, held.get(one.number)), call=call) for one in looks]

    def _found(self, tenant: TenantId, telling: Telling, held: Receipt | None) -> Ending:
        wanted = receipt_of(telling.number, telling.content, self._languages.language(tenant))
        return Ending.HELD if held == wanted else Ending.NOT_HELD

    async def _tell(self, ask: ClaimAsk, batch: int, tellings: Sequence[Telling]) -> list[Told]:
        """Tell a list; one that is refused for some of its receipts is halved until the guilty ones are alone."""
        begun, not_after = self._clock.boot(), deadline_of(self._holds, ask.hold)
        if not_after <= begun:
            return all_ended(tellings, Ending.WAITS, "The right to send ran out before the first byte.")
        verdict = await self._post(ask.tenant, batch, tellings, not_after)
        call = Call(f"list of {len(tellings)} to batch {batch}", round((self._clock.boot() - begun) * 1000))
        if verdict is None:
            return await self._gone(ask.tenant, batch, tellings, call)
        await self._note(ask.tenant, batch, verdict)
        if isinstance(verdict, Declined) and len(tellings) > 1:
            middle = len(tellings) // 2
            first = await self._tell(ask, batch, tellings[:middle])
            return first + await self._tell(ask, batch, tellings[middle:])
        ending, detail, after = ending_of(verdict)
        return all_ended(tellings, ending, detail, after, call)

    async def _gone(self, tenant: TenantId, batch: int, tellings: Sequence[Telling], call: Call) -> list[Told]:
        """Lay receipts down, unless OC2 itself is not to be found: a wrong address answers 404 for every batch."""
        try:
            await self._source.probe(tenant)
        except (AccessDeniedError, SecretMissingError, TransientError) as error:
            verdict = verdict_of_error(error)
            await self._note(tenant, batch, verdict)
            after = verdict.after if isinstance(verdict, Waits) else None
            return all_ended(tellings, Ending.WAITS, f"No such batch, and nothing else is found: {error}", after, call)
        await self._note(tenant, batch, Stored("probed"))
        log.info("A batch is gone at OC2; its receipts are laid down.", tenant=tenant, batch=batch)
        return all_ended(tellings, Ending.GONE, _GONE, call=call)

    async def _post(
        self, tenant: TenantId, batch: int, tellings: Sequence[Telling], not_after: float
    ) -> Verdict | None:
        """Make the call; None if the batch is gone."""
        language = self._languages.language(tenant)
        receipts = [receipt_of(one.number, one.content, language) for one in tellings]
        try:
            outcome = await self._source.tell(tenant, batch, receipts, not_after=not_after)
        except (AccessDeniedError, SecretMissingError, TransientError) as error:
            return verdict_of_error(error)
        except Exception as error:
            log.error("Telling ended in a way that nobody foresaw; it is unclear.", tenant=tenant, exc_info=error)
            return Unclear(f"An unforeseen {type(error).__name__} ended the call.")
        gone = isinstance(outcome, Refused) and outcome.status == _NOT_FOUND
        return None if gone else verdict_of(outcome)

    async def _note(self, tenant: TenantId, batch: int, verdict: Verdict) -> None:
        try:
            await self._gate.note_telling(tenant, f"receipts of batch {batch}", verdict)
        except TransientError as error:
            log.warning("A gate could not be written; the next answer tries again.", tenant=tenant, error=str(error))

    async def _write(self, hold: Hold, batch: int, results: Sequence[Told]) -> None:
        """Write what became of receipts that are still out from here, in one transaction."""
        entries: list[LogEntry] = []
        async with self._store.unit() as unit:
            locked = await unit.lock(sorted(one.telling.parcel.key for one in results))
            changed: list[Parcel] = []
            for told in results:
                parcel = locked.get(told.telling.parcel.key)
                if parcel is None or not _is_ours(parcel, told, hold):
                    continue
                fact = fact_of(told, unit.now, self._pause(parcel.key.tenant, batch, told))
                changed.append(_after(parcel, fact, self._policy))
                if told.ending is not Ending.WAITS:
                    entries.append(self._entry(parcel, told, hold))
            await unit.change(changed)
            await unit.log(entries)
        self._show(batch, results)

    def _pause(self, tenant: TenantId, batch: int, told: Told) -> timedelta:
        own = self._backoff.after(self._failures[tenant, batch] + 1)
        return max(told.after or own, own)

    def _show(self, batch: int, results: Sequence[Told]) -> None:
        for told in results:
            count(Metric.RECEIPTS, tenant=told.telling.parcel.key.tenant, outcome=told.ending.value)
        if results:
            place = (results[0].telling.parcel.key.tenant, batch)
            if any(one.ending is Ending.WAITS and one.call is not None for one in results):
                self._failures[place] += 1
            else:
                self._failures.pop(place, None)

    def _entry(self, parcel: Parcel, told: Told, hold: Hold) -> LogEntry:
        delivery, content = parcel.delivery, told.telling.content
        said = f"{content.status.value} to batch {content.batch}"
        return LogEntry(
            key=delivery.key,
            version=delivery.wanted.version,
            step=Step.RECEIPT,
            event_id=delivery.wanted.event_id,
            before=delivery.state,
            after=delivery.state,
            outcome=told.ending.value,
            reason=content.reason,
            detail=f"{said}: {told.detail}" if told.detail else said,
            trace_id=trace_id(delivery.wanted.traceparent),
            call=told.call,
            claim_epoch=hold.epoch,
            owner=self._owner,
        )


def _is_ours(parcel: Parcel, told: Told, hold: Hold) -> bool:
    """Whether the receipt is still out under our hold; what a takeover put in doubt its new owner looks at."""
    receipt = parcel.delivery.receipt
    return receipt.out_epoch == hold.epoch and receipt.out == told.telling.text


def _after(parcel: Parcel, fact: facts.ReceiptFact, policy: Policy) -> Parcel:
    delivery = decide(parcel.delivery, fact, policy).delivery
    return Parcel(delivery or parcel.delivery, parcel.origin, parcel.confirmed_payload)
