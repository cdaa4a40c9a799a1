"""The console's settings, in small groups: each command needs only what it uses."""

from pydantic import Field, SecretStr

from bridge.runtime.settings import (
    KafkaSettings,
    PostgresSettings,
    ServiceSettings,
    SettingsConfigDict,
    SettingsGroup,
)


class TopicSettings(SettingsGroup):
    """How topics are laid out on the brokers."""

    replication: int = Field(1, ge=1, le=10, description="Copies of each new topic; 3 in production")
    min_insync: int | None = Field(
        None, ge=1, le=10, description="Copies that must have a record; one less than the replication unless given"
    )


class StoreSettings(ServiceSettings):
    """The database, for every command that reads or asks."""

    model_config = SettingsConfigDict(env_prefix="CONSOLE_")

    postgres: PostgresSettings


class BrokerSettings(ServiceSettings):
    """Kafka, for the commands that touch it."""

    model_config = SettingsConfigDict(env_prefix="CONSOLE_")

    kafka: KafkaSettings
    topics: TopicSettings = TopicSettings()


class AdminSettings(ServiceSettings):
    """The database's owner, for `bridge migrate` alone."""

    model_config = SettingsConfigDict(env_prefix="")

    database_url: SecretStr = Field(description="Connection URL of the database's owner, who may create roles")


class RolePasswords(ServiceSettings):
    """Passwords that `bridge migrate` gives to the services' roles; a role without one keeps what it has."""

    model_config = SettingsConfigDict(env_prefix="BRIDGE_ROLE_PASSWORD_")

    poller: SecretStr | None = Field(None, description="Password of the role bridge_poller")
    publisher: SecretStr | None = Field(None, description="Password of the role bridge_publisher")
    console: SecretStr | None = Field(None, description="Password of the role bridge_console")


class AddressSettings(ServiceSettings):
    """Which addresses a tenant may have."""

    model_config = SettingsConfigDict(env_prefix="BRIDGE_")

    allow_loopback: bool = Field(False, description="Development only: tenants may be on this machine or in containers")
