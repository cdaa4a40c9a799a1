"""Editing what a dead letter is about: checked here before it is accepted, and by its owner before it is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bridge.console.application.acts import Request
from bridge.console.application.dead_letters import LetterStore, WholeLetter, request_for, show
from bridge.console.application.editing import (
    CONTRACTS,
    Change,
    Contract,
    EditRefusedError,
    changes,
    checked,
    read_content,
    with_fields,
)
from bridge.contracts.headers import TYPE_HEADER
from bridge.contracts.topics import MAX_EVENT_BYTES

EDIT: Final = "edit"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person wants of the content: all of it anew from a file's text, or single fields as `path=value`."""

    text: str | None = None
    sets: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Edit:
    """What would be asked for, and how it differs from what the letter holds."""

    letter: WholeLetter
    request: Request
    changes: tuple[Change, ...]


async def prepare(store: LetterStore, letter_id: int, wanted: Wanted) -> Edit:
    """Return the checked edit of a letter.

    Raises:
        LetterNotFoundError: There is none with this id, or it is closed.
        EditRefusedError: The letter cannot be edited, or the content may not be sent; names the field and the remedy.
    """
    letter = await show(store, letter_id)
    request = await request_for(store, letter_id, EDIT)
    contract, entity = _contract(letter)
    before = read_content(letter.raw, whose=f"The record of dead letter {letter_id}")
    after = _edited(before, wanted, contract)
    payload = checked(after, contract, entity)
    if len(payload) > MAX_EVENT_BYTES:
        raise EditRefusedError(
            f"The content has {len(payload)} bytes, and {MAX_EVENT_BYTES} can be sent; nothing was asked for."
        )
    differing = changes(before, read_content(payload, whose="The edited content"))
    if not differing:
        raise EditRefusedError(
            f"The edit changes nothing. 'bridge dead-letters retry {letter_id}' sends the letter again as it is."
        )
    return Edit(letter, replace(request, payload=payload.decode(), renews=True), differing)


def _contract(letter: WholeLetter) -> tuple[Contract, str]:
    head = letter.head
    kind = dict(letter.headers).get(TYPE_HEADER, "(none)")
    contract = CONTRACTS.get(kind)
    if contract is None or head.entity is None:
        raise EditRefusedError(
            f"Dead letter {head.letter_id} is about a record of type {kind}"
            f"{'' if head.entity else ' without an entity'}, which cannot be edited. Correct it at the source, or "
            "retry or discard the letter."
        )
    return contract, head.entity


def _edited(before: Mapping[str, object], wanted: Wanted, contract: Contract) -> dict[str, object]:
    if (wanted.text is None) == (not wanted.sets):
        raise EditRefusedError("Give either --file or at least one --set, not both; nothing was asked for.")
    if wanted.text is not None:
        return read_content(wanted.text, whose="The file")
    return with_fields(before, wanted.sets, contract)
