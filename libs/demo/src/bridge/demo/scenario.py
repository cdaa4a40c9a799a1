"""The story: both flows at once.

Owns the order in which the two parts take turns. What each one waits for, the other one's work goes on meanwhile.
"""

from dataclasses import dataclass
from typing import Final

from bridge.demo import customer_story, invoice_story
from bridge.demo.customer_story import CustomerStory
from bridge.demo.invoice_story import InvoiceStory
from bridge.testkit.simulators import SimulatorAdmin

_LATE: Final = (customer_story.LATE, invoice_story.LATE)


@dataclass(frozen=True, slots=True)
class Star:
    """An entity whose journey tells the most; `variable` is how `make where` takes its number."""

    tenant: str
    kind: str
    number: int
    variable: str

    @property
    def words(self) -> str:
        """How `bridge where` names it."""
        return f"{self.kind} {self.number} --tenant {self.tenant}"


@dataclass(frozen=True, slots=True)
class Scenario:
    """Plays the story on a stage."""

    customers: CustomerStory
    invoices: InvoiceStory

    @property
    def stars(self) -> tuple[Star, Star]:
        """Those worth a look afterwards."""
        (tenant, customer), (owner, invoice) = self.customers.star, self.invoices.star
        return Star(tenant, "customer", customer, "N"), Star(owner, "invoice", invoice, "I")

    def play(self) -> None:
        """Play everything; the tenants are live and their sources empty."""
        self.customers.arm()
        self.invoices.arm()
        self.customers.load()
        self.invoices.load()
        self.customers.first_lists()
        self.invoices.first_calls()
        self.customers.first_delivery()
        self.customers.troubles_of_one()
        self.invoices.mend()
        self.customers.edits()
        self.invoices.correct()


def late_effects_are_over(simulators: SimulatorAdmin) -> bool:
    """Tell whether every effect that came after its time-out has come."""
    entries = [entry for entry in simulators.requests() if any(name in entry.faults for name in _LATE)]
    return len(entries) >= len(_LATE) and all(entry.status is not None for entry in entries)
