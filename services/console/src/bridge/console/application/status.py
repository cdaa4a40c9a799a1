"""How every tenant's flows stand: last good poll, work by state, the oldest that waits, closed gates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bridge.console.application.known import KnowsTenants, require_known
from bridge.contracts.identity import TenantId
from bridge.tenancy.gates import Gate, GateScope


@dataclass(frozen=True, slots=True)
class FlowStatus:
    """One tenant's flow at one moment; times are in UTC, `waits_since` is None where nothing is overdue.

    `receipts` counts the invoices of which the source is still to be told something.
    """

    tenant: TenantId
    flow: str
    paused: bool
    removed: bool
    last_good_poll: datetime | None
    next_poll: datetime | None
    failing_polls: int
    last_error: str | None
    states: Mapping[str, int]
    waits_since: datetime | None
    receipts: int
    outbox: int
    set_aside: int
    as_of: datetime


@dataclass(frozen=True, slots=True)
class RelayStatus:
    """What the publisher's relay has before it."""

    outbox: int
    set_aside: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Status:
    """The whole picture: flows, the gates closed for them, and the publisher's relay."""

    flows: tuple[FlowStatus, ...]
    gates: tuple[Gate, ...]
    publisher_relay: RelayStatus

    def gates_of(self, flow: FlowStatus) -> list[Gate]:
        """Return the closed gates that are the tenant's own, but for those of its other flows."""
        return [gate for gate in self.gates if gate.key.tenant == flow.tenant and concerns_flow(gate, flow.flow)]


def concerns_flow(gate: Gate, flow: str) -> bool:
    """Whether a tenant's gate holds up this flow: that of a system does, one of another flow does not."""
    return gate.key.scope not in (GateScope.FLOW, GateScope.SOURCE) or gate.key.subject.endswith(f"/{flow}")


class StatusStore(KnowsTenants, Protocol):
    """Where the picture comes from."""

    async def flows(self, tenant: TenantId | None) -> Sequence[FlowStatus]:
        """Return the flows of one tenant, or of all."""
        ...

    async def gates(self) -> Sequence[Gate]:
        """Return every closed gate."""
        ...

    async def publisher_relay(self) -> RelayStatus:
        """Return what the publisher's relay has before it."""
        ...


async def status(store: StatusStore, tenant: TenantId | None) -> Status:
    """Return the picture for one tenant or all; gates of whole hosts are always in it.

    Raises:
        UnknownTenantError: There is no such tenant.
    """
    await require_known(store, tenant)
    gates = [gate for gate in await store.gates() if tenant is None or gate.key.tenant in (None, tenant)]
    return Status(tuple(await store.flows(tenant)), tuple(gates), await store.publisher_relay())
