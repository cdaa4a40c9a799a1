"""How a process leaves: drained, cut off, failed or misconfigured, and with which exit code."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

import pytest

from bridge.runtime.errors import BrokerUnavailableError, ConfigurationError
from bridge.runtime.health import Health
from bridge.runtime.lifecycle import run_main, serve, unless_stopped, until_stopped


@dataclass
class FunctionLoop:
    name: str
    turn: Callable[[asyncio.Event], Awaitable[None]]

    async def run(self, stop: asyncio.Event) -> None:
        await self.turn(stop)


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


async def wait_for_stop(stop: asyncio.Event) -> None:
    await stop.wait()


async def stop_at_once(stop: asyncio.Event) -> None:
    terminate()
    await stop.wait()


@pytest.fixture(autouse=True)
def default_signals() -> Iterator[None]:
    """Give SIGTERM back its meaning after a test in which this process was told to leave."""
    yield
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


async def test_a_second_signal_does_not_cut_off_what_follows_the_drain() -> None:
    await serve("test", [FunctionLoop("a", stop_at_once)], drain_seconds=5, health=Health())

    assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    terminate()  # would end this process here, as it once ended a poller before its last spans were sent


async def test_sigterm_lets_every_loop_drain() -> None:
    drained: list[str] = []

    async def drain(stop: asyncio.Event) -> None:
        await stop.wait()
        await asyncio.sleep(0)
        drained.append("drained")

    loops = [FunctionLoop("a", stop_at_once), FunctionLoop("b", drain), FunctionLoop("c", drain)]
    code = await serve("test", loops, drain_seconds=5, health=Health())

    assert code == 0
    assert drained == ["drained", "drained"]


async def test_a_draining_process_is_not_ready() -> None:
    health = Health()

    await serve("test", [FunctionLoop("a", stop_at_once)], drain_seconds=5, health=health)

    assert health.readiness() == {"drain": "The process is draining."}


@pytest.mark.looptime
async def test_a_drain_that_takes_too_long_is_cut_off() -> None:
    async def never(stop: asyncio.Event) -> None:
        await asyncio.Event().wait()

    code = await serve(
        "test", [FunctionLoop("a", stop_at_once), FunctionLoop("b", never)], drain_seconds=20, health=Health()
    )

    assert code == 1


async def test_a_loop_that_fails_ends_the_process() -> None:
    cancelled = asyncio.Event()

    async def fail(stop: asyncio.Event) -> None:
        raise ZeroDivisionError

    async def other(stop: asyncio.Event) -> None:
        try:
            await stop.wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    code = await serve("test", [FunctionLoop("b", other), FunctionLoop("a", fail)], drain_seconds=5, health=Health())

    assert code == 1
    assert cancelled.is_set()


async def test_a_loop_that_returns_unasked_is_a_failure() -> None:
    async def quit_early(stop: asyncio.Event) -> None:
        return

    loops = [FunctionLoop("a", quit_early), FunctionLoop("b", wait_for_stop)]

    assert await serve("test", loops, drain_seconds=5, health=Health()) == 1


async def test_a_failure_while_draining_is_told() -> None:
    async def fail_late(stop: asyncio.Event) -> None:
        await stop.wait()
        raise ZeroDivisionError

    loops = [FunctionLoop("a", stop_at_once), FunctionLoop("b", fail_late)]

    assert await serve("test", loops, drain_seconds=5, health=Health()) == 1


async def test_a_configuration_error_of_a_loop_reaches_the_door() -> None:
    async def misconfigured(stop: asyncio.Event) -> None:
        raise ConfigurationError("Run 'bridge after-restore'.")

    with pytest.raises(ConfigurationError, match="after-restore"):
        await serve("test", [FunctionLoop("a", misconfigured)], drain_seconds=5, health=Health())


async def code_3() -> int:
    return 3


async def no_configuration() -> int:
    raise ConfigurationError("DEMO_DSN: missing.")


async def no_broker() -> int:
    raise BrokerUnavailableError("Kafka cannot be reached.")


async def bug() -> int:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("main", "code", "line"),
    [
        (code_3, 3, ""),
        (no_configuration, 2, "DEMO_DSN: missing.\n"),
        (no_broker, 1, "Kafka cannot be reached.\n"),
        (bug, 1, ""),
    ],
    ids=["code", "configuration", "foreseen", "bug"],
)
def test_the_process_exits_with_one_line(
    capsys: pytest.CaptureFixture[str], main: Callable[[], "asyncio.Future[int]"], code: int, line: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        run_main(main)  # type: ignore[arg-type]  # parametrize loses the coroutine type

    assert caught.value.code == code
    assert capsys.readouterr().err == line


@pytest.mark.looptime
async def test_a_pause_ends_when_the_process_stops() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    assert await until_stopped(stop, 60) is False
    loop.call_later(5, stop.set)
    begun = loop.time()
    assert await until_stopped(stop, 60) is True

    assert loop.time() - begun == pytest.approx(5, abs=0.1)


@pytest.mark.looptime
async def test_waiting_for_a_wake_up_ends_with_the_first_of_the_three() -> None:
    stop, wake = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    assert await unless_stopped(stop, wake.wait(), seconds=30) is False
    assert loop.time() == pytest.approx(30, abs=0.1)
    wake.set()
    assert await unless_stopped(stop, wake.wait(), seconds=30) is False
    assert loop.time() == pytest.approx(30, abs=0.1)
    stop.set()
    assert await unless_stopped(stop, asyncio.Event().wait(), seconds=30) is True
