"""Starts the simulators: one process, one port, both systems and the admin door.

Owns the command line and the process's life. It must import nothing of the other packages, so that clients
and simulators cannot share a misunderstanding.
"""

import argparse
import asyncio
import ctypes
import json
import os
import signal
import sys
from pathlib import Path

from aiohttp import web

from bridge.simulator.admin import Admin
from bridge.simulator.admin_batches import BatchesAdmin
from bridge.simulator.admin_books import BooksAdmin
from bridge.simulator.contract import Checker, load_documents
from bridge.simulator.gateway import OC2_BASE, TRIPLETEX_BASE, Gateway
from bridge.simulator.world import World

_MAX_BODY_BYTES = 64 * 1024 * 1024
_PR_SET_PDEATHSIG = 1


def build_app(world: World) -> web.Application:
    """The web application that serves one world."""
    app = web.Application(client_max_size=_MAX_BODY_BYTES)
    gateway = Gateway(world)
    app.add_routes(Admin(world).routes())
    app.add_routes(BooksAdmin(world).routes())
    app.add_routes(BatchesAdmin(world).routes())
    app.router.add_route("*", f"{TRIPLETEX_BASE}/{{tail:.*}}", gateway.tripletex)
    app.router.add_route("*", f"{OC2_BASE}/{{tenant}}/api/{{tail:.*}}", gateway.oc2)

    async def close(_: web.Application) -> None:
        await gateway.close()

    app.on_cleanup.append(close)
    return app


async def serve(options: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT; says on standard output and in the ready file where it listens."""
    documents = load_documents(Path(options.documents)) if options.documents else {}
    world = World(checker=Checker(documents))
    runner = web.AppRunner(build_app(world), access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, options.host, options.port)
    await site.start()
    _announce(runner, options.ready_file)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
    await runner.cleanup()


def _announce(runner: web.AppRunner, ready_file: str | None) -> None:
    port = runner.addresses[0][1]
    line = json.dumps({"port": port})
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
    if ready_file:
        target = Path(ready_file)
        draft = target.with_name(target.name + ".tmp")
        draft.write_text(line, encoding="utf-8")
        draft.replace(target)


def die_with_parent(parent_pid: int) -> None:
    """Let the kernel end this process when its parent ends, and end it now if that has happened already."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        raise SystemExit(f"the parent process {parent_pid} is gone")


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bridge.simulator", description="Simulators of Tripletex and OC2")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    parser.add_argument("--ready-file", help="written when listening, holds the port as JSON")
    parser.add_argument("--documents", help="folder of the OpenAPI documents to check requests against")
    parser.add_argument("--parent-pid", type=int, help="end when this process ends; it must be the parent")
    return parser.parse_args(arguments)


def main() -> None:
    """Entry point of `python -m bridge.simulator`."""
    options = parse_arguments(sys.argv[1:])
    if options.parent_pid is not None:
        die_with_parent(options.parent_pid)
    asyncio.run(serve(options))
