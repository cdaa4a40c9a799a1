"""Rights in the schema `control`: each role writes only what its service has to."""

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from bridge.durable.database import Database
from bridge.durable.migrate import MigrationSet, discover, migrate, require_head
from bridge.runtime.errors import ConfigurationError
from bridge.testkit.databases import as_role, settings_for
from bridge.testkit.tenant_files import apply_file, tenant_entry, tenant_file

CONTROL = MigrationSet("control", "bridge.tenancy.sql")
PASSWORD = SecretStr("a password with ' and :")
_ACT = "INSERT INTO control.audit (who, why, verb, status) VALUES ('x', 'y', 'z', 'requested')"
_REPLAY = "INSERT INTO control.audit (who, why, verb, status) VALUES ('x', 'y', 'replay', 'requested')"
_GATE = (
    "INSERT INTO control.gate (scope, subject, reason, why, closed_by) VALUES ('host', 'h', 'target_down', 'w', 'me')"
)


@pytest.fixture(params=["bridge_poller", "bridge_publisher", "bridge_console"])
async def role(request: pytest.FixtureRequest, database: str) -> AsyncIterator[tuple[str, Database]]:
    name = str(request.param)
    await migrate(SecretStr(database), [CONTROL], role_passwords={name: PASSWORD})
    async with Database(settings_for(database), application_name="owner") as owner:
        await apply_file(owner, tenant_file(tenant_entry("acme")))
        async with owner.transaction() as tx:
            await tx.execute(_ACT)
            await tx.execute(_REPLAY)
    async with Database(as_role(database, name, PASSWORD), application_name=name) as db:
        yield name, db


async def _may(db: Database, statement: str) -> bool:
    """Whether the statement is allowed and reaches a row: rows that a policy keeps from a role are as if not there."""
    try:
        async with db.transaction() as tx:
            return await tx.execute(statement) != 0
    except ConfigurationError as error:
        if "lacks a right" not in str(error):
            raise
        return False


_BOTH, _SERVICES, _CONSOLE, _NOBODY = {"service", "console"}, {"service"}, {"console"}, set[str]()
_RIGHTS = {
    "SELECT * FROM control.tenant, control.gate, control.audit": _BOTH,
    _GATE: _BOTH,
    "DELETE FROM control.gate": _BOTH,
    _ACT: _CONSOLE,
    "UPDATE control.audit SET status = 'done', outcome = 'x', done_at = now() WHERE verb = 'z'": _SERVICES,
    "UPDATE control.audit SET status = 'done', outcome = 'x', done_at = now() WHERE verb = 'replay'": _BOTH,
    "UPDATE control.audit SET who = 'somebody else'": _NOBODY,
    "DELETE FROM control.audit": _NOBODY,
    "UPDATE control.tenant SET paused = true": _CONSOLE,
    "DELETE FROM control.tenant": _NOBODY,
    "CREATE TABLE control.mine ()": _NOBODY,
}


async def test_a_role_may_do_what_its_service_has_to_and_no_more(role: tuple[str, Database]) -> None:
    name, db = role
    kind = "console" if name == "bridge_console" else "service"

    found = {statement: await _may(db, statement) for statement in _RIGHTS}

    assert found == {statement: kind in allowed for statement, allowed in _RIGHTS.items()}


async def test_a_service_can_check_that_the_database_is_at_the_head(role: tuple[str, Database]) -> None:
    _, db = role

    await require_head(db, [CONTROL])


def test_the_control_schema_is_found_and_comes_first() -> None:
    assert discover()[0] == CONTROL
