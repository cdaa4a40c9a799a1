"""Before the story: tables, roles, topics and tenants, made by the operator's own commands.

Owns the order of these commands and the environment that a person needs for them.
"""

import secrets
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from bridge.demo.cast import write_tenant_file
from bridge.demo.console import Console
from bridge.demo.ground import Ground
from bridge.demo.stage import Stage
from bridge.demo.values import POLL_SECONDS
from bridge.devstack.files import write_atomically

ENVIRONMENT_FILE: Final = "env"
_ROLES: Final = ("poller", "publisher", "console")
_WHO: Final = ("--who", "demo", "--why", "the demo")


def prepare(ground: Ground, say: Callable[[str], None]) -> tuple[Console, Mapping[str, str]]:
    """Make tables, roles and topics by the operator's own commands; return the console and the roles' passwords."""
    say("Making tables, roles and topics")
    # On a server that was there before, the roles may be in use: theirs are not touched, the owner works for all.
    passwords = {role: secrets.token_urlsafe(18) for role in _ROLES} if ground.own_servers else {}
    environment = {
        "CONSOLE_KAFKA__BOOTSTRAP_SERVERS": ground.bootstrap_servers,
        "CONSOLE_KAFKA__TOPIC_PREFIX": ground.prefix,
        "CONSOLE_POSTGRES__DSN": (
            ground.dsn_of("bridge_console", passwords["console"]) if passwords else ground.owner_dsn
        ),
        "BRIDGE_ALLOW_LOOPBACK": "1",
        "BRIDGE_OPERATOR": "demo",
    }
    _write_environment(ground.folder / ENVIRONMENT_FILE, environment)
    given = {f"BRIDGE_ROLE_PASSWORD_{role.upper()}": password for role, password in passwords.items()}
    Console({**environment, **given, "DATABASE_URL": ground.owner_dsn}).act("migrate")
    console = Console(environment)
    console.act("topics", "apply")
    return console, passwords


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
