"""The transformer as a process: a configuration that cannot work ends it in one sentence and exit code 2.

What is wrong in the settings alone is told by `tests/unit/transformer/test_transformer_settings.py`.
"""

import asyncio
import os
import sys

import pytest


async def _start(**variables: str) -> tuple[int | None, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TRANSFORMER_", "KAFKA_"))}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bridge.transformer",
        env={**kept, **variables},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asyncio.wait_for(process.communicate(), 100)
    return process.returncode, said.decode()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "TRANSFORMER_KAFKA__BOOTSTRAP_SERVERS: missing"),
        ({"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}, "Kafka at 127.0.0.1:1 cannot be reached"),
    ],
    ids=["no address", "unreachable"],
)
async def test_a_bad_configuration_ends_the_start_in_one_sentence(variables: dict[str, str], expected: str) -> None:
    code, said = await _start(**variables)

    assert code == 2
    assert len(said.splitlines()) == 1
    assert expected in said
