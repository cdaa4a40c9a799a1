"""Looking confirmed invoices up at Tripletex once more: still there, missing, or different. Nothing is sent for it."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final, Protocol

from bridge.console.application.acts import Asker, Request
from bridge.console.application.dead_letters import OWNER
from bridge.console.application.follow import Acting, Case, Fate, Followed, follow
from bridge.console.application.known import KnowsTenants, require_known
from bridge.console.domain.ramp import in_parts
from bridge.console.domain.replay import EntityKey
from bridge.contracts.identity import EntityNumber, Flow, TenantId, Version
from bridge.contracts.reasons import Reason
from bridge.runtime.errors import BridgeError, ConfigurationError

VERIFY: Final = "verify"
AT_ONCE: Final = 20
"""Looks of one tenant at once: an audit leaves room for the work of the day."""


class NothingToVerifyError(BridgeError):
    """No confirmed invoice is meant."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which confirmed invoices are meant: one, those confirmed since a day (UTC), or all."""

    tenant: TenantId
    invoice: EntityNumber | None = None
    since: date | None = None


@dataclass(frozen=True, slots=True)
class ConfirmedInvoice:
    """One confirmed invoice; `letter` is its newest dead letter, 0 for none."""

    number: EntityNumber
    version: Version
    remote_id: str | None
    letter: int


class ConfirmedStore(KnowsTenants, Protocol):
    """Where confirmed invoices are found."""

    async def confirmed(self, wanted: Selection) -> Sequence[ConfirmedInvoice]:
        """Return the confirmed invoices that are meant, by the moment they were confirmed."""
        ...


class Finding(StrEnum):
    """What a look came to."""

    THERE = "still_there"
    MISSING = "missing"
    DIFFERENT = "different"
    NOT_KNOWN = "not_known"


@dataclass(frozen=True, slots=True)
class Verified:
    """One invoice and what a look came to."""

    number: EntityNumber
    finding: Finding
    said: str


async def select(store: ConfirmedStore, wanted: Selection) -> Sequence[ConfirmedInvoice]:
    """Return what is to be looked up, at least one.

    Raises:
        UnknownTenantError: There is no such tenant.
        ConfigurationError: A number and a day were given.
        NothingToVerifyError: Nothing confirmed is meant.
    """
    if wanted.invoice is not None and wanted.since is not None:
        raise ConfigurationError("Give --invoice or --since, not both.")
    await require_known(store, wanted.tenant)
    found = await store.confirmed(wanted)
    if not found:
        which = f"invoice {wanted.invoice}" if wanted.invoice else "invoice since then" if wanted.since else "invoice"
        raise NothingToVerifyError(
            f"No confirmed {which} of tenant {wanted.tenant}; nothing was asked for. 'bridge where invoice' shows how "
            "one stands."
        )
    return found


async def verify(
    acting: Acting,
    asker: Asker,
    tenant: TenantId,
    invoices: Sequence[ConfirmedInvoice],
    *,
    on_part: Callable[[int], None],
) -> list[Verified]:
    """Look each up, a few at once, and tell what came out; `on_part` hears how many were looked up so far."""
    verified: list[Verified] = []
    for part in in_parts(invoices, AT_ONCE):
        followed = await follow(acting, asker, [_case(tenant, each) for each in part])
        verified += [_verified(each, await _reason(acting, each)) for each in followed]
        on_part(len(verified))
    return verified


def totals(verified: Sequence[Verified]) -> dict[Finding, int]:
    """Return how many came to each finding."""
    counted = Counter(each.finding for each in verified)
    return {finding: counted[finding] for finding in Finding}


def _case(tenant: TenantId, invoice: ConfirmedInvoice) -> Case:
    request = Request(VERIFY, OWNER, tenant=tenant, flow=Flow.INVOICES, entity=invoice.number, version=invoice.version)
    return Case(EntityKey(tenant, Flow.INVOICES, invoice.number), request, invoice.letter)


async def _reason(acting: Acting, followed: Followed) -> str | None:
    rest = (await acting.rests([followed.case.key])).get(followed.case.key)
    return rest.reason if rest is not None else None


def _verified(followed: Followed, reason: str | None) -> Verified:
    number = followed.case.key.entity
    if followed.fate is Fate.PASSED:
        return Verified(number, Finding.THERE, followed.said)
    if followed.fate is Fate.LETTER:
        missing = reason == Reason.INVOICE_MISSING_AT_TARGET
        return Verified(number, Finding.MISSING if missing else Finding.DIFFERENT, followed.said)
    return Verified(number, Finding.NOT_KNOWN, followed.said)
