"""The transformer's settings, made of groups; variables begin with TRANSFORMER_."""

from typing import Self

from pydantic import Field, model_validator

from bridge.runtime.settings import (
    HealthSettings,
    KafkaSettings,
    LifecycleSettings,
    ServiceSettings,
    SettingsConfigDict,
    SettingsGroup,
    TelemetrySettings,
)


class MappingSettings(SettingsGroup):
    """How records are taken and handed on."""

    max_records: int = Field(500, ge=1, le=5000, description="Most records in one batch")
    send_deadline_seconds: float = Field(
        15.0, ge=1, le=300, description="Longest time to get one batch acknowledged; after that the process ends"
    )
    lag_interval_seconds: float = Field(5.0, ge=0.1, le=60, description="Time between two looks at the lag")
    stuck_seconds: float = Field(
        60.0, ge=1, le=3600, description="Not ready if records wait and none was mapped for this long"
    )


class TransformerSettings(ServiceSettings):
    """Everything the transformer reads from its environment."""

    model_config = SettingsConfigDict(env_prefix="TRANSFORMER_")

    kafka: KafkaSettings
    mapping: MappingSettings = MappingSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    health: HealthSettings = HealthSettings()
    lifecycle: LifecycleSettings = LifecycleSettings()

    @model_validator(mode="after")
    def _a_batch_fits_into_the_drain(self) -> Self:
        if self.mapping.send_deadline_seconds >= self.lifecycle.drain_seconds:
            raise ValueError(
                "TRANSFORMER_MAPPING__SEND_DEADLINE_SECONDS must be below TRANSFORMER_LIFECYCLE__DRAIN_SECONDS, "
                "or a batch in hand is cut off at each stop"
            )
        return self
