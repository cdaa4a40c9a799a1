"""The note of which servers run detached from any program of ours.

Owns the state file. A process is noted with its start time, so that a note left by a crash or a reboot never
makes us signal a stranger.
"""

import json
from pathlib import Path

from bridge.devstack.files import write_atomically
from bridge.devstack.identity import ProcessIdentity


def noted_processes(note: Path) -> dict[str, ProcessIdentity]:
    """Return the noted servers that still live, by name."""
    if not note.exists():
        return {}
    entries = json.loads(note.read_text(encoding="utf-8"))
    noted = {name: ProcessIdentity(entry["pid"], entry["start_ticks"]) for name, entry in entries.items()}
    return {name: identity for name, identity in noted.items() if identity.is_alive()}


def note_processes(note: Path, processes: dict[str, ProcessIdentity]) -> None:
    """Replace the note; an empty one is deleted."""
    if not processes:
        note.unlink(missing_ok=True)
        return
    entries = {name: {"pid": identity.pid, "start_ticks": identity.start_ticks} for name, identity in processes.items()}
    write_atomically(note, json.dumps(entries, indent=2), mode=0o600)
