"""Faust as its guide shows it: one small app for each way of losing messages. Run as a process of its own.

python bare_app.py WAY BROKER PREFIX WEB_PORT FOLDER
"""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faust

POISON = b":13"
"""The end of the key of the record that the handler stumbles over."""

COMMIT_AT_THE_END = {"exactly_once", "slow"}
"""Ways that are about the last commit. One that is under way at the stop would stand for the last, at random."""


class Customer(faust.Record):
    """What a typed topic decodes to."""

    customerNumber: int  # noqa: N815 (the name on the wire)
    name: str


def app_for(way: str, broker: str, prefix: str, web_port: int, folder: str) -> faust.App:
    """Return an app with Faust's own defaults but for what the way of losing is about."""
    options: dict[str, Any] = {}
    if way == "exactly_once":
        options["processing_guarantee"] = "exactly_once"
    if way == "slow":
        options["stream_wait_empty"] = False
    return faust.App(
        f"{prefix}bare",
        broker=f"kafka://{broker}",
        store="memory://",
        datadir=f"{folder}/data",
        web_port=web_port,
        broker_commit_interval=60.0 if way in COMMIT_AT_THE_END else 0.3,
        producer_request_timeout=3.0,
        **options,
    )


def raises(app: faust.App, source: Any, target: Any) -> None:
    """A handler that raises on one record."""

    @app.agent(source)
    async def handle(stream: Any) -> None:
        async for event in stream.events():
            if event.key.endswith(POISON):
                raise ValueError("a record that the handler cannot take")
            await target.send(key=event.key, value=event.value)


def forwards(app: faust.App, source: Any, target: Any) -> None:
    """A handler that does nothing wrong."""

    @app.agent(source)
    async def handle(stream: Any) -> None:
        async for event in stream.events():
            await target.send(key=event.key, value=event.value)


def typed(app: faust.App, source: Any, target: Any) -> None:
    """A handler on a typed topic that cannot decode one record."""
    topic = app.topic(source.topics[0], key_type=bytes, key_serializer="raw", value_type=Customer)

    @app.agent(topic)
    async def handle(stream: Any) -> None:
        async for event in stream.events():
            await target.send(key=event.key, value=event.value.name.encode())


def concurrent(app: faust.App, source: Any, target: Any) -> None:
    """Two handlers at once, one of which takes long over one record."""

    @app.agent(source, concurrency=2)
    async def handle(stream: Any) -> None:
        async for event in stream.events():
            if event.key.endswith(POISON):
                await asyncio.sleep(600)
            await target.send(key=event.key, value=event.value)


def slow(app: faust.App, source: Any, target: Any) -> None:
    """A handler that is in the middle of its work when the process is told to stop."""

    @app.agent(source)
    async def handle(stream: Any) -> None:
        async for event in stream.events():
            if event.key.endswith(POISON):
                (Path(app.conf.datadir).parent / "handling").touch()
                await asyncio.sleep(600)
            await target.send(key=event.key, value=event.value)


HANDLERS: dict[str, Callable[[faust.App, Any, Any], None]] = {
    "raises": raises,
    "typed": typed,
    "concurrent": concurrent,
    "send": forwards,
    "exactly_once": forwards,
    "slow": slow,
    "defaults": forwards,
}


def main(way: str, broker: str, prefix: str, web_port: str, folder: str) -> None:
    """Run one of the apps as Faust's own worker does."""
    app = app_for(way, broker, prefix, int(web_port), folder)
    raw: dict[str, Any] = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}
    source = app.topic(f"{prefix}customer-changed", **raw)
    target = app.topic(f"{prefix}customer-mapped", **raw)
    HANDLERS[way](app, source, target)
    faust.Worker(app, loglevel="ERROR").execute_from_commandline()


if __name__ == "__main__":
    main(*sys.argv[1:])
