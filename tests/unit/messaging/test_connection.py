"""What the driver's errors mean to us, and what the driver is given."""

import pytest
from aiokafka import errors as kafka
from pydantic import SecretStr

from bridge.messaging.connection import connection_options, translate
from bridge.runtime.errors import BridgeError, BrokerUnavailableError, ConfigurationError
from bridge.runtime.settings import KafkaSettings

SETTINGS = KafkaSettings(bootstrap_servers="kafka-1:9092, kafka-2:9092")


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (kafka.KafkaConnectionError("refused"), BrokerUnavailableError),
        (kafka.RequestTimedOutError(), BrokerUnavailableError),
        (kafka.NotLeaderForPartitionError(), BrokerUnavailableError),
        (TimeoutError(), BrokerUnavailableError),
        (kafka.TopicAuthorizationFailedError("t"), ConfigurationError),
        (kafka.GroupAuthorizationFailedError("g"), ConfigurationError),
        (kafka.AuthenticationFailedError("no"), ConfigurationError),
        (kafka.UnknownTopicOrPartitionError(), ConfigurationError),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else type(value).__name__,
)
def test_each_error_says_what_to_do_next(error: Exception, ours: type[BridgeError]) -> None:
    translated = translate(error, "reading", SETTINGS)

    assert type(translated) is ours
    assert "kafka-1:9092" in str(translated)
    assert "reading" in str(translated)
    assert str(translated).endswith(".")


def test_servers_are_given_one_by_one() -> None:
    assert connection_options(SETTINGS, client_id="c")["bootstrap_servers"] == ["kafka-1:9092", "kafka-2:9092"]


def test_the_password_reaches_the_driver_and_no_repr() -> None:
    settings = KafkaSettings(
        bootstrap_servers="k:9092",
        security_protocol="SASL_PLAINTEXT",
        sasl_username="bridge",
        sasl_password=SecretStr("hunter2hunter2"),
    )

    assert connection_options(settings, client_id="c")["sasl_plain_password"] == "hunter2hunter2"
    assert "hunter2" not in repr(settings)


def test_an_authority_file_that_is_not_there_is_one_sentence() -> None:
    settings = SETTINGS.model_copy(update={"security_protocol": "SSL", "ssl_cafile": "/nowhere/ca.pem"})

    with pytest.raises(ConfigurationError, match=r"/nowhere/ca\.pem"):
        connection_options(settings, client_id="c")
