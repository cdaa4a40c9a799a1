"""Before the story: tables, roles, topics and tenants, made by the operator's own commands.

Owns the order of these commands and the environment that a person needs for them.
"""

import secrets
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bridge.demo.cast import write_tenant_file
from bridge.demo.console import Console
from bridge.demo.ground import Ground
from bridge.demo.stage import Stage
from bridge.demo.values import POLL_SECONDS
from bridge.devstack.endpoints import KAFKA_VARIABLE, POSTGRES_VARIABLE, external_kafka, external_postgres
from bridge.devstack.files import write_atomically

ENVIRONMENT_FILE: Final = "env"
_BOOTSTRAP: Final = "CONSOLE_KAFKA__BOOTSTRAP_SERVERS"
_PREFIX: Final = "CONSOLE_KAFKA__TOPIC_PREFIX"
_DSN: Final = "CONSOLE_POSTGRES__DSN"
_CONSOLE_ROLE: Final = "bridge_console"
_ROLES: Final = ("poller", "publisher", "console")
_WHO: Final = ("--who", "demo", "--why", "the demo")


def prepare(ground: Ground, say: Callable[[str], None]) -> tuple[Console, Mapping[str, str]]:
    """Make tables, roles and topics by the operator's own commands; return the console and the roles' passwords."""
    say("Making tables, roles and topics")
    # On a server that was there before, the roles may be in use: theirs are not touched, the owner works for all.
    passwords = {role: secrets.token_urlsafe(18) for role in _ROLES} if ground.own_servers else {}
    environment = {
        _BOOTSTRAP: ground.bootstrap_servers,
        _PREFIX: ground.prefix,
        _DSN: ground.dsn_of(_CONSOLE_ROLE, passwords["console"]) if passwords else ground.owner_dsn,
        "BRIDGE_ALLOW_LOOPBACK": "1",
        "BRIDGE_OPERATOR": "demo",
    }
    _write_environment(ground.folder / ENVIRONMENT_FILE, environment)
    given = {f"BRIDGE_ROLE_PASSWORD_{role.upper()}": password for role, password in passwords.items()}
    Console({**environment, **given, "DATABASE_URL": ground.owner_dsn}).act("migrate")
    console = Console(environment)
    console.act("topics", "apply")
    return console, passwords


def follow_servers(environment: Mapping[str, str], addresses: Mapping[str, str]) -> dict[str, str]:
    """Return the written environment with the places where the demo's own servers are now: a port may have been taken.

    A server that was there before the demo stays where it is; it is known by the owner's role, and by a topic prefix.
    """
    found = dict(environment)
    own, now = urlsplit(environment[_DSN]), urlsplit(addresses.get(POSTGRES_VARIABLE, ""))
    if own.username == _CONSOLE_ROLE and now.port is not None and external_postgres() is None:
        found[_DSN] = own._replace(netloc=f"{own.username}:{own.password}@{now.hostname}:{now.port}").geturl()
    if not environment[_PREFIX] and KAFKA_VARIABLE in addresses and external_kafka() is None:
        found[_BOOTSTRAP] = addresses[KAFKA_VARIABLE]
    return found


def _write_environment(path: Path, environment: Mapping[str, str]) -> None:
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in environment.items()]
    write_atomically(path, "".join(lines), mode=0o600)


def go_live(stage: Stage, folder: Path) -> None:
    """Declare the tenants to services that run already, and open them."""
    stage.say("Declaring the tenants, and opening them: " + ", ".join(company.tenant for company in stage.cast))
    file = write_tenant_file(stage.cast, stage.simulators, folder, poll_interval_seconds=POLL_SECONDS)
    stage.console.act("tenants", "apply", str(file), *_WHO)
    opened = [("tenants", "go-live", company.tenant, *_WHO) for company in stage.cast]
    new = [company for company in stage.cast if company.new_series]
    floors = [("tenants", "ledger-floor", each.tenant, "--at", str(each.first_invoice - 1), *_WHO) for each in new]
    stage.console.act_at_once(*opened, *floors)
    for company in new:
        stage.say(
            f"{company.tenant}: from invoice {company.first_invoice} on the series is new, so none is looked up first"
        )
