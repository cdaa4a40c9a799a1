"""Kafka's own command-line tools, by main class: topics, offsets, groups.

An independent look at the broker for tests and people; the product's clients are elsewhere.
"""

import subprocess

from bridge.devstack.errors import DevstackError
from bridge.devstack.kafka_setup import install_kafka

_TIMEOUT_SECONDS = 60


def run_kafka_tool(main_class: str, *arguments: str) -> str:
    """Run one tool and return what it printed.

    Raises:
        DevstackError: The tool failed; the message holds what it said.
    """
    installation = install_kafka(lambda _: None)
    answer = subprocess.run(
        installation.command(main_class, *arguments),
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIMEOUT_SECONDS,
    )
    if answer.returncode != 0:
        said = (answer.stdout + answer.stderr).strip()[-2000:]
        raise DevstackError(f"{main_class.rpartition('.')[2]} failed: {said}")
    return answer.stdout
