"""Settings: read from the environment, refused in one sentence, described for the docs."""

import pytest
from pydantic import Field

from bridge.runtime.errors import ConfigurationError
from bridge.runtime.settings import (
    HealthSettings,
    KafkaSettings,
    PostgresSettings,
    ServiceSettings,
    SettingsConfigDict,
    TelemetrySettings,
    describe,
    load,
)


class DemoSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="DEMO_")

    kafka: KafkaSettings
    postgres: PostgresSettings
    telemetry: TelemetrySettings = TelemetrySettings()
    health: HealthSettings = HealthSettings()
    batch_size: int = Field(100, ge=1, le=1000, description="Rows in one batch")


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("DEMO_KAFKA__BOOTSTRAP_SERVERS", "kafka:9092")
    monkeypatch.setenv("DEMO_POSTGRES__DSN", "postgresql://bridge:s3cret-pw@db/bridge")
    return monkeypatch


def test_groups_are_read_under_the_services_prefix(complete: pytest.MonkeyPatch) -> None:
    complete.setenv("DEMO_TELEMETRY__LOG_LEVEL", "DEBUG")

    settings = load(DemoSettings)

    assert settings.kafka.bootstrap_servers == "kafka:9092"
    assert settings.telemetry.log_level == "DEBUG"
    assert settings.batch_size == 100


def test_the_two_addresses_fall_back_to_the_platforms_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "shared:9092")
    monkeypatch.setenv("DATABASE_URL", "postgresql://db/shared")
    monkeypatch.setenv("DEMO_KAFKA__TOPIC_PREFIX", "cell-1.")

    settings = load(DemoSettings)

    assert settings.kafka.bootstrap_servers == "shared:9092"
    assert settings.kafka.topic_prefix == "cell-1."
    assert settings.postgres.dsn.get_secret_value() == "postgresql://db/shared"


def test_the_services_own_variable_wins_over_the_platforms(complete: pytest.MonkeyPatch) -> None:
    complete.setenv("KAFKA_BOOTSTRAP_SERVERS", "shared:9092")

    assert load(DemoSettings).kafka.bootstrap_servers == "kafka:9092"


def test_what_is_missing_is_named_by_its_variable() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(DemoSettings)

    assert "DEMO_KAFKA__BOOTSTRAP_SERVERS: missing" in str(caught.value)
    assert "DEMO_POSTGRES__DSN: missing" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_value_out_of_bounds_is_named(complete: pytest.MonkeyPatch) -> None:
    complete.setenv("DEMO_BATCH_SIZE", "0")
    complete.setenv("DEMO_POSTGRES__POOL_MAX", "lots")

    with pytest.raises(ConfigurationError, match=r"DEMO_POSTGRES__POOL_MAX: .*DEMO_BATCH_SIZE: "):
        load(DemoSettings)


def test_a_misspelt_variable_of_a_group_is_refused(complete: pytest.MonkeyPatch) -> None:
    complete.setenv("DEMO_KAFKA__BOOTSTRAP", "kafka:9092")

    with pytest.raises(ConfigurationError, match="DEMO_KAFKA__BOOTSTRAP"):
        load(DemoSettings)


def test_variables_that_kubernetes_adds_for_a_service_of_that_name_do_no_harm(complete: pytest.MonkeyPatch) -> None:
    complete.setenv("DEMO_SERVICE_HOST", "10.0.0.1")
    complete.setenv("DEMO_PORT", "tcp://10.0.0.1:80")

    assert load(DemoSettings).batch_size == 100


def test_no_message_repeats_a_secret(complete: pytest.MonkeyPatch) -> None:
    complete.setenv("DEMO_KAFKA__SECURITY_PROTOCOL", "SASL_SSL")
    complete.setenv("DEMO_KAFKA__SASL_PASSWORD", "hunter2hunter2")

    with pytest.raises(ConfigurationError, match="sasl_username") as caught:
        load(DemoSettings)

    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_no_repr_shows_a_secret(complete: pytest.MonkeyPatch) -> None:
    assert "s3cret" not in repr(load(DemoSettings))


def test_settings_cannot_be_changed(complete: pytest.MonkeyPatch) -> None:
    settings = load(DemoSettings)

    with pytest.raises(ValueError, match="frozen"):
        settings.batch_size = 5  # type: ignore[misc]  # the very thing that must fail


def test_every_setting_is_described() -> None:
    rows = {row.variable: row for row in describe(DemoSettings)}

    assert rows["DEMO_POSTGRES__STATEMENT_TIMEOUT_SECONDS"].unit == "seconds"
    assert rows["DEMO_POSTGRES__STATEMENT_TIMEOUT_SECONDS"].bound == "≥ 1, ≤ 600"
    assert rows["DEMO_KAFKA__BOOTSTRAP_SERVERS"].default is None
    assert rows["DEMO_KAFKA__BOOTSTRAP_SERVERS"].fallback == "KAFKA_BOOTSTRAP_SERVERS"
    assert rows["DEMO_POSTGRES__DSN"].type == "secret"
    assert rows["DEMO_TELEMETRY__LOG_LEVEL"].type == "DEBUG | INFO | WARNING | ERROR"
    assert rows["DEMO_HEALTH__READY_FILE"].default == ""
    assert all(row.description for row in rows.values())
