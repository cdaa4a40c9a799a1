"""Migrated databases and settings for tests on real Postgres.

Owns how a test gets from a fresh database's DSN to settings. Must not know any service.
"""

import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import SecretStr

from bridge.durable.migrate import MigrationSet
from bridge.runtime.settings import PostgresSettings

SHARED_TABLES: Final = {
    "0001_base.sql": "-- include: bridge.durable.sql/lease.sql\n-- include: bridge.durable.sql/outbox.sql\n"
}
"""Leases and an outbox, as a service's first migration includes them."""


def settings_for(dsn: str, **limits: float) -> PostgresSettings:
    """Return settings for a DSN; `limits` go by the fields' names."""
    return PostgresSettings.model_validate({"dsn": SecretStr(dsn), **limits})


def as_role(dsn: str, role: str, password: SecretStr) -> PostgresSettings:
    """Return settings for the same database with a service's role."""
    parts = urlsplit(dsn)
    netloc = f"{role}:{quote(password.get_secret_value(), safe='')}@{parts.hostname}:{parts.port}"
    return settings_for(urlunsplit((parts.scheme, netloc, parts.path, "", "")))


@contextmanager
def migration_package(folder: Path, schema: str, sql: Mapping[str, str]) -> Iterator[MigrationSet]:
    """Write `.sql` files as a package that can be imported inside the block."""
    name = f"migrations_{uuid.uuid4().hex[:12]}"
    package = folder / name
    package.mkdir()
    for file, text in sql.items():
        (package / file).write_text(text, encoding="utf-8")
    sys.path.insert(0, str(folder))
    try:
        yield MigrationSet(schema=schema, package=name)
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop(name, None)
