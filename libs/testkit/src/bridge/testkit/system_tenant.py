"""One tenant of a system under test: its customers and batches at the sources, its deliveries, its OC2.

Owns what a test says and asks about a tenant. It must not know how a service works.
"""

import json
import urllib.request
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from bridge.contracts.envelope import Envelope
from bridge.contracts.identity import Flow, TenantId
from bridge.contracts.topics import TopicName
from bridge.durable.row import Row
from bridge.testkit.simulator_answers import Json, JsonObject, LoggedRequest, Written, as_object, as_rows, integer
from bridge.testkit.simulators import SimulatorAdmin
from bridge.testkit.system_invoices import CUSTOMER, SystemInvoices

_PAGE: Final = 500
_PATIENCE_SECONDS: Final = 90.0


class Surroundings(Protocol):
    """What a tenant needs of the system around it."""

    @property
    def simulators(self) -> SimulatorAdmin:
        """The admin door of Tripletex and OC2."""

    async def rows(self, query: str, **values: object) -> list[Row]:
        """Ask the database."""

    async def envelopes(self, topic: TopicName) -> list[Envelope]:
        """Read a topic."""

    async def until(
        self, condition: Callable[[], Coroutine[Any, Any, bool]], what: str, *, timeout: float = _PATIENCE_SECONDS
    ) -> None:
        """Wait."""


def customers(count: int, *, first: int = 10_001, **content: Json) -> list[JsonObject]:
    """Return that many new customers, each with a payment term of 14 days unless `content` says otherwise."""
    terms: dict[str, Json] = {"invoicesDueIn": 14, "invoicesDueInType": "DAYS"}
    return [
        {"customerNumber": number, "name": f"Kunde {number} AS", **terms, **content}
        for number in range(first, first + count)
    ]


@dataclass(slots=True)
class SystemTenant:
    """A tenant with its company at Tripletex and its OC2, and the flows it has; every edit is unlike all others."""

    id: TenantId
    company: int
    api_key: str = field(repr=False)
    employee: Path
    system: Surroundings
    flows: tuple[Flow, ...] = (Flow.CUSTOMERS,)
    ids: dict[int, int] = field(default_factory=dict)
    _edits: int = 0

    @property
    def invoices(self) -> SystemInvoices:
        """Its invoices."""
        return SystemInvoices(self.id, self.company, self.system.simulators)

    def begin(self, *rows: JsonObject) -> int:
        """Show a new batch of invoices at OC2, to a customer that Tripletex has, and return its number."""
        if CUSTOMER not in self.ids:
            self.write(*customers(1, first=CUSTOMER))
        return self.invoices.begin(*rows)

    def write(self, *rows: JsonObject) -> list[Written]:
        """Create customers at the source."""
        written = self.system.simulators.write_customers(self.company, rows)
        self.ids |= {row.customer_number: row.id for row in written}
        return written

    def edit(self, *numbers: int) -> None:
        """Change customers at the source, all at the same moment."""
        self._edits += 1
        rows: list[JsonObject] = [
            {"id": self.ids[number], "name": f"Kunde {number} nr. {self._edits}"} for number in numbers
        ]
        self.system.simulators.write_customers(self.company, rows)

    async def read(self, polls: int = 1) -> None:
        """Wait until everything that the source shows now has been read and is durable with the poller."""
        for _ in range(polls + 1):
            before = await self._last_good_polls()

            async def moved(before: dict[str, object] = before) -> bool:
                now = await self._last_good_polls()
                return all(flow in now and now[flow] != before.get(flow) for flow in self.flows)

            await self.system.until(moved, f"a complete poll of {self.id}")

    async def states(self) -> dict[str, int]:
        """Return how many of the tenant's deliveries are in each state."""
        rows = await self.system.rows(
            "SELECT state, count(*) AS n FROM publisher.delivery WHERE tenant = %(t)s GROUP BY state", t=self.id
        )
        return {row.text("state"): row.number("n") for row in rows}

    async def settled(self, timeout: float = _PATIENCE_SECONDS, **states: int) -> None:
        """Wait until the tenant's deliveries are in exactly these states."""

        async def reached() -> bool:
            return await self.states() == states

        await self.system.until(reached, f"{self.id} to be at {states}", timeout=timeout)

    async def arrived(self) -> None:
        """Wait until its OC2 holds under each number the name that the source shows now, and all is confirmed."""

        async def reached() -> bool:
            history = self.system.simulators.history(self.company)
            newest = {entry.customer_number: entry.content["name"] for entry in history}
            there = self.system.simulators.ledger(self.id).customers
            confirmed = await self.states() == {"confirmed": len(newest)}
            return confirmed and {number: content.get("name") for number, content in there.items()} == newest

        await self.system.until(reached, f"OC2 of {self.id} to hold what the source shows")

    async def heard(self, topic: TopicName) -> list[Envelope]:
        """Return the tenant's records on a topic, in order per entity."""
        return [envelope for envelope in await self.system.envelopes(topic) if envelope.tenant == self.id]

    def sent_to_oc2(self) -> list[LoggedRequest]:
        """Return every request that its OC2 got that could change a customer."""
        return [
            entry
            for entry in self.system.simulators.requests()
            if entry.system == "oc2" and entry.scope == self.id and entry.method in ("PUT", "POST")
        ]

    def listed_by_oc2(self) -> list[int]:
        """Return every customer number as its OC2's own list gives it."""
        found: list[int] = []
        while True:
            page = self._page(after=found[-1] if found else 0)
            found += page
            if len(page) < _PAGE:
                return found

    def _page(self, *, after: int) -> list[int]:
        address = f"{self.system.simulators.oc2_url(self.id)}/v1/customers?afterNumber={after}&limit={_PAGE}"
        request = urllib.request.Request(address, headers={"X-Api-Key": self.api_key})  # noqa: S310 (the simulator)
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            document = as_object(json.loads(answer.read()))
        return [integer(row, "customerNumber") for row in as_rows(document.get("values"))]

    async def _last_good_polls(self) -> dict[str, object]:
        query = "SELECT flow, last_good_poll_at FROM poller.source_cursor WHERE tenant = %(t)s"
        return {row.text("flow"): row["last_good_poll_at"] for row in await self.system.rows(query, t=self.id)}
