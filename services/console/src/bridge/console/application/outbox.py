"""Outbox rows that the broker refuses: which there are, and what a person may ask of their owner."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from bridge.console.application.acts import Request
from bridge.contracts.identity import EntityNumber, Flow, TenantId
from bridge.runtime.errors import BridgeError

RETRY: Final = "outbox_retry"
DISCARD: Final = "outbox_discard"
OWNER: Final = "poller"
MOST_ROWS: Final = 10_000


class RowNotFoundError(BridgeError):
    """No row with this id is set aside."""


@dataclass(frozen=True, slots=True)
class RowSetAside:
    """One row; `behind` counts the later rows of the same entity that wait for the decision."""

    row_id: int
    tenant: TenantId
    flow: Flow
    entity: EntityNumber | None
    topic: str
    attempts: int
    error: str
    set_aside_at: datetime
    behind: int


class OutboxView(Protocol):
    """Where such rows are read."""

    async def set_aside(self, tenant: TenantId | None, *, limit: int) -> Sequence[RowSetAside]:
        """Return the rows that were set aside, oldest first."""
        ...


async def request_for(view: OutboxView, row_id: int, verb: str) -> Request:
    """Return what is asked of the poller about one row.

    Raises:
        RowNotFoundError: No such row is set aside.
    """
    for row in await view.set_aside(None, limit=MOST_ROWS):
        if row.row_id == row_id:
            return Request(verb, OWNER, tenant=row.tenant, flow=row.flow, entity=row.entity, outbox_row=row_id)
    raise RowNotFoundError(f"No outbox row {row_id} is set aside. 'bridge outbox list' shows those that are.")
