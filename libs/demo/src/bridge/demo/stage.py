"""The running system as the stories act on it and wait for it: every wait has a condition and a deadline.

Owns the waiting. While it waits it shows the progress and notices a process that died.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Final

from bridge.demo.cast import Company
from bridge.demo.console import Console
from bridge.demo.counts import CUSTOMERS, INVOICES
from bridge.demo.errors import DemoError
from bridge.demo.processes import Services
from bridge.demo.proof import NOTHING_YET, Proof, ask_proof
from bridge.demo.reads import batches_read, customers_read
from bridge.demo.screen import Row, Screen
from bridge.testkit.simulators import SimulatorAdmin

_LOOK_SECONDS: Final = 0.2
_SHOW_SECONDS: Final = 0.5
_PROOF_REST: Final = 0.5
"""Rest after each asking, as a multiple of what it took: the command is a process of its own."""
_PATIENCE_SECONDS: Final = 120.0


class Stage:
    """The system, its simulators and the screen."""

    def __init__(
        self,
        cast: Sequence[Company],
        simulators: SimulatorAdmin,
        services: Services,
        console: Console,
        screen: Screen,
    ) -> None:
        self.cast = cast
        self.simulators = simulators
        self.console = console
        self._services = services
        self._screen = screen
        self._proof = NOTHING_YET
        self._wait_began = self._proof_due = self._asked_at = self._show_due = 0.0
        self._asking = ThreadPoolExecutor(1, thread_name_prefix="proof")
        self._asked: Future[Proof] | None = None

    def say(self, line: str) -> None:
        """Tell people what happened."""
        self._screen.say(line)

    def until(self, condition: Callable[[], bool], what: str, *, seconds: float = _PATIENCE_SECONDS) -> None:
        """Wait until the condition holds.

        Raises:
            DemoError: A process died, or the condition does not hold in time; the text says which.
        """
        self._screen.wait(what)
        self._wait_began = time.monotonic()
        self._proof = replace(self._proof, at_rest=frozenset())  # what held before the wait says nothing
        deadline = time.monotonic() + seconds
        while not condition():
            self._services.check()
            if time.monotonic() > deadline:
                raise DemoError(
                    f"Not reached within {seconds:g} s: {what}. The proof says: {self._spoken()}.\n"
                    f"{self._services.complaints()}"
                )
            self._show()
            time.sleep(_LOOK_SECONDS)
        self._show()
        self._screen.reached(what)

    def proof(self) -> Proof:
        """Return the newest answer of `bridge proof`; asking goes on beside the wait, so it holds nothing up.

        No flow is at rest until an answer has come that was asked for after the wait began.
        """
        if self._asked is None and time.monotonic() >= self._proof_due:
            self._asked_at = time.monotonic()
            self._asked = self._asking.submit(self.prove)
        if self._asked is not None and self._asked.done():
            found, self._asked = self._asked.result(), None
            fresh = self._asked_at >= self._wait_began
            self._proof = found if fresh else replace(found, at_rest=frozenset())
            self._proof_due = time.monotonic() + (time.monotonic() - self._asked_at) * _PROOF_REST
        return self._proof

    def prove(self) -> Proof:
        """Return `bridge proof` of this moment."""
        return ask_proof(self.console)

    def await_fault(self, name: str, what: str) -> None:
        """Wait until a misbehaviour has met its request."""
        self.until(lambda: self.simulators.faults()[name].hits > 0, what)

    def await_customers_read(self, companies: Sequence[Company], what: str) -> None:
        """Wait until the pollers have told all that the companies' Tripletex ever showed."""
        self.until(customers_read(self.simulators, self._services, companies), what)

    def await_batches_read(self, companies: Sequence[Company], what: str) -> None:
        """Wait until the pollers have told all that the companies' OC2 ever showed in its batches."""
        self.until(batches_read(self.simulators, self._services, companies), what)

    def _show(self) -> None:
        self.proof()
        if time.monotonic() < self._show_due:
            return
        self._show_due = time.monotonic() + _SHOW_SECONDS
        self._screen.show([row for company in self.cast for row in (self._customers(company), self._invoices(company))])

    def _customers(self, company: Company) -> Row:
        ledger = self.simulators.ledger(company.tenant)
        told = self._proof.told.get((company.tenant, CUSTOMERS))
        return Row(company.tenant, CUSTOMERS, len(ledger.customers), len(ledger.writes), told)

    def _invoices(self, company: Company) -> Row:
        invoices = self.simulators.books(company.company_id).invoices()
        receipts = self.simulators.batches(company.tenant).receipts()
        told = self._proof.told.get((company.tenant, INVOICES))
        return Row(
            company.tenant, INVOICES, len({each.number for each in invoices}), len(invoices), told, len(receipts)
        )

    def _spoken(self) -> str:
        return (
            "; ".join(
                f"{each.tenant}, {each.flow}: {each.changes} changes, {each.confirmed} confirmed, "
                f"{each.waiting} waiting, {each.in_doubt} in doubt, {each.receipts_missing} receipts to be given"
                for each in self._proof.told.values()
            )
            or "nothing yet"
        )
