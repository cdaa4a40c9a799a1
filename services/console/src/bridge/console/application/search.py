"""Invoices by what people have in hand when they ask: the KID on a payment, the order number on a document."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from bridge.console.application.known import KnowsTenants, require_known
from bridge.console.application.where import EntityKey, NeverSeenError
from bridge.contracts.identity import TenantId
from bridge.runtime.errors import ConfigurationError

HITS_SHOWN: Final = 100
LONGEST_KEY: Final = 100
"""Characters of a search key as the tables keep it; nothing longer can be found."""


class SearchBy(StrEnum):
    """What an invoice can be found by, apart from its number."""

    KID = "KID"
    ORDER = "order number"


@dataclass(frozen=True, slots=True)
class Hit:
    """One invoice that was found, and how it stands."""

    key: EntityKey
    state: str
    kid: str | None
    order_number: str | None


class SearchStore(KnowsTenants, Protocol):
    """Where invoices are looked for, by exact match on an index."""

    async def find(self, by: SearchBy, value: str, tenant: TenantId | None, *, limit: int) -> Sequence[Hit]:
        """Return the invoices of one tenant, or of all, whose key is exactly this."""
        ...


async def search(store: SearchStore, by: SearchBy, value: str, tenant: TenantId | None) -> Sequence[Hit]:
    """Return the invoices with this KID or order number, at least one and at most `HITS_SHOWN`.

    Raises:
        UnknownTenantError: There is no such tenant.
        NeverSeenError: No invoice has it.
        ConfigurationError: The value is empty, or longer than any can be.
    """
    wanted = value.strip()
    if not 0 < len(wanted) <= LONGEST_KEY:
        raise ConfigurationError(
            f"The {by} to look for has {len(wanted)} characters; give 1 to {LONGEST_KEY}. Nothing was looked up."
        )
    await require_known(store, tenant)
    hits = await store.find(by, wanted, tenant, limit=HITS_SHOWN)
    if not hits:
        whose = f" of tenant {tenant}" if tenant is not None else ""
        raise NeverSeenError(
            f"No invoice{whose} with the {by} {wanted} was ever taken in. Only the whole {by} is looked for; "
            "'bridge where invoice' finds an invoice by its number, one that could not be mapped too."
        )
    return hits
