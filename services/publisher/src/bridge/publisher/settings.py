"""The publisher's settings, made of groups; variables begin with PUBLISHER_."""

from pydantic import Field, model_validator

from bridge.runtime.settings import (
    HealthSettings,
    KafkaSettings,
    LifecycleSettings,
    PostgresSettings,
    ServiceSettings,
    SettingsConfigDict,
    SettingsGroup,
    TelemetrySettings,
)


class HttpSettings(SettingsGroup):
    """How long one call to the target may take."""

    connect_seconds: float = Field(5.0, ge=0.1, le=60, description="Longest wait for a connection")
    read_seconds: float = Field(30.0, ge=0.1, le=120, description="Longest silence while an answer is awaited")
    total_seconds: float = Field(45.0, ge=0.2, le=300, description="Longest time for one call")
    connections_per_host: int = Field(128, ge=1, le=2000, description="Most open connections to one host")
    max_pause_seconds: float = Field(86_400.0, ge=1, le=604_800, description="Longest Retry-After that is honoured")
    allow_loopback: bool = Field(False, description="Development only: calls may go to this machine and private nets")

    @model_validator(mode="after")
    def _total_is_longest(self) -> "HttpSettings":
        if self.total_seconds < max(self.connect_seconds, self.read_seconds):
            raise ValueError("total_seconds must not be shorter than connect_seconds or read_seconds")
        return self


class LeaseSettings(SettingsGroup):
    """How tenants are shared between replicas."""

    ttl_seconds: float = Field(30.0, ge=0.5, le=600, description="A dead replica's tenants move within twice this time")
    margin_seconds: float = Field(5.0, ge=0.1, le=120, description="How long before its end an owner stops by itself")

    @model_validator(mode="after")
    def _margin_fits(self) -> "LeaseSettings":
        if self.margin_seconds * 2 > self.ttl_seconds:
            raise ValueError("margin_seconds must be at most half of ttl_seconds")
        return self


class IngestSettings(SettingsGroup):
    """How records are taken in."""

    batch: int = Field(500, ge=1, le=5000, description="Most records in one transaction")
    wait_seconds: float = Field(0.2, ge=0.02, le=10, description="Longest wait for records in one turn")
    stuck_seconds: float = Field(120.0, ge=1, le=3600, description="Not ready if records wait longer and none is taken")


class DeliverySettings(SettingsGroup):
    """How work goes out."""

    settle_seconds: float = Field(
        120.0, gt=0, le=3600, description="How long an unanswered request may still take effect; 2 calls at the least"
    )
    unknown_rounds: int = Field(5, ge=1, le=100, description="Unanswered rounds of one entity before it is set aside")
    backoff_seconds: float = Field(2.0, ge=0.05, le=600, description="Pause before the second try; doubles from there")
    backoff_cap_seconds: float = Field(300.0, ge=0.1, le=86_400, description="Longest pause between two tries")
    look_every_seconds: float = Field(0.2, ge=0.02, le=10, description="Time between two looks for due work")
    rows: int = Field(4000, ge=1, le=100_000, description="Deliveries of this process on the way at once")
    rows_per_tenant: int = Field(400, ge=1, le=10_000, description="Deliveries of one tenant on the way at once")
    calls_per_tenant: int = Field(4, ge=1, le=100, description="Calls of one tenant at once")
    list_size: int = Field(200, ge=1, le=200, description="Most customers in one call; the contract allows 200")
    invoice_group: int = Field(
        20, ge=1, le=200, description="Invoices that share their look-ups of customers and codes"
    )
    gate_probe_seconds: float = Field(30.0, ge=0.2, le=3600, description="Time between two looks behind a closed gate")
    acts_every_seconds: float = Field(0.5, ge=0.05, le=60, description="Time between two looks for operator acts")
    errands_every_seconds: float = Field(
        1.0, ge=0.05, le=60, description="Time between two looks for receipts to tell and orders to close"
    )
    letter_rounds: int = Field(
        5, ge=1, le=1000, description="Failed retries of one letter after which the next needs an override"
    )
    oldest_due_seconds: float = Field(300.0, ge=1, le=86_400, description="Not ready if due, open work waits longer")


class RelaySettings(SettingsGroup):
    """How the outbox is published."""

    batch: int = Field(500, ge=1, le=1000, description="Rows in one round")
    deadline_seconds: float = Field(10.0, ge=0.5, le=120, description="Longest wait for the broker in one round")
    idle_seconds: float = Field(0.5, ge=0.02, le=10, description="Pause while nothing waits")


class PublisherSettings(ServiceSettings):
    """Everything the publisher reads from its environment."""

    model_config = SettingsConfigDict(env_prefix="PUBLISHER_")

    kafka: KafkaSettings
    postgres: PostgresSettings
    http: HttpSettings = HttpSettings()
    lease: LeaseSettings = LeaseSettings()
    ingest: IngestSettings = IngestSettings()
    delivery: DeliverySettings = DeliverySettings()
    relay: RelaySettings = RelaySettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    health: HealthSettings = HealthSettings()
    lifecycle: LifecycleSettings = LifecycleSettings()

    @model_validator(mode="after")
    def _settle_outlasts_two_calls(self) -> "PublisherSettings":
        if self.delivery.settle_seconds < 2 * self.http.total_seconds:
            raise ValueError(
                f"PUBLISHER_DELIVERY__SETTLE_SECONDS ({self.delivery.settle_seconds:g}) must be at least twice "
                f"PUBLISHER_HTTP__TOTAL_SECONDS ({self.http.total_seconds:g}), or a late effect could undo a newer one"
            )
        return self

    @model_validator(mode="after")
    def _relay_ends_within_its_lease(self) -> "PublisherSettings":
        if self.relay.deadline_seconds > self.lease.ttl_seconds - self.lease.margin_seconds:
            raise ValueError(
                "PUBLISHER_RELAY__DEADLINE_SECONDS must be at most PUBLISHER_LEASE__TTL_SECONDS less "
                "PUBLISHER_LEASE__MARGIN_SECONDS"
            )
        return self
