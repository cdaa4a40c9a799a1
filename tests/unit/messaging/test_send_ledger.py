"""The bookkeeping of one send: one result per record, order within a key, halves until the guilty one is found."""

from hypothesis import given
from hypothesis import strategies as st

from bridge.messaging.admission import MAX_REQUEST_BYTES, fault_of
from bridge.messaging.ledger import BEHIND_A_FAILURE, SendLedger
from bridge.messaging.record import Acked, Outgoing, TopicPartition, Unsent

LANE = TopicPartition("t", 0)


def records(*keys: bytes | None) -> list[Outgoing]:
    return [Outgoing("t", key, b"v") for key in keys]


def test_a_guilty_record_holds_back_later_ones_of_its_key_only() -> None:
    ledger = SendLedger(records(b"a", b"a", b"b", b"a", None))

    ledger.blame(1, "too large")

    assert ledger.open() == [0, 2, 4]
    assert ledger.close(1)[3] == Unsent(BEHIND_A_FAILURE, record_is_guilty=False)


def test_a_guilty_record_without_a_key_holds_back_nobody() -> None:
    ledger = SendLedger(records(None, None))

    ledger.blame(0, "too large")

    assert ledger.open() == [1]


def test_the_same_key_in_another_topic_goes_on() -> None:
    ledger = SendLedger([Outgoing("t", b"a", b"v"), Outgoing("u", b"a", b"v")])

    ledger.blame(0, "no such topic")

    assert ledger.open() == [1]


def test_acknowledged_records_know_their_offsets() -> None:
    ledger = SendLedger(records(b"a", b"b", b"c"))

    ledger.ack([0, 2], partition=5, base_offset=70)

    assert ledger.close(1)[::2] == [Acked(5, 70), Acked(5, 71)]


def test_an_offset_that_the_broker_does_not_tell_is_minus_one_for_all() -> None:
    ledger = SendLedger(records(b"a", b"b"))

    ledger.ack([0, 1], partition=0, base_offset=-1)

    assert ledger.close(1) == [Acked(0, -1), Acked(0, -1)]


def test_what_is_open_in_the_end_is_unsent_with_the_last_error_and_not_guilty() -> None:
    ledger = SendLedger(records(b"a"))

    ledger.note("KafkaConnectionError")

    assert ledger.close(2.5) == [Unsent("Not acknowledged within 2.5 s: KafkaConnectionError.", record_is_guilty=False)]


@given(st.integers(1, 40), st.data())
def test_halving_finds_exactly_the_guilty_record(size: int, data: st.DataObject) -> None:
    guilty = data.draw(st.integers(0, size - 1))
    ledger = SendLedger(records(*(str(n).encode() for n in range(size))))

    rounds = 0
    while ledger.open():
        rounds += 1
        assert rounds <= 2 * size + 8, "no progress"
        batch = ledger.open()[: ledger.batch_limit(LANE)]
        if guilty in batch:
            ledger.refuse(LANE, batch, "refused")
        else:
            ledger.ack(batch, partition=0, base_offset=0)

    results = ledger.close(1)
    assert [n for n, result in enumerate(results) if isinstance(result, Unsent)] == [guilty]


def test_key_and_headers_count_towards_the_limit() -> None:
    half = b"x" * (MAX_REQUEST_BYTES // 2)

    assert fault_of(Outgoing("t", None, half)) is None
    assert "limit" in (fault_of(Outgoing("t", half, half)) or "")
    assert "limit" in (fault_of(Outgoing("t", None, half, (("h", half),))) or "")
