"""Which offsets may be committed: never backwards, never what an earlier assignment read."""

from hypothesis import given
from hypothesis import strategies as st

from bridge.messaging.positions import Positions, RebalancedError
from bridge.messaging.record import TopicPartition

P = TopicPartition("customer-mapped", 3)


def reading(start: int, *, first: int, last: int) -> Positions:
    positions = Positions()
    positions.begin(P, start=start)
    positions.hand_out(P, first=first, last=last)
    return positions


def test_what_was_handed_out_may_be_committed() -> None:
    assert reading(10, first=10, last=19).admit({P: 20}) == ({P: 20}, frozenset())


def test_what_was_not_handed_out_is_lost_work() -> None:
    assert reading(10, first=10, last=19).admit({P: 21}) == ({}, frozenset({P}))


def test_what_is_committed_already_is_neither_committed_again_nor_lost() -> None:
    positions = reading(10, first=10, last=19)
    positions.committed({P: 15})

    assert positions.admit({P: 12}) == ({}, frozenset())


def test_a_revoked_partition_is_lost_work() -> None:
    positions = reading(10, first=10, last=19)

    positions.end({P})

    assert positions.admit({P: 15}) == ({}, frozenset({P}))


def test_work_of_an_earlier_assignment_does_not_pull_the_commit_back() -> None:
    positions = reading(100, first=100, last=119)
    positions.end({P})

    positions.begin(P, start=400)
    positions.hand_out(P, first=400, last=449)

    assert positions.admit({P: 120}) == ({}, frozenset())


def test_the_first_record_raises_the_floor_when_the_start_was_read_too_early() -> None:
    positions = reading(100, first=400, last=449)

    assert positions.admit({P: 120}) == ({}, frozenset())


def test_only_a_commit_that_the_broker_is_known_to_hold_may_be_made_again() -> None:
    fresh, resumed, overtaken = Positions(), Positions(), Positions()
    fresh.begin(P, start=10)
    resumed.begin(P, start=10, confirmed=True)
    overtaken.begin(P, start=10, confirmed=True)
    overtaken.hand_out(P, first=40, last=49)

    before = (fresh.confirmed(), resumed.confirmed(), overtaken.confirmed())
    for positions in (fresh, resumed):
        positions.hand_out(P, first=10, last=19)
        positions.committed({P: 20})
    overtaken.committed({P: 50})

    assert before == ({}, {P: 10}, {})
    assert [each.confirmed() for each in (fresh, resumed, overtaken)] == [{P: 20}, {P: 20}, {P: 50}]


def test_a_reset_position_may_lie_before_the_old_one() -> None:
    positions = reading(500, first=500, last=509)

    positions.reset(P, 0)
    positions.hand_out(P, first=0, last=9)

    assert positions.admit({P: 10}) == ({P: 10}, frozenset())


def test_the_error_names_the_partitions() -> None:
    assert "customer-mapped-3" in str(RebalancedError({P}))


@given(st.lists(st.sampled_from(["read", "commit", "stale", "lose", "gain"]), max_size=60))
def test_commits_never_go_backwards_whatever_happens(steps: list[str]) -> None:
    positions, log_end, broker = Positions(), 0, 0
    batches: list[int] = []
    owned = False
    history = [0]
    for step in steps:
        match step:
            case "gain" if not owned:
                positions.begin(P, start=broker)
                owned = True
            case "lose" if owned:
                positions.end({P})
                owned, broker = False, max(broker, log_end - 1)  # Another member comes further meanwhile.
                history.append(broker)
            case "read" if owned:
                first = positions.expected(P)
                log_end = max(log_end, first + 5)
                positions.hand_out(P, first=first, last=first + 4)
                batches.append(first + 5)
            case "commit" | "stale" if batches:
                offset = batches[-1] if step == "commit" else batches[0]
                admitted, _ = positions.admit({P: offset})
                if admitted:
                    broker = admitted[P]
                    positions.committed(admitted)
                    history.append(broker)
            case _:
                pass

    assert history == sorted(history)
