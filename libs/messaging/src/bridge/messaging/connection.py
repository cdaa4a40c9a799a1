"""How every client of ours connects, and what the driver's errors mean.

The one table from aiokafka's errors to ours. The most specific class decides; the cause is kept.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from ssl import SSLContext
from typing import Any, Final

from aiokafka import errors as kafka
from aiokafka.helpers import create_ssl_context

from bridge.runtime.errors import BridgeError, BrokerUnavailableError, ConfigurationError
from bridge.runtime.logging import get_logger
from bridge.runtime.settings import KafkaSettings

RETRY_BACKOFF_MS: Final = 100
METADATA_MAX_AGE_MS: Final = 10_000
"""How soon new partitions are seen; the driver's five minutes would leave them unread as long."""
_STOP_SECONDS: Final = 3.0
"""Longer than an honest stop takes, leaving the group included."""
_STOP_ATTEMPTS: Final = 3

log = get_logger(__name__)


def connection_options(settings: KafkaSettings, *, client_id: str) -> dict[str, Any]:
    """Return the driver's arguments that all clients share. They hold the password: never log them."""
    options: dict[str, Any] = {
        "bootstrap_servers": [server.strip() for server in settings.bootstrap_servers.split(",")],
        "client_id": client_id,
        "request_timeout_ms": round(settings.request_timeout_seconds * 1000),
        "retry_backoff_ms": RETRY_BACKOFF_MS,
        "metadata_max_age_ms": METADATA_MAX_AGE_MS,
        "security_protocol": settings.security_protocol,
    }
    if settings.security_protocol.endswith("SSL"):
        options["ssl_context"] = _tls(settings)
    if settings.security_protocol.startswith("SASL") and settings.sasl_password is not None:
        options["sasl_mechanism"] = settings.sasl_mechanism
        options["sasl_plain_username"] = settings.sasl_username
        options["sasl_plain_password"] = settings.sasl_password.get_secret_value()
    return options


def _tls(settings: KafkaSettings) -> SSLContext:
    try:
        context: SSLContext = create_ssl_context(cafile=str(settings.ssl_cafile) if settings.ssl_cafile else None)
    except OSError as cause:
        raise ConfigurationError(
            f"The authority file {settings.ssl_cafile} for Kafka cannot be read; correct the ssl_cafile setting."
        ) from cause
    return context


async def stop_consumer(consumer: Any) -> None:
    """Stop a driver's consumer, also when it is in the middle of a new assignment.

    The driver's fetch routine swallows its own cancellation while it clears away what an earlier assignment began, and
    `stop` then waits for it for ever. A second cancellation ends the routine, and `stop` goes on to its end.
    """
    stopping = asyncio.ensure_future(consumer.stop())
    for _ in range(_STOP_ATTEMPTS):
        done, _pending = await asyncio.wait({stopping}, timeout=_STOP_SECONDS)
        if done:
            break
        stopping.cancel()
    else:
        log.warning("A consumer did not stop in time and is dropped.")
    if stopping.done() and not stopping.cancelled() and (error := stopping.exception()) is not None:
        log.warning("A consumer did not stop cleanly.", error=name_of(error))
    if not stopping.done() or stopping.cancelled() or stopping.exception() is not None:
        # It never came to its connections.
        await asyncio.wait({asyncio.ensure_future(consumer._client.close())}, timeout=_STOP_SECONDS)


@contextmanager
def translated(what: str, settings: KafkaSettings) -> Iterator[None]:
    """Turn the driver's errors, and a time-out of ours, into our own; `what` says what was being done."""
    try:
        yield
    except (kafka.KafkaError, TimeoutError) as cause:
        raise translate(cause, what, settings) from cause


def translate(error: Exception, what: str, settings: KafkaSettings) -> BridgeError:
    """Return our error for one of the driver's."""
    where = f"Kafka at {settings.bootstrap_servers}"
    match error:
        case kafka.TopicAuthorizationFailedError() | kafka.GroupAuthorizationFailedError():
            return ConfigurationError(f"{where} denies {what}: {error}. Grant the right to this user.")
        case kafka.ClusterAuthorizationFailedError() | kafka.AuthenticationFailedError():
            return ConfigurationError(f"{where} refuses this user while {what}. Check user, password and rights.")
        case kafka.SaslAuthenticationFailed() | kafka.UnsupportedSaslMechanismError():
            return ConfigurationError(f"{where} refuses the sign-in while {what}. Check mechanism, user and password.")
        case kafka.UnknownTopicOrPartitionError():
            return ConfigurationError(f"{where} lacks a topic needed for {what}. Run 'bridge topics apply' first.")
        case kafka.KafkaConnectionError() | kafka.NoBrokersAvailable():
            return BrokerUnavailableError(
                f"{where} cannot be reached while {what}. Check that it runs, the address, and user and password."
            )
        case _:
            return BrokerUnavailableError(f"{where} failed while {what}: {name_of(error)}. It is tried again.")


def name_of(error: BaseException) -> str:
    """Return an error's class and text; never record content, since the driver's errors carry none."""
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
