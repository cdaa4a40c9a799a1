"""From a Tripletex row to what the poller's domain sees; the one size limit is checked here.

Pure. Owns which faults make a row unreadable for us, and what of it counts as content. Knows no call and no store.
"""

import hashlib
import json
from typing import Final

from bridge.contracts.events.customer import CustomerSnapshot
from bridge.contracts.identity import EntityNumber, SourceId
from bridge.contracts.reasons import Reason
from bridge.contracts.topics import MAX_EVENT_BYTES
from bridge.poller.domain.memory import Content, Fault, Seen
from bridge.tripletex.customer import CustomerRow, UnreadableRow, source_hash

HEAD_BYTES: Final = 16 * 1024
"""How much of a content that is too large travels in its letter."""
_NO_CONTENT: Final = Content(b"", hashlib.sha256(b"").hexdigest())
_PASSING: Final = frozenset({"version", "changes"})
"""Fields that change without the row's content changing."""


def to_seen(row: CustomerRow | UnreadableRow, *, alone: bool = False) -> Seen:
    """Return what a row shows, whatever it holds."""
    return _readable(row, alone=alone) if isinstance(row, CustomerRow) else _unreadable(row, alone=alone)


def _readable(row: CustomerRow, *, alone: bool) -> Seen:
    return Seen(
        source_id=row.id,
        number=EntityNumber(str(row.customer_number)) if row.customer_number else None,
        version=row.version,
        newest_change=row.newest_change,
        content=_content_of(row.snapshot) if row.snapshot else _NO_CONTENT,
        alone=alone,
    )


def _content_of(snapshot: CustomerSnapshot) -> Content:
    body = snapshot.model_dump_json(by_alias=True, exclude_none=True).encode()
    if len(body) <= MAX_EVENT_BYTES:
        return Content(body, source_hash(snapshot))
    detail = f"The content is {len(body)} bytes; one event may hold {MAX_EVENT_BYTES}. Shorten this text at the source."
    fault = Fault(Reason.EVENT_TOO_LARGE, _longest_text(snapshot), detail)
    return Content(body[:HEAD_BYTES], source_hash(snapshot), fault)


def _longest_text(snapshot: CustomerSnapshot) -> str:
    found: dict[str, int] = {}
    for name, value in snapshot.model_dump(mode="json", by_alias=True, exclude_none=True).items():
        if isinstance(value, dict):
            found.update({f"{name}.{inner}": len(str(text)) for inner, text in value.items()})
        else:
            found[name] = len(str(value))
    return max(found, key=lambda name: found[name])


def _unreadable(row: UnreadableRow, *, alone: bool) -> Seen:
    digest, numberless = _look_into(row.raw)
    fault = Fault(Reason.SOURCE_ROW_UNREADABLE, row.field, f"The field {row.field or '(row)'} {row.detail}.")
    return Seen(
        # A row whose id cannot be read is known by its content, so that it is told once.
        source_id=row.id or SourceId(f"unreadable-{digest[:32]}"),
        number=EntityNumber(str(row.customer_number)) if row.customer_number else None,
        version=row.version,
        newest_change=row.newest_change,
        content=Content(row.raw if len(row.raw) <= MAX_EVENT_BYTES else row.raw[:HEAD_BYTES], digest, fault),
        number_unreadable=not numberless and row.customer_number is None,
        alone=alone,
    )


def _look_into(raw: bytes) -> tuple[str, bool]:
    """Return the hash of what counts as content, and whether the row says that it has no number."""
    document = json.loads(raw)
    if not isinstance(document, dict):
        return hashlib.sha256(raw).hexdigest(), False
    content = {name: value for name, value in document.items() if name not in _PASSING}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    return digest, document.get("customerNumber") == 0
