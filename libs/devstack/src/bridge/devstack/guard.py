"""The first program of every server process: prepares the process, then becomes the server by exec.

Owns what has to happen between fork and exec and is unsafe inside a threaded parent: dropping to a plain
user, asking the kernel for a signal when the parent dies, or detaching from the parent for good. It is run
as a file by an isolated interpreter, so it imports the standard library only and nothing of ours.

A guarded process asks for SIGKILL at its parent's death, so that not even `kill -9` of a test run leaves
servers behind. The request is forgotten by the kernel when the user changes, hence the order below.
"""

import argparse
import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def _drop_to(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def _die_with(parent: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        sys.exit(f"prctl(PR_SET_PDEATHSIG) failed: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:  # it died before the request was made
        sys.exit("the parent is gone")


def _detach() -> None:
    """Leave the parent: a grandchild goes on in its own session, its pid is printed for the parent."""
    reader, writer = os.pipe()
    if os.fork() > 0:
        os.close(writer)
        with os.fdopen(reader) as pipe:
            pid = pipe.read()
        sys.stdout.write(pid)
        sys.stdout.flush()
        os._exit(0)
    os.close(reader)
    os.setsid()
    os.dup2(2, 1)  # the pid's pipe is no place for the server's output
    with os.fdopen(writer, "w") as pipe:
        pipe.write(str(os.getpid()))


def main() -> None:
    """Prepare the process as the options say and exec the command; never returns."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--uid", type=int)
    parser.add_argument("--gid", type=int)
    fate = parser.add_mutually_exclusive_group(required=True)
    fate.add_argument("--parent", type=int)
    fate.add_argument("--detach", action="store_true")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    if options.detach:
        _detach()
    if options.uid is not None:
        _drop_to(options.uid, options.gid)
    if options.parent is not None:
        _die_with(options.parent)
    command = options.command[1:]  # the first word is the separator `--`
    os.execvp(command[0], command)  # noqa: S606 - becoming the server is what this program is for


if __name__ == "__main__":
    main()
