"""Which fault meets which request, and how often it acts."""

from collections.abc import Mapping

import pytest

from bridge.simulator.exchange import Json, JsonObject, Request, encode
from bridge.simulator.fault_reading import parse_fault
from bridge.simulator.faults import Faults, System, page_index


def rule(more: Mapping[str, Json] | None = None, *, name: str = "f", kind: str = "html500") -> Faults:
    """A set of one fault at OC2."""
    faults = Faults()
    add(faults, name, kind, more)
    return faults


def add(faults: Faults, name: str, kind: str, more: Mapping[str, Json] | None = None) -> None:
    """Add a fault at OC2."""
    faults.add(parse_fault({"name": name, "system": "oc2", "kind": kind, **(more or {})}))


def acting(
    faults: Faults,
    request: Request,
    *,
    scope: str = "nord",
    numbers: frozenset[int] = frozenset(),
    system: System = System.OC2,
) -> list[str]:
    """The names of the faults that act on the request."""
    return [fault.name for fault in faults.plan(system, scope, request, lambda: numbers).faults]


GET = Request("GET", "/v1/customers", {"limit": ("5",)})
PUT = Request("PUT", "/v1/customers/7", body=encode({"name": "Blåbær"}))


@pytest.mark.parametrize(
    ("conditions", "get", "put"),
    [
        ({}, True, True),
        ({"method": "PUT"}, False, True),
        ({"path": "customers/"}, False, True),
        ({"path": "^/v1/customers$"}, True, False),
        ({"scope": "nord"}, True, True),
        ({"scope": "sor"}, False, False),
        ({"match": {"query": {"limit": 5}}}, True, False),
        ({"match": {"bodyContains": "Blåbær"}}, False, True),
        ({"match": {"customerNumber": 7}}, False, True),
        ({"match": {"customerNumber": 8}}, False, False),
    ],
)
def test_every_condition_narrows(conditions: JsonObject, get: bool, put: bool) -> None:
    faults = rule(conditions)

    assert bool(acting(faults, GET)) is get
    assert bool(acting(faults, PUT, numbers=frozenset({7}))) is put


def test_other_system_is_never_met() -> None:
    assert acting(rule(), GET, system=System.TRIPLETEX) == []


def test_company_id_given_as_a_number_is_a_scope() -> None:
    assert acting(rule({"scope": 501}), GET, scope="501") == ["f"]


def test_skips_the_first_then_acts_a_number_of_times() -> None:
    faults = rule({"after": 2, "times": 2})

    assert [bool(acting(faults, GET)) for _ in range(6)] == [False, False, True, True, False, False]
    fault = faults.by_name["f"]
    assert (fault.seen, fault.hits) == (6, 2)


def test_first_ending_wins_and_later_ones_are_not_used_up() -> None:
    faults = rule({"times": 1}, name="a")
    add(faults, "b", "answer_lost", {"times": 1})

    assert [acting(faults, GET) for _ in range(3)] == [["a"], ["b"], []]


def test_latencies_add_up_and_go_with_an_ending() -> None:
    faults = rule({"seconds": 1.5}, name="slow", kind="latency")
    add(faults, "slower", "latency", {"seconds": 2})
    add(faults, "broken", "html500")

    plan = faults.plan(System.OC2, "nord", GET, frozenset)

    assert plan.delay_seconds == 3.5
    assert plan.ending is faults.by_name["broken"]


def test_same_name_replaces_and_counts_anew() -> None:
    faults = rule()
    acting(faults, GET)
    add(faults, "f", "reset_before")

    assert faults.by_name["f"].hits == 0
    assert len(faults.by_name) == 1


@pytest.mark.parametrize(
    ("start", "count", "page"),
    [("0", "1000", 0), ("999", "1000", 1), ("1000", "1000", 1), ("1998", "1000", 2), ("0", "0", 0), ("two", "5", 0)],
)
def test_page_of_a_read_is_known_although_pages_overlap(start: str, count: str, page: int) -> None:
    assert page_index(Request("GET", "/customer", {"from": (start,), "count": (count,)})) == page


def test_shift_by_a_number_stays_and_a_real_move_happens_once_a_read() -> None:
    pages = [Request("GET", "/customer", {"from": (str(n),), "count": ("2",)}) for n in (0, 2, 4)]

    shifted = rule({"at_page": 1, "rows": 1}, kind="page_shift")
    moved = rule({"at_page": 1, "rows": {"delete": [1]}}, kind="page_shift")

    assert [bool(acting(shifted, page)) for page in pages] == [False, True, True]
    assert [bool(acting(moved, page)) for page in pages] == [False, True, False]


@pytest.mark.parametrize(("named", "acts"), [(frozenset({10307}), True), (frozenset({10306}), False)])
def test_invoice_number_narrows_and_is_asked_for_only_then(named: frozenset[int], acts: bool) -> None:
    faults = rule({"match": {"invoiceNumber": 10307}})
    asked: list[int] = []

    def numbers() -> frozenset[int]:
        asked.append(1)
        return named

    plan = faults.plan(System.OC2, "nord", PUT, lambda: frozenset(), numbers)
    rule().plan(System.OC2, "nord", PUT, lambda: frozenset(), numbers)

    assert bool(plan.faults) is acts
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("query", "page"),
    [
        pytest.param({"offset": ("0",), "limit": ("2",)}, 0, id="first"),
        pytest.param({"offset": ("2",), "limit": ("2",)}, 1, id="second"),
        pytest.param({"offset": ("3",), "limit": ("2",)}, 2, id="overlapping"),
        pytest.param({"offset": ("200",)}, 1, id="default limit"),
    ],
)
def test_pages_by_offset_are_counted_too(query: dict[str, tuple[str, ...]], page: int) -> None:
    assert page_index(Request("GET", "/v1/invoice-batches/1/invoices", query)) == page
