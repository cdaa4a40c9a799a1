"""`bridge migrate`: bring the database to this release."""

import typer
from rich.console import Console

from bridge.console.adapters.cli.frame import (
    Answer,
    AsJson,
    DryRun,
    ReleaseWho,
    ReleaseWhy,
    examples,
    record_release,
    run,
)
from bridge.console.settings import AdminSettings, RolePasswords
from bridge.durable.database import Database
from bridge.durable.migrate import discover
from bridge.durable.migrate import migrate as apply_migrations
from bridge.runtime.settings import PostgresSettings, load


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "bridge migrate --dry-run",
            "DATABASE_URL=postgresql://owner@db/bridge BRIDGE_ROLE_PASSWORD_POLLER=… bridge migrate",
        )
    )(migrate)


def migrate(
    dry_run: DryRun = False, who: ReleaseWho = "release", why: ReleaseWhy = "release", as_json: AsJson = False
) -> None:
    """Bring every schema to this release's head; a second run changes nothing.

    Uses DATABASE_URL as the database's owner, and gives the roles the passwords in BRIDGE_ROLE_PASSWORD_POLLER,
    BRIDGE_ROLE_PASSWORD_PUBLISHER and BRIDGE_ROLE_PASSWORD_CONSOLE, where they are set.
    """
    run(lambda: _migrate(dry_run, who, why), as_json=as_json)


async def _migrate(dry_run: bool, who: str, why: str) -> Answer:
    passwords = load(RolePasswords)
    given = {
        "bridge_poller": passwords.poller,
        "bridge_publisher": passwords.publisher,
        "bridge_console": passwords.console,
    }
    owner = load(AdminSettings).database_url
    applied = await apply_migrations(
        owner,
        discover(),
        role_passwords={role: password for role, password in given.items() if password is not None},
        dry_run=dry_run,
    )
    names = [f"{each.schema}/{each.number:04}_{each.name}" for each in applied]
    if not dry_run:
        async with Database(PostgresSettings(dsn=owner), application_name="bridge migrate") as db:
            await record_release(db, "migrate", names, who=who, why=why)

    def show(console: Console) -> None:
        for name in names:
            console.print(f"{'would apply' if dry_run else 'applied'} {name}")
        if not names:
            console.print("The database is at this release's head; there is nothing to do.")

    return Answer({"dry_run": dry_run, "applied": names}, show)
