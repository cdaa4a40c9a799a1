"""What tests, demo and command need of a server, whether we started it or it was there before.

`KAFKA_BOOTSTRAP_SERVERS` and `DATABASE_URL` name existing servers; a set one is used and never started,
stopped or wiped.
"""

import os
from dataclasses import dataclass, field
from typing import Protocol

from bridge.devstack.errors import DevstackError
from bridge.devstack.probe import kafka_answers
from bridge.devstack.sql import execute

KAFKA_VARIABLE = "KAFKA_BOOTSTRAP_SERVERS"
POSTGRES_VARIABLE = "DATABASE_URL"


class KafkaEndpoint(Protocol):
    """A Kafka that clients can use."""

    @property
    def bootstrap_servers(self) -> str:
        """Brokers as `host:port`, parted by commas."""


class PostgresEndpoint(Protocol):
    """A Postgres that clients can use."""

    @property
    def dsn(self) -> str:
        """A DSN, password included, of a user who may create databases and roles."""


@dataclass(frozen=True, slots=True)
class ExternalKafka:
    """A Kafka named by the environment."""

    bootstrap_servers: str


@dataclass(frozen=True, slots=True)
class ExternalPostgres:
    """A Postgres named by the environment."""

    dsn: str = field(repr=False)


def external_kafka() -> ExternalKafka | None:
    """Return the Kafka that the environment names, once it has answered; None if it names none.

    Raises:
        DevstackError: It is named and does not answer.
    """
    servers = os.environ.get(KAFKA_VARIABLE, "").strip()
    if not servers:
        return None
    if not kafka_answers(servers, timeout_seconds=5.0):
        raise DevstackError(
            f"No Kafka broker answers at {servers} ({KAFKA_VARIABLE}): start it or correct the address, "
            "or unset the variable to have a broker started here."
        )
    return ExternalKafka(servers)


def external_postgres() -> ExternalPostgres | None:
    """Return the Postgres that the environment names, once it has answered; None if it names none.

    Raises:
        DevstackError: It is named and does not answer; the message holds no password.
    """
    dsn = os.environ.get(POSTGRES_VARIABLE, "").strip()
    if not dsn:
        return None
    try:
        execute(dsn, "select 1")
    except DevstackError as error:
        raise DevstackError(
            f"The Postgres of {POSTGRES_VARIABLE} cannot be used: start it or correct the address, or unset the "
            f"variable to have a server started here. {error}"
        ) from error
    return ExternalPostgres(dsn)
