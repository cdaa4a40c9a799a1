"""Tenant files for tests, one line per tenant, and applying them as a person would.

Owns valid entries with made-up addresses. Must not know any service.
"""

from collections.abc import Mapping

import yaml

from bridge.contracts.identity import TenantId
from bridge.durable.database import Database, Tx
from bridge.tenancy.apply import TenantChange, apply, current_tenants, plan
from bridge.tenancy.file import TenantFile, parse_tenant_file


def tenant_entry(tenant: str, **changed: object) -> dict[str, object]:
    """Return one tenant as the file holds it; `changed` replaces top-level keys."""
    entry: dict[str, object] = {
        "id": tenant,
        "name": f"{tenant} AS",
        "tripletex": {
            "base_url": "https://tripletex.no/v2",
            "company_id": 1,
            "consumer_token": {"file": "/run/secrets/consumer"},
            "employee_token": {"file": f"/run/secrets/{tenant}-employee"},
        },
        "oc2": {"base_url": f"https://{tenant}.oc2.example", "api_key": {"env": "OC2_KEY"}},
    }
    return entry | changed


def tenant_file(*entries: Mapping[str, object], allow_loopback: bool = False) -> TenantFile:
    """Return the file with these tenants, checked as any other file is."""
    text = yaml.safe_dump({"tenants": [dict(entry) for entry in entries]})
    return parse_tenant_file(text, name="tenants.yaml", allow_loopback=allow_loopback)


async def nothing_in_doubt(tx: Tx, tenant: TenantId) -> int:
    """Say that no delivery is in doubt."""
    return 0


async def apply_file(db: Database, file: TenantFile) -> list[TenantChange]:
    """Apply a file and return what it changed."""
    changes = plan(file, await current_tenants(db))
    await apply(db, changes, who="test", why="a test sets its tenants up", in_doubt=nothing_in_doubt)
    return changes
