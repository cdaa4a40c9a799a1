"""A real pgbouncer in transaction mode before a test's database, where one is installed.

Owns its process and configuration. Must not know any service.
"""

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bridge.testkit.waiting import eventually

PGBOUNCER: Final = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
MISSING: Final = "pgbouncer is not installed here (apt-get install pgbouncer)"


@asynccontextmanager
async def open_pooler(dsn: str, folder: Path, *, connections: int = 4) -> AsyncIterator[str]:
    """Run a pooler with few connections to the server and give the DSN of the same database through it.

    Args:
        folder: For its configuration; a user without rights must be able to read it.
    """
    parts = urlsplit(dsn)
    home = folder / f"pgbouncer-{Path(parts.path).name}"
    home.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (home / "pgbouncer.ini").write_text(
        f"[databases]\n* = host=127.0.0.1 port={parts.port} user={parts.username} password={parts.password}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
        f"pool_mode = transaction\ndefault_pool_size = {connections}\n"
    )
    as_user = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"] if os.geteuid() == 0 else []
    command = [*as_user, str(PGBOUNCER), "-q", str(home / "pgbouncer.ini")]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        await eventually(lambda: _listens(port))
        yield f"postgresql://anyone:x@127.0.0.1:{port}{parts.path}"
    finally:
        process.terminate()
        await process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
