"""The tree of errors that services see.

    BridgeError                      a sentence for an operator; ids, never payloads or secrets
      TransientError                 worth another try, after `retry_after` if it is known
        SourceUnavailableError  TargetUnavailableError  BrokerUnavailableError  StoreUnavailableError
      LeaseLostError                 the work has another owner now: drop it, mark nothing, go on
      ConfigurationError             stop the process, commit nothing; names the setting and the remedy

Adapters translate foreign errors into these once, at the edge, keeping the cause. The class says what to do next.
"""

from datetime import timedelta


class BridgeError(Exception):
    """Every error of ours. The message is a whole sentence: what happened, to which id, what to do next."""


class TransientError(BridgeError):
    """Worth another try; `retry_after` says when, if anybody knows."""

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class SourceUnavailableError(TransientError):
    """The system that is read from does not answer as it should."""


class TargetUnavailableError(TransientError):
    """The system that is written to does not answer as it should."""


class BrokerUnavailableError(TransientError):
    """Kafka did not answer, or did not acknowledge, in time."""


class StoreUnavailableError(TransientError):
    """The database did not answer in time."""


class LeaseLostError(BridgeError):
    """The work has another owner now: drop it, mark nothing, go on."""


class ConfigurationError(BridgeError):
    """The process cannot do its work as it is set up: stop, commit nothing, name the setting and the remedy."""
