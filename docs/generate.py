"""Writes the pages that are made from the code: `make docs`. A test fails when one of them is out of date.

Each page is a function from nothing to Markdown; none needs a server or a setting.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from bridge.contracts.reasons import REASONS
from bridge.contracts.reasons_nb import REASONS_NB
from bridge.contracts.topics import MAX_EVENT_BYTES, TOPICS
from bridge.poller.settings import PollerSettings
from bridge.publisher.domain.delivery.model import State
from bridge.publisher.domain.delivery.rules import RULES
from bridge.publisher.settings import PublisherSettings
from bridge.remote.classify import markdown as answers_table
from bridge.runtime.metrics import describe as describe_metrics
from bridge.runtime.settings import ServiceSettings, SettingRow, describe
from bridge.transformer.settings import TransformerSettings

FOLDER: Final = Path(__file__).parent
SERVICES: Final[tuple[tuple[str, type[ServiceSettings]], ...]] = (
    ("poller", PollerSettings),
    ("transformer", TransformerSettings),
    ("publisher", PublisherSettings),
)
_MADE: Final = "<!-- Made by `make docs`; change the code, not this page. -->\n\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _setting(row: SettingRow) -> Sequence[str]:
    default = "**must be given**" if row.default is None else f"`{row.default}`" if row.default else ""
    if row.fallback:
        default += f" (falls back to `{row.fallback}`)"
    return (f"`{row.variable}`", row.type, default, " ".join(filter(None, (row.bound, row.unit))), row.description)


def configuration() -> str:
    """Every setting of every service."""
    text = "# Configuration\n\n" + _MADE
    text += (
        "Settings come from the environment alone. A service checks all of them at its start and ends with one\n"
        "sentence and exit code 2 where one is missing, out of bounds, or contradicts another. Tenants are not\n"
        "settings: they stand in the [tenant file](tenants.md).\n"
    )
    for name, settings in SERVICES:
        rows = (_setting(row) for row in describe(settings))
        text += f"\n## {name}\n\n" + _table(("variable", "type", "default", "bound", "meaning"), rows)
    return text


def environment_example() -> str:
    """The example environment file: what must be given, and every default as a comment."""
    lines = ["# Made by `make docs`. What must be given is open, defaults are comments."]
    for name, settings in SERVICES:
        lines += ["", f"# {name}"]
        for row in describe(settings):
            lines.append(f"# {row.description}")
            given = row.default is None
            lines.append(f"{row.variable}=" if given else f"# {row.variable}={row.default}")
    return "\n".join(lines) + "\n"


def reasons() -> str:
    """Every reason with its sentence and its remedy, in both languages."""
    text = "# Reasons\n\n" + _MADE
    text += (
        "Why an event is set aside, waits, or a gate is closed. Letters, gates, logs and metrics use these codes.\n"
        "Receipts say them in the tenant's language; see [receipts](receipts.md).\n\n"
    )
    text += _table(
        ("code", "what happened", "what to do"),
        ((f"`{reason}`", words.sentence, words.remedy) for reason, words in REASONS.items()),
    )
    text += "\n## På norsk\n\n"
    return text + _table(
        ("kode", "hva som skjedde", "hva du gjør"),
        ((f"`{reason}`", REASONS_NB[reason].sentence, REASONS_NB[reason].remedy) for reason in REASONS),
    )


def metrics() -> str:
    """Every metric with unit, labels and meaning."""
    text = "# Metrics\n\n" + _MADE + "Each service serves them at `/metrics` of its health port.\n\n"
    return text + _table(
        ("metric", "kind", "unit", "labels", "meaning"),
        (
            (f"`{each.metric}`", str(each.kind), each.unit, ", ".join(each.labels), each.meaning)
            for each in describe_metrics()
        ),
    )


def topics() -> str:
    """Every topic as `bridge topics apply` makes it."""
    text = "# Topics\n\n" + _MADE
    text += (
        "Clients never create topics; `bridge topics apply` does. All are deleted by age, written with acks=all and\n"
        f"compressed. One event's value holds at most {MAX_EVENT_BYTES:,} bytes, checked before the outbox.\n\n"
    )
    return text + _table(
        ("topic", "key", "partitions", "kept", "writer", "reader"),
        ((f"`{t.name}`", t.key, str(t.partitions), f"{t.retention.days} days", t.writer, t.reader) for t in TOPICS),
    )


def answers() -> str:
    """What each answer of a target means."""
    text = "# What an answer means\n\n" + _MADE
    text += "One table decides for every call to Tripletex and OC2; the first row that fits counts.\n\n"
    return text + answers_table()


def delivery_states() -> str:
    """The state machine of a delivery: picture and table."""
    text = "# The states of a delivery\n\n" + _MADE
    text += (
        "One row per entity holds what is wanted and what is confirmed; it is in one of six states.\n\n"
        "```text\n"
        "                     newer version\n"
        "        ┌──────────────────────────────────────────────┐\n"
        "        ▼                                              │\n"
        "   ┌─────────┐  claim   ┌─────────┐   applied    ┌───────────┐\n"
        "──▶│  READY  │─────────▶│ SENDING │─────────────▶│ CONFIRMED │\n"
        "   └─────────┘◀─────────└─────────┘              └───────────┘\n"
        "     │  ▲  ▲   not sent   │   │  ▲\n"
        "     │  │  │              │   │  │ due: read back or send the newest, alone\n"
        "     │  │  │      refused │   │  │\n"
        "     │  │  │              │   ▼  │ no answer, or the shard has a new owner\n"
        "     │  │  │ retry,       │ ┌──────────┐\n"
        "     │  │  │ newer        │ │ IN DOUBT │  rests for the settle time\n"
        "     │  │  │              ▼ └──────────┘\n"
        "     │  │  └───────────┌────────┐   │ fails on this alone\n"
        "     │  │              │  DEAD  │◀──┘\n"
        "     │  │ newer        └────────┘\n"
        "     │  │                  │ discard\n"
        "     ▼  │                  ▼\n"
        "   ┌───────────┐◀──────────┘\n"
        "   │ DISCARDED │\n"
        "   └───────────┘\n"
        "```\n\n"
        f"States: {', '.join(f'`{state}`' for state in State)}.\n\n"
    )
    return text + _table(
        ("rule", "from", "fact", "when", "to", "why"),
        (
            (
                rule_id.value,
                ", ".join("none" if state is None else state.value for state in rule.frm),
                ", ".join(fact.__name__ for fact in rule.fact),
                rule.when,
                ", ".join(state.value for state in rule.to),
                rule.why,
            )
            for rule_id, rule in RULES.items()
        ),
    )


PAGES: Final[dict[Path, Callable[[], str]]] = {
    FOLDER / "configuration.md": configuration,
    FOLDER.parent / ".env.example": environment_example,
    FOLDER / "reasons.md": reasons,
    FOLDER / "metrics.md": metrics,
    FOLDER / "topics.md": topics,
    FOLDER / "answers.md": answers,
    FOLDER / "delivery-states.md": delivery_states,
}


def main() -> None:
    """Write every page."""
    for path, page in PAGES.items():
        path.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
