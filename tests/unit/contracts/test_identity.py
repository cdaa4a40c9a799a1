"""Identity and order: revisions rise, ids are the same for the same change, shards never move."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.contracts.identity import (
    SHARDS,
    EntityNumber,
    Flow,
    Generation,
    Revision,
    TenantId,
    Version,
    event_id,
    partition_key,
    revision_of,
    shard_of,
)

ERAS = st.integers(0, 2**20)
IDS = st.integers(1, 2**40 - 1)


@given(ERAS, IDS, IDS)
def test_a_later_outbox_id_is_a_later_revision(era: int, one: int, other: int) -> None:
    assert (revision_of(era, one) < revision_of(era, other)) == (one < other)


@given(ERAS, IDS, IDS)
def test_a_later_era_is_later_whatever_the_ids(era: int, one: int, other: int) -> None:
    assert revision_of(era, one) < revision_of(era + 1, other)


@given(ERAS, IDS)
def test_a_revision_fits_the_databases_bigint(era: int, outbox_id: int) -> None:
    assert 0 < revision_of(era, outbox_id) < 2**63


@pytest.mark.parametrize(("era", "outbox_id"), [(-1, 1), (0, 0), (0, 2**40)], ids=["era", "zero", "overflow"])
def test_what_would_break_the_order_is_refused(era: int, outbox_id: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        revision_of(era, outbox_id)


@given(st.tuples(IDS, IDS), st.tuples(IDS, IDS))
def test_versions_are_ordered_by_revision_then_generation(one: tuple[int, int], other: tuple[int, int]) -> None:
    first, second = (Version(Revision(r), Generation(g)) for r, g in (one, other))

    assert (first < second) == (one < other)


def test_the_same_change_has_the_same_id_for_ever() -> None:
    one = event_id(tenant=TenantId("acme"), flow=Flow.CUSTOMERS, entity=EntityNumber("7"), version=Version(Revision(1)))

    assert one == "0e00105b-93e6-5355-a109-c29b10621621"


@given(st.integers(1, 99), st.integers(1, 99), st.integers(0, 9))
def test_different_changes_have_different_ids(number: int, revision: int, generation: int) -> None:
    def make(n: int, r: int, g: int) -> str:
        return event_id(
            tenant=TenantId("acme"),
            flow=Flow.CUSTOMERS,
            entity=EntityNumber(str(n)),
            version=Version(Revision(r), Generation(g)),
        )

    mine = make(number, revision, generation)
    assert mine not in {
        make(number + 1, revision, generation),
        make(number, revision + 1, generation),
        make(number, revision, generation + 1),
    }


def test_shards_are_the_same_in_every_process_and_release() -> None:
    # Pinned: a change of the hash would move every tenant while old and new processes run side by side.
    assert [shard_of(TenantId(name)) for name in ("acme", "nordlys", "fjord-fisk")] == [62, 207, 2]


@given(st.from_regex(r"[a-z0-9][a-z0-9-]{0,39}", fullmatch=True))
def test_every_tenant_has_a_shard(name: str) -> None:
    assert 0 <= shard_of(TenantId(name)) < SHARDS


def test_the_partition_key_names_tenant_and_number() -> None:
    assert partition_key(TenantId("acme"), EntityNumber("10472")) == b"acme:10472"
