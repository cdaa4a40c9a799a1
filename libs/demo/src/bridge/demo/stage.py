"""The running system as the scenario acts on it and waits for it: every wait has a condition and a deadline.

Owns the waiting. While it waits it shows the progress and notices a process that died.
"""

import http.client
import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from bridge.demo.cast import Company
from bridge.demo.console import Console
from bridge.demo.errors import DemoError
from bridge.demo.expectation import changes
from bridge.demo.judge import Told
from bridge.demo.processes import Services
from bridge.demo.screen import Row, Screen
from bridge.testkit.simulator_answers import JsonObject, as_object, as_rows, integer, text
from bridge.testkit.simulators import SimulatorAdmin

_LOOK_SECONDS: Final = 0.2
_SHOW_SECONDS: Final = 0.5
_PROOF_REST: Final = 0.5
"""Rest after each asking, as a multiple of what it took: the command is a process of its own."""
_PATIENCE_SECONDS: Final = 120.0
_TOLD: Final = "bridge_rows_emitted_total"
_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Proof:
    """`bridge proof` at one moment: whether its sums match, whether nothing is on its way, and its counts by tenant."""

    holds: bool
    quiet: bool
    told: Mapping[str, Told]


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
        self._proof = Proof(holds=False, quiet=False, told={})
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
        self._proof = replace(self._proof, quiet=False)  # what held before the wait says nothing
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

        `quiet` is false until an answer has come that was asked for after the wait began.
        """
        if self._asked is None and time.monotonic() >= self._proof_due:
            self._asked_at = time.monotonic()
            self._asked = self._asking.submit(self.prove)
        if self._asked is not None and self._asked.done():
            found, self._asked = self._asked.result(), None
            self._proof = replace(found, quiet=found.quiet and self._asked_at >= self._wait_began)
            self._proof_due = time.monotonic() + (time.monotonic() - self._asked_at) * _PROOF_REST
        return self._proof

    def prove(self) -> Proof:
        """Return `bridge proof` of this moment."""
        document, fine = self.console.ask("proof")
        rows = as_rows(document.get("flows"))
        return Proof(fine, document.get("quiet") is True, {text(row, "tenant"): _told(row) for row in rows})

    def await_fault(self, name: str, what: str) -> None:
        """Wait until a misbehaviour has met its request."""
        self.until(lambda: self.simulators.faults()[name].hits > 0, what)

    def await_read(self, companies: Sequence[Company], what: str) -> None:
        """Wait until each source has answered both lists anew and the pollers have told all that it ever showed.

        Edits of one customer are kept apart by this, so that each is a change of its own and can be counted. The
        telling counts too: a page that was read by a poller whose lease ended is read again by another.
        """
        since = max((entry.seq for entry in self.simulators.requests()), default=0)
        waiting = {str(company.company_id): {"true", "false"} for company in companies}
        shown = {each.tenant: changes(self.simulators.history(each.company_id)) for each in companies}

        def read() -> bool:
            for entry in self.simulators.requests(since=since):
                if entry.path == "/customer" and entry.status == 200 and entry.scope in waiting:
                    waiting[entry.scope].discard(str(entry.query.get("isInactive")))
            return not any(waiting.values()) and all(
                self._services.metric("poller", _TOLD, tenant=tenant) >= count for tenant, count in shown.items()
            )

        self.until(read, what)

    def listed(self, company: Company) -> list[int]:
        """Return every customer number as OC2's own list gives it, through its public door."""
        found: list[int] = []
        while True:
            page = self._page(company, after=found[-1] if found else 0)
            found += page
            if len(page) < _PAGE:
                return found

    def _page(self, company: Company, *, after: int) -> list[int]:
        address = urlsplit(self.simulators.oc2_url(company.tenant))
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
        try:
            query = f"afterNumber={after}&limit={_PAGE}"
            connection.request("GET", f"{address.path}/v1/customers?{query}", headers={"X-Api-Key": company.api_key})
            document = as_object(json.loads(connection.getresponse().read()))
        finally:
            connection.close()
        return [integer(row, "customerNumber") for row in as_rows(document.get("values"))]

    def _show(self) -> None:
        told = self.proof().told
        if time.monotonic() < self._show_due:
            return
        self._show_due = time.monotonic() + _SHOW_SECONDS
        ledgers = {company.tenant: self.simulators.ledger(company.tenant) for company in self.cast}
        self._screen.show(
            [
                Row(tenant, len(ledger.customers), len(ledger.writes), told.get(tenant))
                for tenant, ledger in ledgers.items()
            ]
        )

    def _spoken(self) -> str:
        return (
            "; ".join(
                f"{each.tenant}: {each.changes} changes, {each.confirmed} confirmed, {each.waiting} waiting, "
                f"{each.in_doubt} in doubt"
                for each in self._proof.told.values()
            )
            or "nothing yet"
        )


def _told(row: JsonObject) -> Told:
    reasons = as_object(row.get("dead_by_reason"))
    problems = row.get("problems")
    return Told(
        tenant=text(row, "tenant"),
        changes=integer(row, "changes"),
        confirmed=integer(row, "confirmed"),
        superseded=integer(row, "superseded"),
        waiting=integer(row, "in_flight") + integer(row, "waiting"),
        in_doubt=integer(row, "in_doubt"),
        dead={reason: integer(reasons, reason) for reason in reasons},
        problems=tuple(str(problem) for problem in problems) if isinstance(problems, list) else (),
    )
