"""What became of each record of one send: pure bookkeeping, no broker.

Keeps two promises. Every record has one result in input order. After a record that cannot be sent, no later record of
the same key is sent in the same call, so the order within a key holds; other keys go on.
"""

from collections.abc import Iterable, Sequence

from bridge.messaging.record import Acked, Outgoing, SendResult, TopicPartition, Unsent

BEHIND_A_FAILURE = "An earlier record of the same key was not sent, so this one waits behind it."
MAX_BATCH_RECORDS = 10_000


class SendLedger:
    """The records of one call and their results so far."""

    def __init__(self, records: Sequence[Outgoing]) -> None:
        self.records = records
        self._last_error = "the broker did not answer"
        self._results: list[SendResult | None] = [None] * len(records)
        self._batch_limits: dict[TopicPartition, int] = {}

    def open(self) -> list[int]:
        """Return the records without a result, in input order, as indices."""
        return [index for index, result in enumerate(self._results) if result is None]

    def is_open(self, index: int) -> bool:
        """Return whether this record has no result yet."""
        return self._results[index] is None

    def ack(self, indices: Iterable[int], *, partition: int, base_offset: int) -> None:
        """Store that the broker has these, written one after the other from `base_offset` on."""
        for place, index in enumerate(indices):
            self._results[index] = Acked(partition, base_offset + place if base_offset >= 0 else -1)

    def blame(self, index: int, error: str) -> None:
        """Store that this record itself cannot be sent; later ones of its key wait behind it."""
        self._results[index] = Unsent(error, record_is_guilty=True)
        guilty = self.records[index]
        if guilty.key is None:
            return
        for later in range(index + 1, len(self.records)):
            other = self.records[later]
            if self._results[later] is None and (other.topic, other.key) == (guilty.topic, guilty.key):
                self._results[later] = Unsent(BEHIND_A_FAILURE, record_is_guilty=False)

    def refuse(self, target: TopicPartition, indices: Sequence[int], error: str) -> None:
        """Store that the broker refuses these as one batch: one alone is guilty, of several half as many go next."""
        if len(indices) == 1:
            self.blame(indices[0], error)
        else:
            self._batch_limits[target] = len(indices) // 2
        self.note(error)

    def batch_limit(self, target: TopicPartition) -> int:
        """Return how many records may go to this partition in one batch."""
        return self._batch_limits.get(target, MAX_BATCH_RECORDS)

    def note(self, error: str) -> None:
        """Remember why the last attempt failed, for the records that will still be open in the end."""
        self._last_error = error

    def close(self, deadline_seconds: float) -> list[SendResult]:
        """Return a result for every record; those still open were not acknowledged in time."""
        late = Unsent(f"Not acknowledged within {deadline_seconds:g} s: {self._last_error}.", record_is_guilty=False)
        return [result or late for result in self._results]
