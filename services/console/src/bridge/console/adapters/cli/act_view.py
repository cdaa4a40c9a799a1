"""How an act is shown, and what a command answers after asking for one."""

from rich.console import Console

from bridge.console.adapters.cli.frame import BAD, FINE, Answer, safe
from bridge.tenancy.acts import Act, ActStatus


def act_document(act: Act) -> dict[str, object]:
    """Return an act for JSON."""
    version = act.version
    return {
        "id": act.id,
        "at": act.at,
        "who": act.who,
        "why": act.why,
        "verb": act.verb,
        "tenant": act.tenant,
        "flow": act.flow.value if act.flow else None,
        "entity": act.entity,
        "version": {"revision": version.revision, "generation": version.generation} if version else None,
        "args": safe(act.args),
        "status": act.status.value,
        "outcome": safe(act.outcome),
        "done_at": act.done_at,
    }


def act_answer(act: Act) -> Answer:
    """Return the answer after an act: fine when it is done or only written down, bad when it was refused."""

    def show(console: Console) -> None:
        if act.status is ActStatus.REQUESTED:
            console.print(f"Act {act.id} is written down; its owner applies it.")
        else:
            console.print(f"Act {act.id} is {act.status.value}: {act.outcome}")

    return Answer(act_document(act), show, BAD if act.status is ActStatus.REFUSED else FINE)
