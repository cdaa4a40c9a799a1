"""Every invoice exactly once: the state machine against a Tripletex that takes a number twice.

A model of the publisher's last mile. Answers are lost, effects come late, processes die and are taken over, refusals
turn out to have stored something, operators retry and verify, the source corrects, takes back and repeats, old records
are replayed. The target's own last fence, the unique invoice number, is switched off, so that nothing but the machine
stands between a doubt and a second invoice.
"""

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from bridge.contracts.envelope import Outcome
from bridge.contracts.identity import EntityNumber, EventId, Flow, Generation, Revision, TenantId, Version, invoice_ref
from bridge.contracts.reasons import Reason
from bridge.publisher.domain.delivery import facts
from bridge.publisher.domain.delivery.model import Delivery, EntityKey, Policy, Refusal, Sent, State, Wanted
from bridge.publisher.domain.delivery.rules import RuleId
from bridge.publisher.domain.delivery.transitions import Decision, decide, ingest

INVOICES = 50_000
PARTS = 10
HTTP_TOTAL = 45.0
"""Seconds after which a call is given up; an effect may come until as long after that."""
T0 = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
CHANGES = 3


@dataclass
class _Tripletex:
    """Invoices by the content they were made of, uniqueness off; `late` are requests that are still under way."""

    stored: list[bytes] = field(default_factory=list)
    late: list[tuple[float, bytes]] = field(default_factory=list)

    def run_until(self, now: float) -> None:
        for effect in [one for one in self.late if one[0] <= now]:
            self.late.remove(effect)
            self.stored.append(effect[1])


def _wanted(revision: int, content: str, outcome: Outcome) -> Wanted:
    return Wanted(
        version=Version(Revision(revision)),
        change_no=revision,
        event_id=EventId(f"event-{revision}"),
        source_hash=content,
        source_ref=invoice_ref(88, 1),
        schema_version=1,
        traceparent=None,
        outcome=outcome,
        payload=content.encode(),
        refusal=Refusal(Reason.INVALID_KID, "kid", "") if outcome is Outcome.UNMAPPABLE else None,
    )


class _Invoice:
    """One invoice's life: what the source says of it, what the world does to it, and what the machine makes of that."""

    def __init__(self, seed: int, settle: float) -> None:
        self.rng = random.Random(seed)
        self.policy = Policy(settle=timedelta(seconds=settle))
        self.key = EntityKey(TenantId("acme"), Flow.INVOICES, EntityNumber("1"))
        self.target = _Tripletex()
        self.now = 0.0
        self.acts = 1000
        self.told: list[Wanted] = []
        self.delivery: Delivery | None = None
        self.confirmed_at_some_time = False

    def live(self) -> None:
        """Run the wild part of its life, then a quiet one in which everything may drain."""
        self._say(Outcome.MAPPED)
        for _ in range(self.rng.randint(2, 14)):
            self._pass(self.rng.choice((0.2, 5.0, 40.0, 120.0)))
            self._disturb()
            self._serve(wild=True)
        for _ in range(12):
            self._pass(400.0)
            self._serve(wild=False)

    def _pass(self, longest: float) -> None:
        self.now += self.rng.uniform(0.0, longest)
        self.target.run_until(self.now)

    @property
    def _moment(self) -> datetime:
        return T0 + timedelta(seconds=self.now)

    def _take(self, decision: Decision) -> None:
        self.delivery = decision.delivery
        if self.delivery is not None and self.delivery.confirmed is not None:
            self.confirmed_at_some_time = True

    def _say(self, outcome: Outcome) -> None:
        content = self.rng.choice(("a", "b")) if self.told else "a"
        wanted = _wanted(len(self.told) + 1, content, outcome)
        self.told.append(wanted)
        below_floor = self._moment if self.rng.random() < 0.1 else None
        self._take(ingest(self.key, self.delivery, facts.Ingested(wanted, self._moment, below_floor), self.policy))

    def _disturb(self) -> None:
        """Let the source, an operator or a replay say something."""
        assert self.delivery is not None
        dice = self.rng.random()
        if dice < 0.25 and len(self.told) <= CHANGES:
            self._say(self.rng.choice((Outcome.MAPPED, Outcome.MAPPED, Outcome.WITHDRAWN, Outcome.UNMAPPABLE)))
        elif dice < 0.4:
            old = self.rng.choice(self.told)
            decision = ingest(self.key, self.delivery, facts.Ingested(old, self._moment), self.policy)
            assert decision.rule is RuleId.OLDER_OR_SAME, "a replay of what was taken in changes nothing"
        elif dice < 0.5:
            self.acts += 1
            version = self.delivery.wanted.version
            act: facts.Fact = facts.RetryAsked(version, Generation(self.acts), self._moment)
            if self.rng.random() < 0.3:
                act = facts.VerifyAsked(version, self._moment)
            self._take(decide(self.delivery, act, self.policy))

    def _serve(self, *, wild: bool) -> None:
        """Claim it if it is due, and see the claim through to its end, its death, or its lost answer."""
        delivery = self.delivery
        if delivery is None or delivery.due_at is None or delivery.due_at > self._moment:
            return
        self._take(decide(delivery, facts.Claimed(1, self._moment), self.policy))
        assert self.delivery is not None
        if self.delivery.state is not State.SENDING:
            return
        fact = self._look(wild=wild) if self.delivery.read_back else self._post(wild=wild)
        self._take(decide(self.delivery, fact, self.policy))

    def _look(self, *, wild: bool) -> facts.Fact:
        if wild and self.rng.random() < 0.2:
            return self._lost_on_the_way()
        found = self._found()
        return facts.FoundNothing(self._moment) if found is None else facts.FoundWanted(self._moment, "1", found)

    def _found(self) -> Version | None:
        """Match as the use case does: by what was sent, else by what is wanted; in this model both always match."""
        assert self.delivery is not None
        if not self.target.stored:
            return None
        sent: Sent | None = self.delivery.sent
        return sent.version if sent is not None else self.delivery.wanted.version

    def _post(self, *, wild: bool) -> facts.Fact:
        assert self.delivery is not None
        assert self.delivery.sent is not None
        payload = self.delivery.sent.payload
        fate = self.rng.random() if wild else 1.0
        if fate < 0.15:
            return self._lost_on_the_way()
        if fate < 0.55:
            return self._answer_lost(payload)
        if fate < 0.7:
            return self._refused(payload)
        self.target.stored.append(payload)
        return facts.Applied(self._moment, "1")

    def _lost_on_the_way(self) -> facts.Fact:
        """Nothing left: the deadline passed, the target asked for patience, or the look got no answer."""
        soon = self._moment + timedelta(seconds=1)
        assert self.delivery is not None
        if self.delivery.read_back and self.rng.random() < 0.5:
            return facts.ReadBackFailed(soon)
        return facts.NeverSent(self._moment) if self.rng.random() < 0.5 else facts.NotSent(soon)

    def _answer_lost(self, payload: bytes) -> facts.Fact:
        """The request was out. It took effect at once, takes effect later, or never; the process may have died too."""
        dice = self.rng.random()
        if dice < 0.3:
            self.target.stored.append(payload)
        elif dice < 0.7:
            self.target.late.append((self.now + HTTP_TOTAL + self.rng.uniform(0.0, HTTP_TOTAL), payload))
        self.now += HTTP_TOTAL
        self.target.run_until(self.now)
        if self.rng.random() < 0.4:
            return facts.TakenOver(self._moment)
        return facts.EffectUnknown(self._moment, others_confirmed=self.rng.random() < 0.5)

    def _refused(self, payload: bytes) -> facts.Fact:
        """A refusal is no proof of absence: some were stored all the same, which the look in the same claim finds."""
        if self.rng.random() < 0.3:
            self.target.stored.append(payload)
        if (found := self._found()) is not None:
            return facts.FoundWanted(self._moment, "1", found)
        return facts.Refused(Refusal(Reason.CUSTOMER_UNKNOWN, "customerNumber", ""), self._moment)


def _live(seed: int, settle: float) -> _Invoice:
    invoice = _Invoice(seed, settle)
    invoice.live()
    return invoice


@pytest.mark.parametrize("part", range(PARTS))
def test_no_invoice_is_lost_and_none_is_doubled(part: int) -> None:
    """50,000 lives in all: nothing twice, nothing forgotten, and every row says what the target holds."""
    ends: Counter[State] = Counter()
    for seed in range(part * INVOICES // PARTS, (part + 1) * INVOICES // PARTS):
        invoice = _live(seed, settle=2 * HTTP_TOTAL)
        delivery = invoice.delivery
        assert delivery is not None
        assert not invoice.target.late
        stored = invoice.target.stored

        assert len(stored) <= 1, f"seed {seed}: doubled"
        assert delivery.due_at is None, f"seed {seed}: still on its way after everything could drain"
        if delivery.state is State.CONFIRMED:
            assert len(stored) == 1, f"seed {seed}: confirmed, and not there"
            assert delivery.wanted.payload == stored[0], f"seed {seed}: the row does not keep what the target holds"
        elif not delivery.maybe_there:
            assert not stored, f"seed {seed}: there, and the row says it is not"
        if delivery.wanted.outcome is Outcome.MAPPED and delivery.state is State.DISCARDED:
            pytest.fail(f"seed {seed}: discarded although it is wanted")
        ends[delivery.state] += 1

    assert ends[State.CONFIRMED] > INVOICES // PARTS // 2, "the model never gets anywhere"
    assert set(ends) == {State.CONFIRMED, State.DEAD, State.DISCARDED}


def test_without_settle_the_same_model_doubles_invoices() -> None:
    """What the test above proves is the settle time's work: without it the same lives go wrong."""
    doubled = sum(len(_live(seed, settle=0.0).target.stored) > 1 for seed in range(2_000))

    assert doubled > 0, "the model cannot fail, so it proves nothing"
