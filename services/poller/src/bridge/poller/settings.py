"""The poller's settings, made of groups; variables begin with POLLER_."""

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
    """How long one call to Tripletex or OC2 may take. Answers of 25 s were seen, hence the long read time."""

    connect_seconds: float = Field(5.0, ge=0.1, le=60, description="Longest wait for a connection")
    read_seconds: float = Field(30.0, ge=0.1, le=120, description="Longest silence while an answer is awaited")
    total_seconds: float = Field(45.0, ge=0.2, le=300, description="Longest time for one call")
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


class PollSettings(SettingsGroup):
    """How sources are read. The poll interval is the tenant's own, in the tenant file."""

    tenants_at_once: int = Field(8, ge=1, le=200, description="Tenants that have a turn at the same time")
    slow_seconds: float = Field(2.0, ge=0.05, le=60, description="A tenant whose turn took longer counts as slow")
    page_rows: int = Field(1000, ge=2, le=1000, description="Rows asked for per page")
    crawl_every_seconds: float = Field(
        21_600.0, ge=0.1, le=604_800, description="Time between two full reads, which find deletions and missed rows"
    )
    batch_page_rows: int = Field(200, ge=2, le=500, description="Invoices of a batch asked for per page")
    batch_reread_seconds: float = Field(
        3600.0,
        ge=0.1,
        le=86_400,
        description="Time after which a batch is read again though nothing seems to have moved",
    )
    batch_settle_seconds: float = Field(
        120.0, ge=1, le=3600, description="How long after its changedAt a batch is read at every poll"
    )
    filter_probe_seconds: float = Field(
        86_400.0, ge=0.1, le=604_800, description="Time between two tests whether changedSince works"
    )
    gate_probe_seconds: float = Field(60.0, ge=0.2, le=3600, description="Time between two looks behind a closed gate")
    missing_floor: int = Field(20, ge=0, le=10_000, description="Up to this many absent rows are plausible deletions")
    missing_share: float = Field(0.05, ge=0, le=1, description="Up to this share of absent rows is plausible too")
    outbox_rate: float = Field(500.0, ge=1, le=100_000, description="Changes per second one tenant may tell for long")
    outbox_burst: float = Field(2000.0, ge=1, le=100_000, description="Changes one tenant may tell at once")
    stuck_seconds: float = Field(120.0, ge=1, le=3600, description="Not ready if a due tenant waits longer for a turn")


class RelaySettings(SettingsGroup):
    """How the outbox is published."""

    batch: int = Field(500, ge=1, le=1000, description="Rows in one round")
    deadline_seconds: float = Field(10.0, ge=0.5, le=120, description="Longest wait for the broker in one round")
    idle_seconds: float = Field(0.2, ge=0.02, le=10, description="Pause while nothing waits")
    oldest_seconds: float = Field(120.0, ge=1, le=3600, description="Not ready if an outbox row waits longer")


class PollerSettings(ServiceSettings):
    """Everything the poller reads from its environment."""

    model_config = SettingsConfigDict(env_prefix="POLLER_")

    kafka: KafkaSettings
    postgres: PostgresSettings
    http: HttpSettings = HttpSettings()
    lease: LeaseSettings = LeaseSettings()
    poll: PollSettings = PollSettings()
    relay: RelaySettings = RelaySettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    health: HealthSettings = HealthSettings()
    lifecycle: LifecycleSettings = LifecycleSettings()

    @model_validator(mode="after")
    def _relay_ends_within_its_lease(self) -> "PollerSettings":
        # A longer round would be published twice at each handover: harmless, but it never ends under load.
        if self.relay.deadline_seconds > self.lease.ttl_seconds - self.lease.margin_seconds:
            raise ValueError(
                "POLLER_RELAY__DEADLINE_SECONDS must be at most POLLER_LEASE__TTL_SECONDS less "
                "POLLER_LEASE__MARGIN_SECONDS"
            )
        return self
