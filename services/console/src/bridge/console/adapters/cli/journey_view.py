"""How one entity's journey is shown: state, receipt, gates, letters with their remedy, and every step."""

import json
from collections.abc import Mapping
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from bridge.console.adapters.cli.frame import moment, safe
from bridge.console.adapters.cli.gate_view import gate_document
from bridge.console.application.where import AtSource, DeliveryView, InvoiceView, Journey, JourneyStep, LetterView
from bridge.console.domain.remedies import remedy_of
from bridge.console.domain.words import cut
from bridge.contracts.identity import Version


def journey_document(journey: Journey) -> dict[str, object]:
    """Return a journey for JSON."""
    return {
        **asdict(journey.key),
        "place": journey.place,
        "source": asdict(journey.source) if journey.source else None,
        "waiting_for_number": list(journey.waiting_for),
        "outbox": [asdict(row) for row in journey.outbox],
        "delivery": _delivery(journey.delivery) if journey.delivery else None,
        "steps": [_step(step) for step in journey.steps],
        "letters": [_letter(letter) for letter in journey.letters],
        "gates": [gate_document(gate) for gate in journey.gates],
    }


def _delivery(row: DeliveryView) -> dict[str, object]:
    return {
        **asdict(row),
        "wanted": _version(row.wanted),
        "sent": _version(row.sent),
        "confirmed": _version(row.confirmed),
    }


def _letter(letter: LetterView) -> dict[str, object]:
    return {**asdict(letter), "error": safe(letter.error), "remedy": remedy_of(letter.reason)}


def _step(step: JourneyStep) -> dict[str, object]:
    return {**asdict(step), "version": _version(step.version), "detail": safe(step.detail)}


def _version(version: Version | None) -> dict[str, int] | None:
    return {"revision": version.revision, "generation": version.generation} if version else None


def show_journey(console: Console, journey: Journey) -> None:
    """Draw a journey."""
    console.print(
        f"{journey.key.flow.one.capitalize()} {journey.key.entity} of tenant {journey.key.tenant}: {journey.place}"
    )
    facts = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in [*_source_facts(journey.source), *_delivery_facts(journey.delivery)]:
        facts.add_row(name, value)
    console.print(facts)
    for source_id in journey.waiting_for:
        console.print(f"The source's row {source_id} asks for this number too and waits for it.")
    for row in journey.outbox:
        refused = f", set aside: {cut(row.error or '')}" if row.set_aside_at else ""
        console.print(f"In the {row.service}'s outbox since {moment(row.created_at)} for {row.topic}{refused}.")
    if journey.steps:
        console.print(_steps(journey))
    for letter in journey.letters:
        console.print(_letter_line(letter))
    for gate in journey.gates:
        console.print(f"The gate {gate.key} is closed: {gate.reason.value}. {remedy_of(gate.reason)}")


def _letter_line(letter: LetterView) -> str:
    ending = f"{letter.closed_as} {moment(letter.closed_at)}" if letter.closed_at else "open"
    said = f"Dead letter {letter.letter_id} ({ending}): {letter.reason}: {cut(str(safe(letter.error)))}"
    return said if letter.closed_at else f"{said} What to do: {remedy_of(letter.reason) or '-'}"


def _source_facts(source: AtSource | None) -> list[tuple[str, str]]:
    if source is None:
        return []
    facts = [
        ("at the source", f"id {source.holder_id}, version {source.source_version}, seen {moment(source.seen_at)}"),
        ("told", f"change {source.change_no}, revision {source.revision}, {moment(source.last_changed_at)}"),
    ]
    if source.withdrawn_because:
        facts[0] = ("at the source", f"withdrawn: {source.withdrawn_because}")
    if source.fault:
        facts.append(("fault", cut(source.fault)))
    return facts


def _delivery_facts(row: DeliveryView | None) -> list[tuple[str, str]]:
    if row is None:
        return []
    facts = [
        ("state", row.state + (f" ({row.reason})" if row.reason else "")),
        ("wanted", f"version {row.wanted}, change {row.change_no}, from {row.place}"),
        ("confirmed", f"version {row.confirmed}, {moment(row.confirmed_at)}" if row.confirmed else "never"),
        ("trace", row.trace_id or "-"),
    ]
    if row.due_at is not None:
        facts.append(("due", f"{moment(row.due_at)}, attempt {row.attempt}, unknown rounds {row.unknown_rounds}"))
    if row.refusal:
        facts.append(("refused", cut(row.refusal)))
    return facts + (_invoice_facts(row, row.invoice) if row.invoice is not None else [])


def _invoice_facts(row: DeliveryView, invoice: InvoiceView) -> list[tuple[str, str]]:
    closing = f", read and closed at {moment(invoice.order_due_at)}" if invoice.order_due_at else ""
    facts = [
        ("batch at OC2", str(invoice.batch or "-")),
        ("at Tripletex", f"invoice {row.remote_id or '-'}, order {invoice.order_id or '-'}{closing}"),
        ("found by", f"KID {invoice.kid or '-'}, order number {invoice.order_number or '-'}"),
        ("receipt wanted", _receipt(invoice.receipt.wanted)),
        ("receipt told", _receipt(invoice.receipt.told)),
    ]
    if invoice.receipt.outstanding:
        on_the_way = "on its way now" if invoice.receipt.out else f"due {moment(invoice.receipt.due_at)}"
        looked = ", after a look at what OC2 holds" if invoice.receipt.look else ""
        facts.append(("receipt", f"{on_the_way}{looked}"))
    if invoice.amount_note:
        facts.append(("amounts differ" if invoice.diverged else "amounts", cut(invoice.amount_note)))
    return facts


def _receipt(told: Mapping[str, object] | None) -> str:
    return cut(str(safe(json.dumps(told, ensure_ascii=False)))) if told is not None else "-"


def _steps(journey: Journey) -> Table:
    table = Table("when", "step", "version", "state", "try", "record", "call", "what", "trace")
    for step in journey.steps:
        state = f"{step.from_state or '–'} → {step.to_state}" if step.to_state else step.from_state or ""
        call = " ".join(
            part for part in (step.how, f"{step.duration_ms} ms" if step.duration_ms is not None else None) if part
        )
        what = [step.outcome, step.reason, step.detail, ", ".join(step.changed_fields)]
        table.add_row(
            moment(step.at),
            step.step,
            str(step.version),
            state,
            str(step.attempt),
            str(step.place) if step.place else "",
            call,
            cut(str(safe("; ".join(part for part in what if part)))),
            step.trace_id or "",
        )
    return table
