"""The customers' story: what happens at each Tripletex, and what goes wrong at OC2 meanwhile.

Owns its events. Every trouble is armed before the customer it shall meet moves, and is awaited by its own counter, so
the story is the same on a slow machine.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from bridge.demo.cast import Company
from bridge.demo.counts import CUSTOMERS
from bridge.demo.norway import Register
from bridge.demo.sources import fill_sources
from bridge.demo.stage import Stage
from bridge.demo.values import LATE_EFFECT_SECONDS, SLOW_ANSWER_SECONDS
from bridge.testkit.simulator_answers import Json, JsonObject

_BULK: Final = "/v1/customers/bulk$"
_WAVES: Final = 3
_EDITS_A_WAVE: Final = 15

LIST_LOST: Final = "answer to a list lost"
SLOW: Final = "slow answer"
ANSWER_LOST: Final = "answer to one lost"
LATE: Final = "effect after the time-out"


@dataclass(slots=True)
class CustomerStory:
    """Plays the customers' part on a stage. `star` is the customer of the late effect, worth a look afterwards."""

    stage: Stage
    register: Register
    _ids: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    _edits_left: Iterator[JsonObject] = field(init=False)

    def __post_init__(self) -> None:
        self._edits_left = self.register.edits()

    @property
    def star(self) -> tuple[str, int]:
        """The tenant and number of the customer whose journey tells the most."""
        company = self.stage.cast[1]
        return company.tenant, company.first_number + 7

    def load(self) -> None:
        """Fill the sources."""
        self._ids = fill_sources(self.stage.cast, self.stage.simulators, self.register)
        for company in self.stage.cast:
            self.stage.say(
                f"{company.name} ({company.tenant}) has {len(self._ids[company.tenant])} customers in Tripletex"
            )

    def arm(self) -> None:
        """Prepare the troubles that the first delivery meets."""
        first, second, _ = self.stage.cast
        self._trouble(LIST_LOST, first, "answer_lost", method="POST", path=_BULK)
        self._trouble(
            SLOW,
            second,
            "latency",
            method="POST",
            path=_BULK,
            match={"customerNumber": second.first_number + 3},
            seconds=SLOW_ANSWER_SECONDS,
        )

    def first_lists(self) -> None:
        """See the first lists leave: one is slow, of another the answer is lost."""
        first, second, _ = self.stage.cast
        self.stage.await_fault(SLOW, f"{second.tenant}: OC2 is slow with the first list")
        self._edit(second, second.first_number + 3)
        self.stage.await_customers_read(
            [second], f"{second.tenant}: a customer of that list is edited while it is on its way"
        )
        self.stage.await_fault(LIST_LOST, f"{first.tenant}: OC2 takes a list and its answer is lost")

    def first_delivery(self) -> None:
        """See all of them through."""
        first, second, third = self.stage.cast
        total = first.customers + second.customers + third.customers
        self.stage.until(self._all_delivered, f"all {total} customers are delivered, or set aside with a reason")

    def troubles_of_one(self) -> None:
        """Single customers: a lost answer, an effect after its time-out, one that leaves, one that moves."""
        first, second, third = self.stage.cast
        lost, late = first.first_number + 11, second.first_number + 7
        self._trouble(ANSWER_LOST, first, "answer_lost", match={"customerNumber": lost})
        self._trouble(LATE, second, "effect_after", match={"customerNumber": late}, seconds=LATE_EFFECT_SECONDS)
        self._edit(first, lost)
        self._edit(second, late)
        self._edit(third, third.first_number + 5, {"isInactive": True})
        self._edit(third, third.first_number + 9, {"customerNumber": third.first_number + 5_000})
        self.stage.await_fault(LATE, f"{second.tenant}: OC2 works on an edit of {late} and does not answer")
        self._edit(second, late)
        self.stage.await_customers_read([second, third], f"{second.tenant}: {late} is edited again meanwhile")
        self.stage.await_fault(ANSWER_LOST, f"{first.tenant}: OC2 takes an edit of {lost} and its answer is lost")

    def edits(self) -> None:
        """Waves of edits; some customers are edited in each."""
        for wave in range(1, _WAVES + 1):
            for company in self.stage.cast:
                # Every second number is in every wave, the others in one: some are edited again and again.
                numbers = range(company.first_number + 20, company.first_number + 20 + 2 * _EDITS_A_WAVE)
                for number in [*numbers[::2], *numbers[1 + 2 * (wave - 1) :: 2 * _WAVES]]:
                    self._edit(company, number)
            self.stage.await_customers_read(self.stage.cast, f"edits, wave {wave} of {_WAVES}")

    def _all_delivered(self) -> bool:
        proof = self.stage.proof()
        told = [(proof.told.get((each.tenant, CUSTOMERS)), each.customers) for each in self.stage.cast]
        return proof.quiet(CUSTOMERS) and all(row is not None and row.changes >= count for row, count in told)

    def _edit(self, company: Company, number: int, values: JsonObject | None = None) -> None:
        edit = values or next(self._edits_left)
        self.stage.simulators.write_customers(company.company_id, [{"id": self._ids[company.tenant][number], **edit}])

    def _trouble(self, name: str, company: Company, kind: str, **rule: Json) -> None:
        self.stage.simulators.add_fault(name, system="oc2", kind=kind, scope=company.tenant, times=1, **rule)
