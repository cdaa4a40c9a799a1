"""The forecast of a replay decides as the publisher does: by version alone."""

from hypothesis import given
from hypothesis import strategies as st

from bridge.console.domain.replay import Candidate, EntityKey, Fate, Forecast, Standing
from bridge.contracts.identity import EntityNumber, Flow, Generation, Revision, TenantId, Version

ACME = TenantId("acme")


def candidate(number: int, version: Version) -> Candidate:
    return Candidate(ACME, EntityKey(ACME, Flow.CUSTOMERS, EntityNumber(str(number))), version)


versions = st.builds(Version, st.integers(1, 6).map(Revision), st.integers(0, 2).map(Generation))
records = st.lists(st.tuples(st.integers(1, 3), versions), max_size=40)


def ingest(stored: dict[int, Version], log: list[tuple[int, Version]]) -> tuple[dict[int, Version], int]:
    """Take records in as the publisher's table does: only what is newer."""
    held, taken = dict(stored), 0
    for number, version in log:
        if number not in held or version > held[number]:
            held[number], taken = version, taken + 1
    return held, taken


@given(st.dictionaries(st.integers(1, 3), versions), records)
def test_as_many_are_foreseen_as_are_taken_in(stored: dict[int, Version], log: list[tuple[int, Version]]) -> None:
    forecast = Forecast()
    for number, version in log:
        forecast.foresee(candidate(number, version), stored=stored.get(number), standing=Standing.PRESENT)

    assert forecast.total(Fate.INGESTED) == ingest(stored, log)[1]
    assert forecast.records == len(log)


@given(st.dictionaries(st.integers(1, 3), versions), records)
def test_a_second_replay_is_foreseen_to_change_nothing(
    stored: dict[int, Version], log: list[tuple[int, Version]]
) -> None:
    held, _ = ingest(stored, log)

    forecast = Forecast()
    for number, version in log:
        forecast.foresee(candidate(number, version), stored=held.get(number), standing=Standing.PRESENT)

    assert forecast.total(Fate.NO_OP) == len(log)


def test_records_of_no_entity_or_of_tenants_that_are_not_here_touch_nothing() -> None:
    forecast = Forecast()
    known = candidate(1, Version(Revision(1)))

    assert forecast.foresee(Candidate(None, None, None), stored=None, standing=Standing.UNKNOWN) is Fate.LETTER
    assert forecast.foresee(known, stored=None, standing=Standing.UNKNOWN) is Fate.LETTER
    assert forecast.foresee(known, stored=None, standing=Standing.REMOVED) is Fate.SET_ASIDE
    assert forecast.foresee(known, stored=None, standing=Standing.PRESENT) is Fate.INGESTED
