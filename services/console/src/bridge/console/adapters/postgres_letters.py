"""Dead letters, read from the publisher's table."""

import json
from typing import Final

from bridge.console.application.dead_letters import LetterDelivery, LetterFilter, LetterHead, WholeLetter
from bridge.contracts.identity import Generation, Revision, Version
from bridge.durable.database import Database
from bridge.durable.queries import load_queries
from bridge.durable.row import Row

_SQL: Final = load_queries("bridge.console.sql", "letter_queries.sql")


class PostgresLetters:
    """See `application.dead_letters.LetterStore`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def letters(self, wanted: LetterFilter) -> list[LetterHead]:
        """Return letters, newest first."""
        values: dict[str, object] = {
            "tenant": wanted.tenant,
            "reason": wanted.reason.value if wanted.reason else None,
            "closed_too": wanted.closed_too,
            "limit": wanted.limit,
        }
        async with self._db.transaction() as tx:
            return [_to_head(row) for row in await tx.all(_SQL["letters"], values)]

    async def letter(self, letter_id: int) -> WholeLetter | None:
        """Return one letter, or None."""
        async with self._db.transaction() as tx:
            row = await tx.one(_SQL["letter"], {"id": letter_id})
        if row is None:
            return None
        return WholeLetter(
            head=_to_head(row),
            event_id=row.text_or_none("event_id"),
            origin_topic=row.text_or_none("origin_topic"),
            origin_partition=row.number_or_none("origin_partition"),
            origin_offset=row.number_or_none("origin_offset"),
            key=row.octets_or_none("raw_key"),
            headers=_headers(row.octets("headers")),
            raw=row.octets("raw"),
            delivery=_to_delivery(row) if row.text_or_none("state") is not None else None,
        )


def _to_delivery(row: Row) -> LetterDelivery:
    return LetterDelivery(
        state=row.text("state"),
        first_sent_at=row.instant_or_none("first_sent_at"),
        last_sent_at=row.instant_or_none("sent_at"),
        receipt_wanted=row.text_or_none("receipt_wanted"),
        receipt_told=row.text_or_none("receipt_sent"),
        receipt_outstanding=row.flag("receipt_outstanding"),
    )


def _to_head(row: Row) -> LetterHead:
    revision = row.number_or_none("revision")
    version = Version(Revision(revision), Generation(row.number("generation"))) if revision is not None else None
    return LetterHead(
        letter_id=row.number("id"),
        tenant=row.text_or_none("tenant"),
        flow=row.text_or_none("flow"),
        entity=row.text_or_none("entity"),
        version=version,
        stage=row.text("stage"),
        reason=row.text("reason"),
        field=row.text_or_none("field"),
        error=row.text("error"),
        attempts=row.number("attempts"),
        rounds=row.number("rounds"),
        trace_id=row.text_or_none("trace_id"),
        opened_at=row.instant("opened_at"),
        closed_at=row.instant_or_none("closed_at"),
        closed_as=row.text_or_none("closed_as"),
        closed_by=row.text_or_none("closed_by"),
        closed_why=row.text_or_none("closed_why"),
    )


def _headers(packed: bytes) -> tuple[tuple[str, str], ...]:
    """Read the publisher's stored headers (JSON pairs, values as latin-1) as text."""
    pairs = json.loads(packed)
    return tuple((str(name), str(value).encode("latin-1").decode("utf-8", "replace")) for name, value in pairs)
