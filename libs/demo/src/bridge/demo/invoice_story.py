"""The invoices' story: what each OC2 generates, and what goes wrong at Tripletex meanwhile.

Owns its events. Every trouble is armed before the invoice it shall meet moves, and is awaited by its own counter or by
what stands at the simulators, so the story is the same on a slow machine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from bridge.demo.billing import Billing
from bridge.demo.cast import Company
from bridge.demo.kid import mod10, mod11
from bridge.demo.sources import payers
from bridge.demo.stage import Stage
from bridge.demo.values import LATE_EFFECT_SECONDS
from bridge.testkit.simulator_answers import Json, as_rows, text
from bridge.testkit.simulator_invoice_answers import BatchShown
from bridge.testkit.simulator_invoices import TenantBatches

_BANK_ACCOUNT: Final = "15066169162"
_ONE_INVOICE: Final = "^/invoice$"

ANSWER_LOST: Final = "answer about an invoice lost"
STORED_AND_500: Final = "an invoice stored, and a page of HTML for an answer"
LATE: Final = "invoice after the time-out"

# Places in a company's row of invoices.
_LOST, _HTML, _BAD_KID, _FIRST_BATCH, _NO_CUSTOMER = 3, 8, 12, 25, 30  # the first company
_CHANGED, _PURCHASE, _INACTIVE, _LATE, _PART = 2, 5, 10, 21, 30  # the second one
_TAKEN_BACK, _BEFORE_THE_BANK, _STAYS_BAD = 9, 10, 20  # the third one

Row = dict[str, Json]


@dataclass(slots=True)
class InvoiceStory:
    """Plays the invoices' part on a stage. `unique` is whether Tripletex refuses a number that it has already."""

    stage: Stage
    billing: Billing
    unique: bool = True
    _rows: dict[str, dict[int, Row]] = field(default_factory=dict)
    _batches: dict[str, list[int]] = field(default_factory=dict)

    @property
    def star(self) -> tuple[str, int]:
        """The tenant and number of the invoice whose journey tells the most."""
        company = self.stage.cast[1]
        return company.tenant, company.invoice_numbers[_LATE]

    def arm(self) -> None:
        """Prepare the troubles that the first delivery meets."""
        first, second, third = self.stage.cast
        for company in self.stage.cast:
            rules: Mapping[str, Json] = {"uniqueInvoiceNumbers": self.unique, "uniqueOrderNumbers": self.unique}
            self.stage.simulators.books(company.company_id).set_rules(**rules)
        self.stage.simulators.books(third.company_id).set_bank_account(None)
        self._trouble(ANSWER_LOST, first, _LOST, "answer_lost")
        self._trouble(STORED_AND_500, first, _HTML, "stored_although", then="html500")
        self._trouble(LATE, second, _LATE, "effect_after", seconds=LATE_EFFECT_SECONDS)

    def load(self) -> None:
        """Generate the batches; the first company's first number is given out to a batch that is not shown yet."""
        first, second, third = self.stage.cast
        for company in self.stage.cast:
            made = self.billing.invoices(company.invoice_numbers, customers=payers(company))
            self._rows[company.tenant] = dict(zip(company.invoice_numbers, made, strict=True))
        self._spoil()
        self._begin(first, slice(_FIRST_BATCH, None), visible=False)
        self._begin(first, slice(_FIRST_BATCH))
        self._begin(second, slice(None))
        self._begin(third, slice(_BEFORE_THE_BANK))

    def first_calls(self) -> None:
        """See the first calls leave: a lost answer, a failure that stored, an effect after its time-out."""
        first, second, third = self.stage.cast
        late = second.invoice_numbers[_LATE]
        self.stage.await_fault(ANSWER_LOST, f"{first.tenant}: Tripletex stores an invoice and its answer is lost")
        self.stage.await_fault(STORED_AND_500, f"{first.tenant}: Tripletex stores an invoice and answers 500")
        self.stage.await_fault(LATE, f"{second.tenant}: Tripletex works on invoice {late} and does not answer")
        self.stage.until(
            lambda: self._waits_for_the_bank(third),
            f"{third.tenant}: no bank account at Tripletex, so its invoices wait",
        )

    def mend(self) -> None:
        """What people do: take an invoice back, show a batch late, enter the bank account, go on invoicing."""
        first, _, third = self.stage.cast
        taken = third.invoice_numbers[_TAKEN_BACK]
        self._oc2(third).take_back(self._batches[third.tenant][0], taken)
        self._oc2(first).show(self._batches[first.tenant][0])
        self.stage.await_batches_read(
            [first, third],
            f"{third.tenant}: OC2 takes {taken} back; {first.tenant}: a batch with a lower number appears",
        )
        self.stage.simulators.books(third.company_id).set_bank_account(_BANK_ACCOUNT)
        self._begin(third, slice(_BEFORE_THE_BANK, None))
        self.stage.until(
            lambda: self._count(third) == third.invoices - 2,  # one is taken back, one refused
            f"{third.tenant}: the bank account is entered, and the invoices go by themselves",
        )

    def correct(self) -> None:
        """Correct a refused invoice, which goes through, and one that is in the books, which is left as it is."""
        first, second, _ = self.stage.cast
        refused, sent = first.invoice_numbers[_BAD_KID], second.invoice_numbers[_CHANGED]
        self._await_status(first, refused, "REJECTED", f"OC2 is told why {refused} is refused")
        self._await_status(second, sent, "TRANSFERRED", f"OC2 is told that {sent} is in the books")
        self._change(first, refused, kid=_kid(refused))
        due = date.fromisoformat(text(self._rows[second.tenant][sent], "dueDate")) + timedelta(days=7)
        self._change(second, sent, dueDate=due.isoformat())
        self.stage.await_batches_read([first, second], f"{refused} is corrected in OC2; {sent} is changed too late")
        self._await_status(first, refused, "TRANSFERRED", f"the corrected {refused} goes through")
        self.stage.until(
            lambda: self._is_closed(first, refused), f"{first.tenant}: the letter about {refused} is closed"
        )
        self.stage.until(
            lambda: self._batch(first, 1).state == "TRANSFERRED",
            f"{first.tenant}: with that its batch is finished at OC2",
        )

    def _spoil(self) -> None:
        first, second, third = self.stage.cast
        numbers, rows = first.invoice_numbers, self._rows[first.tenant]
        rows[numbers[_BAD_KID]]["kid"] = _wrong_kid(numbers[_BAD_KID])
        rows[numbers[_NO_CUSTOMER]]["customerNumber"] = first.first_number + first.customers + 1000
        wrong = third.invoice_numbers[_STAYS_BAD]
        self._rows[third.tenant][wrong]["kid"] = _wrong_kid(wrong)
        numbers, rows = second.invoice_numbers, self._rows[second.tenant]
        for place, code in ((_PURCHASE, "1"), (_INACTIVE, "51")):
            row = rows[numbers[place]]
            row["lines"] = [{**line, "vatCode": code} for line in as_rows(row["lines"])]
        earlier, later = rows[numbers[_PART]], rows[numbers[_PART + 1]]
        later.update({name: earlier[name] for name in ("orderNumber", "orderDate", "customerNumber")})

    def _begin(self, company: Company, part: slice, *, visible: bool = True) -> None:
        rows: Sequence[Json] = [self._rows[company.tenant][number] for number in company.invoice_numbers[part]]
        number = self._oc2(company).begin(rows, visible=visible)
        self._batches.setdefault(company.tenant, []).append(number)
        self.stage.say(
            f"{company.tenant}: OC2 {'generates' if visible else 'begins'} batch {number}: {len(rows)} invoices"
        )

    def _change(self, company: Company, number: int, **values: Json) -> None:
        row = self._rows[company.tenant][number]
        row.update(values)
        batch = next(each for each in self._oc2(company).history() if each.invoice_number == number)
        self._oc2(company).correct(batch.batch_number, row)

    def _waits_for_the_bank(self, company: Company) -> bool:
        document, _ = self.stage.console.ask("gates", "list", "--tenant", company.tenant)
        return any(gate.get("reason") == "bank_account_missing" for gate in as_rows(document.get("gates")))

    def _is_closed(self, company: Company, number: int) -> bool:
        document, _ = self.stage.console.ask("dead-letters", "list", "--tenant", company.tenant)
        return all(letter.get("entity") != str(number) for letter in as_rows(document.get("letters")))

    def _await_status(self, company: Company, number: int, status: str, what: str) -> None:
        self.stage.until(lambda: self._status(company, number) == status, f"{company.tenant}: {what}")

    def _status(self, company: Company, number: int) -> str | None:
        return next((each.statuses[number] for each in self._oc2(company).all() if number in each.statuses), None)

    def _count(self, company: Company) -> int:
        return len({each.number for each in self.stage.simulators.books(company.company_id).invoices()})

    def _batch(self, company: Company, index: int) -> BatchShown:
        number = self._batches[company.tenant][index]
        return next(each for each in self._oc2(company).all() if each.number == number)

    def _oc2(self, company: Company) -> TenantBatches:
        return self.stage.simulators.batches(company.tenant)

    def _trouble(self, name: str, company: Company, place: int, kind: str, **more: Json) -> None:
        self.stage.simulators.add_fault(
            name,
            system="tripletex",
            kind=kind,
            scope=str(company.company_id),
            method="POST",
            path=_ONE_INVOICE,
            match={"invoiceNumber": company.invoice_numbers[place]},
            times=1,
            **more,
        )


def _kid(number: int) -> str:
    digits = f"{number:07d}"
    return digits + mod11(digits)


def _wrong_kid(number: int) -> str:
    digits = f"{number:07d}"
    return digits + next(check for check in "0123456789" if check not in (mod10(digits), mod11(digits)))
