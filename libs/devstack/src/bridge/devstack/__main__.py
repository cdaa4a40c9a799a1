"""The command behind the Makefile's server targets: `python -m bridge.devstack --help`."""

import argparse
import errno
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from bridge.devstack.endpoints import external_kafka
from bridge.devstack.errors import DevstackError
from bridge.devstack.kafka import set_up_kafka
from bridge.devstack.layout import LOCAL, StackFolder
from bridge.devstack.postgres_binaries import remove_copied_binaries, server_binary
from bridge.devstack.stack import Stack

_NOT_WRITABLE: Final = (errno.EACCES, errno.EPERM, errno.EROFS)


def _progress(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)


def _set_up(_: argparse.Namespace) -> int:
    server_binary("postgres")
    if external_kafka() is None:
        set_up_kafka(_progress)
    return 0


def _up(options: argparse.Namespace) -> int:
    _stack(options).up(_progress)
    return _status(options)


def _down(options: argparse.Namespace) -> int:
    _stack(options).down(_progress)
    return 0


def _clean(options: argparse.Namespace) -> int:
    _stack(options).clean(_progress)
    if options.folder == LOCAL:  # the programs belong to the checkout, not to one folder of data
        remove_copied_binaries()
    return 0


def _status(options: argparse.Namespace) -> int:
    lines = _stack(options).status()
    for line in lines:
        print(f"{line.name} {line.text}")
    return 0 if all(line.healthy for line in lines) else 1


def _environment(options: argparse.Namespace) -> int:
    for name, value in _stack(options).environment().items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def _run(options: argparse.Namespace) -> int:
    command: list[str] = options.command
    if command[:1] == ["--"]:
        command = command[1:]
    if not command:
        raise DevstackError("run needs a command: python -m bridge.devstack run -- COMMAND…")
    signal.signal(signal.SIGTERM, _leave)
    with Stack(StackFolder(options.folder), detached=False).running(_progress) as variables:
        environment = [f"{name}={value}" for name, value in variables.items()]
        return _wait_for(subprocess.Popen(["env", *environment, *command]))


def _wait_for(child: subprocess.Popen[bytes]) -> int:
    with child:
        while True:
            try:
                return child.wait()
            except KeyboardInterrupt:  # the terminal sent it to the child too, which decides
                continue
            except SystemExit:
                child.terminate()
                raise


def _leave(signum: int, _: FrameType | None) -> NoReturn:
    sys.exit(128 + signum)


def _stack(options: argparse.Namespace) -> Stack:
    return Stack(StackFolder(options.folder), detached=True)


_VERBS: dict[str, tuple[Callable[[argparse.Namespace], int], str]] = {
    "setup": (_set_up, "fetch the pinned Kafka; quick when that was done before"),
    "up": (_up, "start both servers in the background; earlier data is found again"),
    "down": (_down, "stop both servers and keep their data"),
    "status": (_status, "tell whether both servers answer, and where; exit code 1 if one does not"),
    "env": (_environment, "print the shell lines that point programs at the servers (with the password)"),
    "clean": (_clean, "stop both servers and delete their data and logs"),
    "run": (_run, "run a command with both servers up and their addresses in its environment"),
}


def main(arguments: list[str] | None = None) -> int:
    """Carry out one verb; a failure is one message on standard error and exit code 1."""
    parser = argparse.ArgumentParser(
        prog="python -m bridge.devstack",
        description="Real Kafka and Postgres without Docker. KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL, when "
        "set, name existing servers to be used instead.",
    )
    parser.add_argument("--folder", type=Path, default=LOCAL, help="data, logs and state (default: %(default)s)")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for name, (carry_out, text) in _VERBS.items():
        verb = verbs.add_parser(name, help=text, description=text)
        verb.set_defaults(act=carry_out)
        if name == "run":
            verb.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    try:
        act: Callable[[argparse.Namespace], int] = options.act
        return act(options)
    except DevstackError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        if error.errno not in _NOT_WRITABLE:
            raise
        print(f"{error.filename} cannot be used ({error.strerror}): make the checkout writable.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
