"""Tenants: from the file to the table, difference first, refusing before anything is changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bridge.durable.database import Database
from bridge.runtime.errors import ConfigurationError
from bridge.tenancy.apply import ChangeKind, InDoubt, TenantChange, apply, current_tenants, plan
from bridge.tenancy.file import TenantEntry, TenantFile, read_tenant_file
from bridge.tenancy.secrets import SecretMissingError, SecretRef, read


@dataclass(frozen=True, slots=True)
class Wish:
    """Who wants the file applied, and why."""

    who: str
    why: str


def check_secrets(file: TenantFile) -> None:
    """Read every secret that the file refers to, and keep none.

    Raises:
        ConfigurationError: Names each tenant whose secret cannot be had, and the place.
    """
    problems: list[str] = []
    for entry in file.tenants:
        for field, ref in secrets_of(entry).items():
            try:
                read(ref, tenant=entry.tenant)
            except SecretMissingError as error:
                problems.append(f"{field}: {error}")
    if problems:
        raise ConfigurationError("Nothing was applied. " + " ".join(problems))


def secrets_of(entry: TenantEntry) -> Mapping[str, SecretRef]:
    """Return an entry's references to secrets by their path in the file."""
    return {
        "tripletex.consumer_token": entry.tripletex.consumer_token,
        "tripletex.employee_token": entry.tripletex.employee_token,
        "oc2.api_key": entry.oc2.api_key,
    }


def checked_file(path: Path, *, allow_loopback: bool) -> TenantFile:
    """Read the file and every secret it refers to; nothing is changed.

    Raises:
        ConfigurationError: What is wrong, by the key's path or the secret's place.
    """
    file = read_tenant_file(path, allow_loopback=allow_loopback)
    check_secrets(file)
    return file


async def difference(db: Database, file: TenantFile) -> list[TenantChange]:
    """Return what applying the file would change; changes nothing."""
    return plan(file, await current_tenants(db))


async def carry_out(
    db: Database, changes: list[TenantChange], wish: Wish, *, in_doubt: InDoubt, force: bool = False
) -> None:
    """Apply a difference, all of it or nothing, audited.

    Raises:
        PlanStaleError: Somebody else changed the tenants meanwhile.
        RemovalRefusedError: Something of a tenant to remove is in doubt.
    """
    if any(change.kind is not ChangeKind.NONE for change in changes):
        await apply(db, changes, who=wish.who, why=wish.why, in_doubt=in_doubt, force=force)
