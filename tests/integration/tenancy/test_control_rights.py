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
    async with Database(as_role(database, name, PASSWORD), application_name=name) as db:
        yield name, db


async def _may(db: Database, statement: str) -> bool:
    try:
        async with db.transaction() as tx:
            await tx.execute(statement)
    except ConfigurationError as error:
        if "lacks a right" not in str(error):
            raise
        return False
    return True


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        pytest.param("SELECT * FROM control.tenant, control.gate, control.audit", {"services", "console"}, id="read"),
        pytest.param(_GATE, {"services", "console"}, id="close-a-gate"),
        pytest.param("DELETE FROM control.gate", {"services", "console"}, id="open-a-gate"),
        pytest.param(_ACT, {"console"}, id="ask-for-an-act"),
        pytest.param(
            "UPDATE control.audit SET status = 'done', outcome = 'x', done_at = now()", {"services"}, id="finish-an-act"
        ),
        pytest.param("UPDATE control.audit SET who = 'somebody else'", set(), id="rewrite-history"),
        pytest.param("DELETE FROM control.audit", set(), id="forget-history"),
        pytest.param("UPDATE control.tenant SET paused = true", {"console"}, id="change-a-tenant"),
        pytest.param("DELETE FROM control.tenant", set(), id="delete-a-tenant"),
        pytest.param("CREATE TABLE control.mine ()", set(), id="create-a-table"),
    ],
)
async def test_a_role_may_do_what_its_service_has_to_and_no_more(
    role: tuple[str, Database], statement: str, allowed: set[str]
) -> None:
    name, db = role

    assert await _may(db, statement) == (("console" if name == "bridge_console" else "services") in allowed)


async def test_a_service_can_check_that_the_database_is_at_the_head(role: tuple[str, Database]) -> None:
    _, db = role

    await require_head(db, [CONTROL])


def test_the_control_schema_is_found_and_comes_first() -> None:
    assert discover()[0] == CONTROL
