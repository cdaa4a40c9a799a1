"""A cell for the command line: `bridge` as a process of its own, and tables filled by hand.

Owns the set-up of tests around the console. Knows the shared libraries and the tables, no service's code.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bridge.durable.database import Database
from bridge.durable.row import Row


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, object]:
        """The one JSON document on stdout."""
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found

    @property
    def sentence(self) -> str:
        """The one line on stderr; a traceback or a second line fails the test."""
        lines = self.err.strip().splitlines()
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err
        return lines[0]


Launch = Callable[[Sequence[str], Mapping[str, str]], Ran]
"""Runs `bridge` with these arguments and this environment to its end."""


def as_process(arguments: Sequence[str], environ: Mapping[str, str]) -> Ran:
    """Run `bridge` as a process of its own."""
    command = [sys.executable, "-m", "bridge.console", *arguments]
    done = subprocess.run(command, env=dict(environ), capture_output=True, text=True, check=False)  # noqa: S603
    return Ran(done.returncode, done.stdout, done.stderr)


@dataclass(slots=True)
class Shell:
    """Runs `bridge` with the cell's environment; `environ` may be changed by a test."""

    environ: dict[str, str]
    launch: Launch

    async def run(self, *arguments: str, environ: Mapping[str, str] | None = None) -> Ran:
        """Run one command to its end."""
        return await asyncio.to_thread(self.launch, arguments, {**self.environ, **(environ or {})})

    async def ok(self, *arguments: str) -> Ran:
        """Run one command that must succeed."""
        ran = await self.run(*arguments)
        assert ran.code == 0, ran
        return ran

    async def json(self, *arguments: str) -> dict[str, object]:
        """Run one command that must succeed and return its JSON document."""
        return (await self.ok(*arguments, "--json")).document


@dataclass(slots=True)
class ConsoleCell:
    """A migrated cell with one declared tenant file."""

    shell: Shell
    db: Database
    prefix: str
    folder: Path
    entries: list[str] = field(default_factory=list)

    def entry(self, tenant: str, **changes: str) -> str:
        """Return a tenant's entry in the file; `changes` replace whole lines by their key."""
        lines = {
            "name": f"{tenant} AS",
            "tripletex": "{base_url: 'http://127.0.0.1:9/v2', company_id: 7,"
            f" consumer_token: {{file: {self.folder}/consumer}}, employee_token: {{file: {self.folder}/employee}}}}",
            "oc2": f"{{base_url: 'http://127.0.0.1:9/{tenant}', api_key: {{file: {self.folder}/key}}}}",
            **changes,
        }
        return f"- id: {tenant}\n" + "".join(f"  {key}: {value}\n" for key, value in lines.items())

    def write_file(self, *entries: str) -> str:
        """Write the tenant file and return its path."""
        path = self.folder / "tenants.yaml"
        path.write_text("tenants:\n" + "".join(entries) if entries else "tenants: []\n")
        return str(path)

    def write_secrets(self) -> None:
        """Put the secrets where the file says they are."""
        for name in ("consumer", "employee", "key"):
            (self.folder / name).write_text(f"secret-{name}-4711\n")

    async def declare(self, *tenants: str) -> None:
        """Declare tenants and open them."""
        self.write_secrets()
        file = self.write_file(*(self.entry(tenant) for tenant in tenants))
        await self.shell.ok("tenants", "apply", file, "--who", "test", "--why", "begin")
        for tenant in tenants:
            await self.shell.ok("tenants", "go-live", tenant, "--who", "test", "--why", "begin")

    async def rows(self, query: str, **params: object) -> list[Row]:
        """Read from, or write to, the database."""
        async with self.db.transaction() as tx:
            return await tx.all(query, params)

    async def write(self, query: str, **params: object) -> int:
        """Write to the database."""
        async with self.db.transaction() as tx:
            return await tx.execute(query, params)

    async def told(
        self, tenant: str, number: str, *, change_no: int = 1, revision: int | None = None, flow: str = "customers"
    ) -> None:
        """Let the poller have told of an entity, with its cursor's count."""
        values: dict[str, object] = {
            "t": tenant,
            "f": flow,
            "e": number,
            "h": source_ref_of(flow, number),
            "c": change_no,
            "r": revision or change_no,
        }
        await self.write(
            "INSERT INTO poller.source_entity (tenant, flow, entity, holder_id, change_no, revision, source_hash,"
            " withdrawn) VALUES (%(t)s, %(f)s, %(e)s, %(h)s, %(c)s, %(r)s, 'hash', false)",
            **values,
        )
        await self.write(
            "INSERT INTO poller.source_record (tenant, flow, source_id, entity, standing, version, source_hash)"
            " VALUES (%(t)s, %(f)s, %(h)s, %(e)s, 'holds', 3, 'hash')",
            **values,
        )
        await self.write(
            "INSERT INTO poller.source_cursor AS c (tenant, flow, epoch, emitted, last_good_poll_at)"
            " VALUES (%(t)s, %(f)s, 1, %(c)s, now()) ON CONFLICT (tenant, flow) DO UPDATE"
            " SET emitted = c.emitted + excluded.emitted",
            **values,
        )

    async def delivered(
        self,
        tenant: str,
        number: str,
        state: str,
        *,
        change_no: int = 1,
        revision: int | None = None,
        reason: str | None = None,
        flow: str = "customers",
        columns: Mapping[str, object] | None = None,
    ) -> None:
        """Let the publisher have a row about an entity, with one step in its log; `columns` are set after."""
        values: dict[str, object] = {
            "t": tenant,
            "f": flow,
            "e": number,
            "s": state,
            "c": change_no,
            "r": revision or change_no,
            "cr": (revision or change_no) if state == "confirmed" else None,
            "cg": 0 if state == "confirmed" else None,
            "reason": reason,
            "due": state in ("ready", "in_doubt"),
            "ref": source_ref_of(flow, number),
            "topic": f"{self.prefix}{flow[:-1]}-mapped",
        }
        await self.write(
            "INSERT INTO publisher.delivery (tenant, flow, entity, shard, revision, generation, change_no, event_id,"
            " outcome, source_ref, source_hash, schema_version, traceparent, payload, headers, topic, kafka_partition,"
            " kafka_offset, state, due_at, attempt, unknown_rounds, reason, read_back, maybe_there,"
            " confirmed_revision, confirmed_generation, confirmed_at) VALUES (%(t)s, %(f)s, %(e)s, 1, %(r)s, 0,"
            " %(c)s, 'event', 'mapped', %(ref)s, 'hash', 1, '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',"
            " '{}', '[]', %(topic)s, 3, 42, %(s)s, CASE WHEN %(due)s THEN now() - interval '5 min' END, 1, 0,"
            " %(reason)s, false, false, %(cr)s, %(cg)s, CASE WHEN %(cr)s::bigint IS NOT NULL THEN now() END)",
            **values,
        )
        await self.write(
            "INSERT INTO publisher.delivery_log (tenant, flow, entity, revision, generation, event_id, step, to_state,"
            " attempt, changed_fields, topic, kafka_partition, kafka_offset, trace_id) VALUES (%(t)s, %(f)s,"
            " %(e)s, %(r)s, 0, 'event', 'ingested', 'ready', 0, '{name}', %(topic)s, 3, 42,"
            " '0af7651916cd43dd8448eb211c80319c')",
            **values,
        )
        for column, value in (columns or {}).items():
            await self.write(
                f"UPDATE publisher.delivery SET {column} = %(value)s"  # noqa: S608 (a test's own column names)
                " WHERE tenant = %(t)s AND flow = %(f)s AND entity = %(e)s",
                value=value,
                **values,
            )


def source_ref_of(flow: str, number: str) -> str:
    """Return the source's id of an entity: an invoice's names its batch, 88."""
    return f"88/{number}" if flow == "invoices" else f"9{number}"
