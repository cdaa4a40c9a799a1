"""Whether the pollers have read everything that the sources show.

Owns the conditions. Edits of one entity are kept apart by them, so that each is a change of its own and can be counted.
The telling counts too: a page that was read by a poller whose lease ended is read again by another.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from bridge.demo.cast import Company
from bridge.demo.counts import CUSTOMERS, INVOICES
from bridge.demo.expectation import changes
from bridge.demo.processes import Services
from bridge.testkit.simulators import SimulatorAdmin

Condition = Callable[[], bool]

_TOLD: Final = "bridge_rows_emitted_total"
_BATCHES: Final = "/v1/invoice-batches"


def customers_read(simulators: SimulatorAdmin, services: Services, companies: Sequence[Company]) -> Condition:
    """Return whether each Tripletex has answered both lists anew and all that it ever showed is told."""
    since = _newest_request(simulators)
    waiting = {str(company.company_id): {"true", "false"} for company in companies}
    shown = {each.tenant: changes(simulators.history(each.company_id)) for each in companies}

    def read() -> bool:
        for entry in simulators.requests(since=since):
            if entry.path == "/customer" and entry.status == 200 and entry.scope in waiting:
                waiting[entry.scope].discard(str(entry.query.get("isInactive")))
        return not any(waiting.values()) and _are_told(services, CUSTOMERS, shown)

    return read


def batches_read(simulators: SimulatorAdmin, services: Services, companies: Sequence[Company]) -> Condition:
    """Return whether each OC2 has listed its batches anew and all that it ever showed is told."""
    since = _newest_request(simulators)
    waiting = {company.tenant for company in companies}
    shown = {each.tenant: len(simulators.batches(each.tenant).history()) for each in companies}

    def read() -> bool:
        for entry in simulators.requests(since=since):
            if entry.path == _BATCHES and entry.status == 200 and entry.scope is not None:
                waiting.discard(entry.scope)
        return not waiting and _are_told(services, INVOICES, shown)

    return read


def _newest_request(simulators: SimulatorAdmin) -> int:
    return max((entry.seq for entry in simulators.requests()), default=0)


def _are_told(services: Services, flow: str, shown: Mapping[str, int]) -> bool:
    return all(services.metric("poller", _TOLD, tenant=tenant, flow=flow) >= count for tenant, count in shown.items())
