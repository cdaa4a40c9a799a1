"""`bridge doctor --tenant T`: is everything there that the tenant's flow needs?"""

from collections.abc import Sequence
from dataclasses import asdict

import typer
from rich.console import Console
from rich.table import Table

from bridge.console.adapters.cli.frame import BAD, FINE, Answer, AsJson, OfTenant, examples, run, safe
from bridge.console.adapters.examination import examination
from bridge.console.application.doctor import Finding, examine
from bridge.contracts.identity import TenantId


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=examples("bridge doctor --tenant acme", "bridge doctor --tenant acme --json"))(doctor)


def doctor(tenant: OfTenant, as_json: AsJson = False) -> None:
    """Look at every precondition of a tenant's flow and name the remedy of each that does not hold.

    Signs in to Tripletex and asks OC2, reading only. Leaves with 1 if anything is wrong; every check runs.
    """
    run(lambda: _doctor(TenantId(tenant)), as_json=as_json)


async def _doctor(tenant: TenantId) -> Answer:
    async with examination(tenant) as checks:
        findings = await examine(checks)
    healthy = all(finding.good for finding in findings)
    document = {"tenant": tenant, "healthy": healthy, "checks": [_document(finding) for finding in findings]}
    return Answer(document, lambda console: _show(console, findings), FINE if healthy else BAD)


def _document(finding: Finding) -> dict[str, object]:
    return {**asdict(finding), "found": safe(finding.found)}


def _show(console: Console, findings: Sequence[Finding]) -> None:
    table = Table("", "check", "found", "what to do")
    for finding in findings:
        table.add_row("ok" if finding.good else "BAD", finding.check, str(safe(finding.found)), finding.remedy or "")
    console.print(table)
