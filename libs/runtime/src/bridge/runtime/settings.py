"""Groups of settings that services are made of.

A service declares one `Settings(ServiceSettings)` with its prefix; `load` builds it once, in the composition root, and
each part receives its own small group. Variables are `<PREFIX><GROUP>__<FIELD>`, such as
POLLER_KAFKA__BOOTSTRAP_SERVERS. The two addresses fall back to the names that platforms already use:
KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from bridge.runtime.settings_source import ServiceSettings, SettingsGroup, load, variable_of
from bridge.runtime.settings_table import SettingRow, describe

__all__ = [
    "HealthSettings",
    "KafkaSettings",
    "LifecycleSettings",
    "PostgresSettings",
    "ServiceSettings",
    "SettingRow",
    "SettingsConfigDict",
    "SettingsGroup",
    "TelemetrySettings",
    "describe",
    "load",
    "variable_of",
]


class KafkaSettings(SettingsGroup):
    """How to reach the broker."""

    fallbacks: ClassVar[Mapping[str, str]] = {"bootstrap_servers": "KAFKA_BOOTSTRAP_SERVERS"}

    bootstrap_servers: str = Field(min_length=1, description="Brokers to start from, as host:port, separated by commas")
    topic_prefix: str = Field(
        "",
        pattern=r"^[a-zA-Z0-9._-]*$",
        max_length=100,
        description="Put before every topic name; separates cells that share a broker",
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How the connection is secured"
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="How the client signs in; read when the protocol is a SASL one"
    )
    sasl_username: str | None = Field(None, description="User for SASL")
    sasl_password: SecretStr | None = Field(None, description="Password for SASL")
    ssl_cafile: Path | None = Field(None, description="PEM file of the authority that signed the brokers' certificates")
    request_timeout_seconds: float = Field(10.0, ge=1, le=120, description="Longest wait for one answer of a broker")
    session_timeout_seconds: float = Field(
        10.0, ge=6, le=300, description="Silence after which the broker gives a consumer's partitions to others"
    )

    @model_validator(mode="after")
    def _sasl_is_complete(self) -> "KafkaSettings":
        if self.security_protocol.startswith("SASL") and not (self.sasl_username and self.sasl_password):
            raise ValueError("a SASL protocol needs sasl_username and sasl_password")
        return self


class PostgresSettings(SettingsGroup):
    """How to reach the database."""

    fallbacks: ClassVar[Mapping[str, str]] = {"dsn": "DATABASE_URL"}

    dsn: SecretStr = Field(description="Connection URL, postgresql://user:password@host:port/database")
    pool_max: int = Field(8, ge=2, le=100, description="Most connections this process opens")
    statement_timeout_seconds: float = Field(30.0, ge=1, le=600, description="Longest time for one statement")
    connect_timeout_seconds: float = Field(5.0, ge=1, le=60, description="Longest wait for a connection")
    tcp_user_timeout_seconds: float = Field(
        10.0, ge=1, le=120, description="Longest time that sent data may stay unacknowledged before the link is dead"
    )


class TelemetrySettings(SettingsGroup):
    """Logs and traces. OTLP export is set up by the standard OTEL_* variables and is off without them."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least severe level logged")
    customer_trace_ratio: float = Field(
        1.0, ge=0, le=1, description="Share of customer traces recorded; invoices are always recorded"
    )


class HealthSettings(SettingsGroup):
    """Where the process answers /livez, /readyz and /metrics."""

    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 in a pod")
    port: int = Field(0, ge=0, le=65535, description="Port to listen on; 0 takes a free one")
    ready_file: Path | None = Field(None, description='File that gets {"port": N} once the server listens')


class LifecycleSettings(SettingsGroup):
    """How the process leaves."""

    drain_seconds: float = Field(
        20.0, ge=0.1, le=600, description="Longest time from SIGTERM to exit; keep it below the pod's grace period"
    )
