"""An OC2 in memory, at the level of our own port: holds customers and terms, and does what a script says first.

A script entry is an outcome to answer with (nothing is stored), an error to raise, or None to go on as usual.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bridge.contracts.identity import TenantId
from bridge.oc2.client import ListOutcome, ListResults, Stored, TermOutcome
from bridge.oc2.terms import PaymentTerm
from bridge.remote.http import HttpAnswer
from bridge.remote.outcome import Applied, NotSent, Outcome, Refused, Unauthorized, Unknown

Body = Mapping[str, object]
Answer = NotSent | Refused | Unauthorized | Unknown
Step = Answer | Exception | None


@dataclass(slots=True)
class FakeOc2:
    """`calls` names every call in order; `script` is asked once for each call of that name; `held_up` stops writes."""

    customers: dict[tuple[TenantId, int], Body] = field(default_factory=dict)
    terms: dict[TenantId, list[PaymentTerm]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    script: dict[str, deque[Step]] = field(default_factory=dict)
    held_up: asyncio.Event | None = None

    def plan(self, call: str, *steps: Step) -> None:
        """Say what the next calls of that name do."""
        self.script.setdefault(call, deque()).extend(steps)

    async def put_list(self, tenant: TenantId, customers: Sequence[Body], *, not_after: float) -> ListOutcome:
        """Store a list."""
        answer = await self._begin("put_list")
        if answer is not None:
            return answer
        for body in customers:
            self._store(tenant, body)
        return ListResults(tuple(Stored("CREATED") for _ in customers))

    async def put_one(self, tenant: TenantId, customer: Body, *, not_after: float, idempotency_key: str) -> Outcome:
        """Store one customer."""
        answer = await self._begin("put_one")
        if answer is not None:
            return answer
        self._store(tenant, customer)
        return Applied(HttpAnswer(200, {}, b""))

    async def held(self, tenant: TenantId, number: int) -> Body | None:
        """Return what is held."""
        await self._begin("held")
        return self.customers.get((tenant, number))

    async def term_id(self, tenant: TenantId, days: int) -> int | None:
        """Return the lowest id of a term with that number of days."""
        await self._begin("term_id")
        return min((term.id for term in self.terms.get(tenant, ()) if term.days == days), default=None)

    async def create_term(self, tenant: TenantId, days: int, *, not_after: float) -> TermOutcome:
        """Create a term."""
        answer = await self._begin("create_term")
        if answer is not None:
            return answer
        register = self.terms.setdefault(tenant, [])
        register.append(PaymentTerm(len(register) + 1, f"{days} dager", days))
        return register[-1]

    async def probe(self, tenant: TenantId) -> None:
        """Answer a probe."""
        await self._begin("probe")

    async def _begin(self, call: str) -> Answer | None:
        self.calls.append(call)
        if self.held_up is not None and call.startswith("put"):
            await self.held_up.wait()
        waiting = self.script.get(call)
        step = waiting.popleft() if waiting else None
        if isinstance(step, Exception):
            raise step
        return step

    def _store(self, tenant: TenantId, body: Body) -> None:
        number = body["customerNumber"]
        assert isinstance(number, int)
        self.customers[tenant, number] = body
