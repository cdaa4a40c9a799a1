"""Structured logs: one JSON object per line on stdout, with context, without secrets.

Libraries that use the standard logging module come out in the same form. Context (tenant, entity, event id, trace id)
is bound once with `log_context` and appears on every line inside it.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from bridge.runtime.redaction import redact, register_secret

__all__ = ["configure_logging", "get_logger", "log_context", "register_secret"]

_PLAIN_KEYS: Final = {"event", "timestamp", "level", "logger", "service", "trace_id"}
_QUIET: Final = {
    # At INFO these print every URL and every rebalance step.
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "aiokafka": logging.WARNING,
    "asyncio": logging.WARNING,
}


def configure_logging(service: str, level: str, *, stream: TextIO | None = None) -> None:
    """Send this process's log lines of `level` and above to `stream` (stdout) as JSON. Call once, before any log."""

    def add_service(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_service,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _redact_event,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, floor in _QUIET.items():
        logging.getLogger(name).setLevel(max(floor, logging.getLevelName(level)))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a module. The event is a constant sentence; what varies goes into named values."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


@contextmanager
def log_context(**values: str | int | None) -> Iterator[None]:
    """Put these names on every line logged inside, in this task and those it starts. None is left out."""
    with structlog.contextvars.bound_contextvars(**{k: v for k, v in values.items() if v is not None}):
        yield


def _redact_event(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {name: redact(value, key="" if name in _PLAIN_KEYS else name) for name, value in event.items()}
