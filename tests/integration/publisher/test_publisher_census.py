"""What waits, as the gauges get it: counted in the database, so that every replica would count the same."""

from dataclasses import dataclass

import pytest
from pydantic import SecretStr

from bridge.durable.database import Database
from bridge.durable.migrate import discover, migrate
from bridge.publisher.adapters.postgres_deliveries import PostgresDeliveries
from bridge.runtime.settings import PostgresSettings
from bridge.tenancy.acts import ActStore

_ROW = """
INSERT INTO publisher.delivery (
    tenant, flow, entity, shard, revision, generation, change_no, event_id, outcome, source_ref, source_hash,
    schema_version, payload, headers, topic, kafka_partition, kafka_offset, state, due_at, attempt, unknown_rounds,
    read_back, maybe_there, diverged, receipt_look, sent_at, failing_since, confirmed_revision
)
VALUES (
    'acme', %(flow)s, %(entity)s, 1, 1, 0, 1, 'e', 'mapped', '88/1', 'h', 1, '', '[]', 't', 0, 0, %(state)s,
    now() + interval '1 minute', 1, 1, true, true, false, false, now() - make_interval(secs => %(sent)s),
    now() - make_interval(secs => %(failing)s), %(confirmed)s
)
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A delivery, as far as the census looks at it; times in seconds before now."""

    flow: str
    entity: str
    state: str
    sent: float
    failing: float
    confirmed: int | None = None


async def test_the_oldest_doubt_counts_from_its_first_silence_and_a_verification_is_none(database: str) -> None:
    await migrate(SecretStr(database), discover())
    rows = (
        Row("customers", "1", "in_doubt", sent=60, failing=3_600, confirmed=1),
        Row("customers", "2", "in_doubt", sent=30, failing=30),
        Row("invoices", "3", "in_doubt", sent=120, failing=60),
        Row("invoices", "4", "in_doubt", sent=9_000, failing=9_000, confirmed=1),
        Row("invoices", "5", "ready", sent=9_000, failing=9_000),
    )
    async with Database(PostgresSettings(dsn=SecretStr(database)), application_name="test") as db:
        async with db.transaction() as tx:
            for row in rows:
                await tx.execute(
                    _ROW,
                    {
                        "flow": row.flow,
                        "entity": row.entity,
                        "state": row.state,
                        "sent": row.sent,
                        "failing": row.failing,
                        "confirmed": row.confirmed,
                    },
                )
        census = await PostgresDeliveries(db, owner="test", acts=ActStore(db)).census()

    assert census.doubts == {
        ("acme", "customers"): pytest.approx(3_600, abs=30),
        ("acme", "invoices"): pytest.approx(120, abs=30),
    }
    assert census.states["acme", "invoices", "in_doubt"] == 2
