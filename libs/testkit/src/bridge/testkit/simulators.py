"""Starts the simulators of Tripletex and OC2 as a process of their own and speaks to their admin door.

Owns that process and typed calls for tests and the demo. It must not import the simulator: everything goes
over HTTP, so that what is tested is what runs.
"""

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from bridge.testkit.simulator_answers import (
    FaultCount,
    Json,
    JsonObject,
    Ledger,
    LoggedRequest,
    SimulatorError,
    SourceState,
    Written,
    as_object,
    as_rows,
    integer,
    number,
    read_effect,
    read_request,
    text,
)
from bridge.testkit.simulator_invoices import CompanyBooks, TenantBatches

_START_SECONDS = 20.0
_STOP_SECONDS = 5.0
_POLL_SECONDS = 0.02


class SimulatorAdmin:
    """The admin door. Synchronous, one connection a call, usable from any thread."""

    def __init__(self, port: int, *, host: str = "127.0.0.1") -> None:
        self.host = host
        self.port = port

    @property
    def tripletex_url(self) -> str:
        """Base URL of every simulated Tripletex company."""
        return f"http://{self.host}:{self.port}/tripletex/v2"

    def oc2_url(self, tenant: str) -> str:
        """Base URL of one tenant's OC2."""
        return f"http://{self.host}:{self.port}/oc2/{quote(tenant)}/api"

    def call(self, method: str, path: str, body: Json = None) -> Json:
        """One admin call, its path after `/admin`.

        Raises:
            SimulatorError: The door refused; the text is its own.
        """
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        try:
            raw = None if body is None else json.dumps(body, ensure_ascii=False).encode()
            connection.request(method, f"/admin{path}", raw, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            content = answer.read().decode()
        finally:
            connection.close()
        if answer.status >= 300:
            raise SimulatorError(f"{method} /admin{path}: {answer.status} {content}")
        document: Json = json.loads(content)
        return document

    def reset(self) -> None:
        """Begin anew: no companies, tenants, faults, requests or violations; real time."""
        self.call("POST", "/reset")

    def set_clock(self, *, offset_seconds: float | None = None, now: str | None = None) -> None:
        """Move the simulators' clock by an offset from real time, or to a moment such as `…Z`."""
        self.call("POST", "/clock", {"now": now} if now is not None else {"offsetSeconds": offset_seconds})

    def put_company(
        self, company_id: int, *, name: str, consumer_token: str, employee_token: str, **settings: Json
    ) -> None:
        """Create a Tripletex company or change its settings.

        Args:
            settings: sessionStyle, changedSinceMode, rateLimit, fullResultMode, singleSession, language, and
                the switches that `CompanyBooks.set_rules` knows; what is not given is as for a new company.
        """
        body = {"name": name, "consumerToken": consumer_token, "employeeToken": employee_token, **settings}
        self.call("PUT", f"/tripletex/companies/{company_id}", body)

    def write_customers(self, company_id: int, customers: Sequence[JsonObject]) -> list[Written]:
        """Create customers, or edit those whose `id` is known, all at the same moment.

        Besides Tripletex's own fields: `touch`, `freezeVersion`, `freezeChanges`, `changes`.
        """
        rows = as_rows(self.call("POST", f"/tripletex/companies/{company_id}/customers", customers))
        return [Written(integer(row, "id"), integer(row, "customerNumber"), integer(row, "version")) for row in rows]

    def delete_customer(self, company_id: int, customer_id: int) -> None:
        """Delete a customer at the source."""
        self.call("DELETE", f"/tripletex/companies/{company_id}/customers/{customer_id}")

    def revoke_token(self, company_id: int) -> None:
        """Refuse the employee token and all its sessions from now on."""
        self.call("POST", f"/tripletex/companies/{company_id}/tokens/revoke")

    def new_token(self, company_id: int, employee_token: str | None = None) -> str:
        """Give out a new employee token, the given one or a random one; the old one is refused."""
        body: JsonObject = {} if employee_token is None else {"employeeToken": employee_token}
        return text(as_object(self.call("POST", f"/tripletex/companies/{company_id}/tokens", body)), "employeeToken")

    def expire_sessions(self, company_id: int) -> int:
        """End all sessions of the company; returns how many there were."""
        path = f"/tripletex/companies/{company_id}/sessions/expire"
        return integer(as_object(self.call("POST", path)), "expired")

    def sessions_created(self, company_id: int) -> int:
        """How many sessions the company has given out."""
        return integer(as_object(self.call("GET", f"/tripletex/companies/{company_id}/sessions")), "created")

    def history(self, company_id: int) -> list[SourceState]:
        """Every state that the source ever showed, in order."""
        rows = as_rows(self.call("GET", f"/tripletex/companies/{company_id}/history"))
        return [
            SourceState(
                seq=integer(row, "seq"),
                at=number(row, "at"),
                id=integer(row, "id"),
                customer_number=integer(row, "customerNumber"),
                version=integer(row, "version"),
                content=as_object(row.get("content")),
                deleted=row.get("deleted") is True,
            )
            for row in rows
        ]

    def put_tenant(
        self,
        tenant: str,
        *,
        api_key: str,
        rate_limit: int | None = None,
        terms: Sequence[JsonObject] | None = None,
    ) -> None:
        """Create a tenant's OC2 or change it; `terms` ({id?, name, days}) replaces the register."""
        self.call("PUT", f"/oc2/tenants/{quote(tenant)}", {"apiKey": api_key, "rateLimit": rate_limit, "terms": terms})

    def ledger(self, tenant: str) -> Ledger:
        """Every effect at OC2 in order, what it holds, and the terms."""
        document = as_object(self.call("GET", f"/oc2/tenants/{quote(tenant)}/ledger"))
        customers = as_object(document.get("customers"))
        return Ledger(
            writes=tuple(read_effect(row) for row in as_rows(document.get("writes"))),
            customers={int(number): as_object(content) for number, content in customers.items()},
            terms=tuple(as_rows(document.get("terms"))),
            term_creates=integer(document, "termCreates"),
        )

    def books(self, company_id: int) -> CompanyBooks:
        """The company's switches and registers for invoices, and what it stored."""
        return CompanyBooks(self.call, company_id)

    def batches(self, tenant: str) -> TenantBatches:
        """The tenant's invoice batches and receipts at OC2."""
        return TenantBatches(self.call, tenant)

    def put_oc2_customer(self, tenant: str, number: int, content: JsonObject) -> None:
        """Change a customer at OC2 by hand; the ledger does not count it."""
        self.call("PUT", f"/oc2/tenants/{quote(tenant)}/customers/{number}", content)

    def delete_oc2_customer(self, tenant: str, number: int) -> None:
        """Delete a customer at OC2 by hand."""
        self.call("DELETE", f"/oc2/tenants/{quote(tenant)}/customers/{number}")

    def add_fault(self, name: str, *, system: str, kind: str, **rule: Json) -> None:
        """Switch a misbehaviour on.

        Args:
            rule: scope, method, path, match, times, after, and the parameters of the kind.
        """
        self.call("POST", "/faults", {"name": name, "system": system, "kind": kind, **rule})

    def faults(self) -> dict[str, FaultCount]:
        """All faults with their counters, by name."""
        counts = [
            FaultCount(text(row, "name"), integer(row, "seen"), integer(row, "hits"))
            for row in as_rows(self.call("GET", "/faults"))
        ]
        return {count.name: count for count in counts}

    def remove_fault(self, name: str) -> None:
        """Switch one misbehaviour off."""
        self.call("DELETE", f"/faults/{quote(name)}")

    def clear_faults(self) -> None:
        """Switch every misbehaviour off."""
        self.call("DELETE", "/faults")

    def requests(self, *, since: int = 0) -> list[LoggedRequest]:
        """The requests to both systems after number `since`."""
        return [read_request(row) for row in as_rows(self.call("GET", f"/requests?since={since}"))]

    def violations(self) -> list[str]:
        """One sentence for each breach of the contract documents; empty without `documents`."""
        return [
            f"{row.get('system')} {row.get('method')} {row.get('path')} (request {row.get('seq')},"
            f" {row.get('scope')}): {row.get('problem')}"
            for row in as_rows(self.call("GET", "/violations"))
        ]


class SimulatorProcess:
    """The simulators as a process; ends with this one, also when this one is killed.

    Start it from a thread that lives on, the main one for instance: the kernel ends it with the thread.

    Args:
        documents: Folder of the OpenAPI documents to check every request against.
        log_file: Where its output goes; by default nowhere.
    """

    def __init__(self, *, documents: Path | None = None, log_file: Path | None = None, port: int = 0) -> None:
        self._documents = documents
        self._log_file = log_file
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._admin: SimulatorAdmin | None = None

    @property
    def admin(self) -> SimulatorAdmin:
        """The admin door, which also knows the base URLs."""
        if self._admin is None:
            raise SimulatorError("the simulators are not running: call start() first")
        return self._admin

    @property
    def pid(self) -> int:
        """The id of the running process."""
        if self._process is None:
            raise SimulatorError("the simulators are not running: call start() first")
        return self._process.pid

    @property
    def tripletex_url(self) -> str:
        """Base URL of Tripletex."""
        return self.admin.tripletex_url

    def oc2_url(self, tenant: str) -> str:
        """Base URL of one tenant's OC2."""
        return self.admin.oc2_url(tenant)

    def start(self) -> Self:
        """Start on a free port and wait until it listens.

        Raises:
            SimulatorError: It ended or did not listen within 20 seconds.
        """
        with tempfile.TemporaryDirectory(prefix="simulator-") as folder:
            ready = Path(folder) / "ready.json"
            self._process = self._spawn(ready)
            self._admin = SimulatorAdmin(self._await_port(ready))
        return self

    def _spawn(self, ready: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "bridge.simulator", "--port", str(self._port)]
        command += ["--ready-file", str(ready), "--parent-pid", str(os.getpid())]
        if self._documents is not None:
            command += ["--documents", str(self._documents)]
        target = os.devnull if self._log_file is None else str(self._log_file)
        with Path(target).open("ab") as output:
            return subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)  # noqa: S603 - our own module

    def _await_port(self, ready: Path) -> int:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if ready.exists():
                return integer(as_object(json.loads(ready.read_text(encoding="utf-8"))), "port")
            if self._process is not None and self._process.poll() is not None:
                break
            time.sleep(_POLL_SECONDS)
        self.stop()
        raise SimulatorError("the simulators did not start; give a log_file to see why")

    def stop(self) -> None:
        """Stop the process; harmless if it is not running."""
        process, self._process, self._admin = self._process, None, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
