"""OC2's invoice batches of one tenant: their invoices, raw as they were put there, and their receipts.

Owns storage, the batch's state and its `changedAt`. It must not know HTTP. Rows are kept as they were given,
broken ones too: what OC2 shows is not always what its contract says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from bridge.simulator.exchange import Json, JsonObject, as_object


class BatchState(StrEnum):
    """GENERATED until every invoice of the batch has a TRANSFERRED receipt."""

    GENERATED = "GENERATED"
    TRANSFERRED = "TRANSFERRED"


@dataclass(frozen=True, slots=True)
class Receipt:
    """One receipt as it came in, number `seq` of all that the tenant ever got."""

    seq: int
    at: float
    batch_number: int
    invoice_number: int
    content: JsonObject

    @property
    def transferred(self) -> bool:
        """Whether it says that the invoice has arrived."""
        return self.content.get("status") == "TRANSFERRED"


@dataclass(frozen=True, slots=True)
class RowState:
    """What OC2 showed of one invoice in one batch from epoch second `at` on; None when it was shown no longer."""

    seq: int
    at: float
    batch_number: int
    invoice_number: int
    row: Json


@dataclass(slots=True)
class Batch:
    """One batch. `invoice_count` and `total` lie if they are set; times are epoch seconds.

    Attributes:
        visible: False for a batch whose number is given out and which is not shown yet.
        archived: Gone from every call although it was there.
    """

    number: int
    generated_at: float
    changed_at: float
    rows: list[Json] = field(default_factory=list)
    visible: bool = True
    archived: bool = False
    state: BatchState = BatchState.GENERATED
    invoice_count: int | None = None
    total: int | None = None
    newest: dict[int, Receipt] = field(default_factory=dict)

    @property
    def reachable(self) -> bool:
        """Whether any call finds it."""
        return self.visible and not self.archived

    def numbers(self) -> list[int]:
        """The invoice numbers in it, ascending, one named twice counted twice."""
        return sorted(number for row in self.rows if (number := number_of(row)) is not None)

    def ordered_rows(self) -> list[Json]:
        """The rows in ascending invoice number; those without one come last."""
        return sorted(self.rows, key=lambda row: (number_of(row) is None, number_of(row) or 0))

    def shown(self) -> dict[int, Json]:
        """The rows that a caller finds now, by invoice number; those without one are left out."""
        return {number: row for row in self.rows if self.reachable and (number := number_of(row)) is not None}

    def put(self, row: Json) -> None:
        """Add the row, or replace the one of the same invoice number."""
        number = number_of(row)
        if number is not None:
            self.rows = [old for old in self.rows if number_of(old) != number]
        self.rows.append(row)

    def take_back(self, numbers: Sequence[int]) -> None:
        """Remove the rows with these invoice numbers."""
        self.rows = [row for row in self.rows if number_of(row) not in numbers]

    def settle_state(self) -> None:
        """TRANSFERRED as soon as every invoice is; it does not fall back by a later receipt."""
        wanted = [number_of(row) for row in self.rows]
        arrived = {number for number, receipt in self.newest.items() if receipt.transferred}
        if wanted and all(number in arrived for number in wanted):
            self.state = BatchState.TRANSFERRED

    def as_json(self) -> JsonObject:
        """The batch as OC2 lists it."""
        return {
            "batchNumber": self.number,
            "generatedAt": timestamp(self.generated_at),
            "changedAt": timestamp(self.changed_at),
            "state": self.state.value,
            "invoiceCount": len(self.rows) if self.invoice_count is None else self.invoice_count,
        }


@dataclass(slots=True)
class Batches:
    """All batches of one tenant by number, every state of their rows, and every receipt, in the order they came."""

    by_number: dict[int, Batch] = field(default_factory=dict)
    receipts: list[Receipt] = field(default_factory=list)
    history: list[RowState] = field(default_factory=list)

    def next_number(self) -> int:
        """One above the highest number given out, shown or not."""
        return max(self.by_number, default=0) + 1

    def remember(self, batch: Batch, before: Mapping[int, Json], *, at: float) -> None:
        """Add to the history in what the batch's shown rows differ from those before."""
        now = batch.shown()
        for number in sorted({*before, *now}):
            if before.get(number) != now.get(number):
                self.history.append(RowState(len(self.history) + 1, at, batch.number, number, now.get(number)))

    def record(self, batch: Batch, contents: Sequence[JsonObject], *, at: float) -> None:
        """Record receipts of a batch; the newest of an invoice stands."""
        for content in contents:
            number = content["invoiceNumber"]
            if isinstance(number, int):
                receipt = Receipt(len(self.receipts) + 1, at, batch.number, number, content)
                self.receipts.append(receipt)
                batch.newest[number] = receipt
        batch.settle_state()


def number_of(row: Json) -> int | None:
    """The row's invoice number, None for a broken one."""
    number = as_object(row).get("invoiceNumber")
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def timestamp(epoch: float) -> str:
    """RFC 3339 in UTC to the second: two changes within one second look the same."""
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
