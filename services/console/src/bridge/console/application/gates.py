"""Gates, by a person's hand: closed until a person opens them again."""

from collections.abc import Sequence
from typing import Final

from bridge.console.application.known import KnowsTenants, require_known
from bridge.contracts.identity import Flow
from bridge.durable.database import Database
from bridge.runtime.errors import ConfigurationError
from bridge.tenancy.gates import Gate, GateKey, GateScope, GateStore, System

_SECOND: Final = {
    GateScope.SYSTEM: tuple(system.value for system in System),
    GateScope.FLOW: tuple(flow.value for flow in Flow),
    GateScope.SOURCE: tuple(flow.value for flow in Flow),
}


def gate_key(scope: GateScope, subject: str) -> GateKey:
    """Return the gate that a person names.

    Raises:
        ConfigurationError: The subject has not the form of its scope; the sentence shows the form.
    """
    allowed = _SECOND.get(scope)
    tenant, _, rest = subject.partition("/")
    if allowed is None:
        if not subject or "/" in subject:
            raise ConfigurationError(f"A host gate's subject is a host such as tripletex.no, not '{subject}'.")
    elif not tenant or rest not in allowed:
        raise ConfigurationError(
            f"A {scope} gate's subject is a tenant and one of {', '.join(allowed)}, such as acme/{allowed[0]}, "
            f"not '{subject}'."
        )
    return GateKey(scope, subject)


async def close(db: Database, known: KnowsTenants, key: GateKey, *, who: str, why: str) -> None:
    """Close a gate for a person, with its audit row.

    Raises:
        UnknownTenantError: There is no such tenant.
        GateRefusedError: The tenant is not live yet.
    """
    await require_known(known, key.tenant)
    async with db.transaction() as tx:
        await GateStore().close_by_hand(tx, key, who=who, why=why)


async def open_(db: Database, known: KnowsTenants, key: GateKey, *, who: str, why: str) -> Gate | None:
    """Open a gate for a person, with its audit row; returns what was closed, None if nothing was.

    Raises:
        UnknownTenantError: There is no such tenant.
        GateRefusedError: The tenant is not live yet.
    """
    await require_known(known, key.tenant)
    async with db.transaction() as tx:
        return await GateStore().open_by_hand(tx, key, who=who, why=why)


async def closed(db: Database) -> Sequence[Gate]:
    """Return every closed gate."""
    async with db.transaction() as tx:
        return await GateStore().all(tx)
