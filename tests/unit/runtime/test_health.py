"""Alive: the loops turn. Ready: progress is made. And the door that says so."""

import asyncio
import json
from pathlib import Path

from bridge.runtime.health import Health
from bridge.runtime.health_server import HealthServer
from bridge.runtime.settings import HealthSettings
from bridge.testkit.clock import ManualClock


async def get(server: HealthServer, path: str, *, method: str = "GET") -> tuple[int, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return int(head.split()[1]), body


def test_a_loop_that_turns_is_alive() -> None:
    clock = ManualClock()
    health = Health(clock)
    health.expect("poll", within_seconds=10)

    clock.advance(9)
    health.beat("poll")
    clock.advance(9)

    assert health.stalled() == {}


def test_a_loop_that_stands_still_is_named() -> None:
    clock = ManualClock()
    health = Health(clock)
    health.expect("poll", within_seconds=10)
    health.expect("relay", within_seconds=100)

    clock.advance(11)

    assert list(health.stalled()) == ["poll"]


def test_a_jump_of_the_wall_clock_stalls_nobody() -> None:
    clock = ManualClock()
    health = Health(clock)
    health.expect("poll", within_seconds=10)

    clock.set_wall(clock.now().replace(year=2031))

    assert health.stalled() == {}


def test_a_loop_that_ended_as_it_should_is_not_missed() -> None:
    clock = ManualClock()
    health = Health(clock)
    health.expect("once", within_seconds=1)

    health.forget("once")
    clock.advance(100)

    assert health.stalled() == {}


async def test_the_probes_answer_for_loops_and_checks(tmp_path: Path) -> None:
    clock = ManualClock()
    health = Health(clock)
    health.expect("poll", within_seconds=10)
    health.set_check("database", lambda: None)
    ready_file = tmp_path / "ready.json"
    async with HealthServer(health, HealthSettings(ready_file=ready_file)) as server:
        assert json.loads(ready_file.read_text()) == {"port": server.port}
        assert (await get(server, "/livez"))[0] == 200
        assert (await get(server, "/readyz?verbose"))[0] == 200

        clock.advance(11)
        health.set_check("database", lambda: "No connection since 10:15.")

        status, body = await get(server, "/livez")
        assert status == 503
        assert "has not turned" in json.loads(body)["loops"]["poll"]
        assert await get(server, "/readyz") == (
            503,
            '{"ready": false, "checks": {"database": "No connection since 10:15."}}',
        )
    assert not ready_file.exists()


async def test_a_process_that_still_connects_is_not_ready() -> None:
    health = Health(ManualClock())
    async with HealthServer(health, HealthSettings()) as server:
        assert await get(server, "/readyz") == (
            503,
            '{"ready": false, "checks": {"start": "The process is still starting."}}',
        )

        health.expect("poll", within_seconds=10)

        assert (await get(server, "/readyz"))[0] == 200


async def test_metrics_are_served_and_nothing_else_is() -> None:
    health = Health()
    health.beat("poll")
    async with HealthServer(health, HealthSettings()) as server:
        status, body = await get(server, "/metrics")

        assert status == 200
        assert 'bridge_loop_beats_total{loop="poll"}' in body
        assert (await get(server, "/"))[0] == 404
        assert (await get(server, "/livez", method="POST"))[0] == 405


async def test_a_caller_that_hangs_up_disturbs_nobody() -> None:
    async with HealthServer(Health(), HealthSettings()) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /li")
        writer.close()
        await writer.wait_closed()

        assert (await get(server, "/livez"))[0] == 200
