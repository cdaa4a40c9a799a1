"""A real Kafka broker on loopback: one KRaft node, broker and controller in one process.

Owns its configuration and its life. Knows Kafka's command line, no Kafka client.
"""

import base64
import shutil
import subprocess
import uuid
from pathlib import Path
from typing import ClassVar

from bridge.devstack.errors import DevstackError
from bridge.devstack.files import exclusive, write_atomically
from bridge.devstack.kafka_setup import KafkaInstallation, Progress, install_kafka
from bridge.devstack.layout import LOCAL
from bridge.devstack.probe import kafka_answers
from bridge.devstack.server import LocalServer

# Session time-out: after kill -9 the node is refused until its old session has run out (9 s by default).
# Few partitions for the internal topics, a small cleaner buffer: this node serves tests on 256 MB of heap.
_CONFIGURATION = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=8
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=300
log.cleaner.dedupe.buffer.size=16777216
"""


class KafkaServer(LocalServer):
    """One broker of the pinned Kafka; clients use `bootstrap_servers`. Topics are never created by use."""

    name: ClassVar[str] = "Kafka"
    _port_count: ClassVar[int] = 2

    def __init__(
        self,
        folder: Path,
        *,
        log: Path | None = None,
        detached: bool = False,
        dump_archive_to: Path | None = None,
    ) -> None:
        super().__init__(folder, log=log, detached=detached)
        self._installation: KafkaInstallation | None = None
        self._dump_archive_to = dump_archive_to

    @property
    def bootstrap_servers(self) -> str:
        """The `host:port` that clients are given; known from the first start on, the same ever after."""
        return f"127.0.0.1:{self.port}"

    def is_ready(self) -> bool:
        """Tell whether the broker answers a real request now."""
        return kafka_answers(self.bootstrap_servers)

    def wipe(self) -> None:
        """Delete the data of the stopped broker."""
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _properties(self) -> Path:
        return self.folder / "node.properties"

    def _prepare(self) -> None:
        self._installation = install_kafka(_silent)
        data = self.folder / "data"
        text = _CONFIGURATION.format(port=self._port(0), controller_port=self._port(1), data=data)
        write_atomically(self._properties, text)
        if not (data / "meta.properties").exists():
            shutil.rmtree(data, ignore_errors=True)
            self._format(self._installation)

    def _format(self, installation: KafkaInstallation) -> None:
        cluster_id = base64.urlsafe_b64encode(b"\0" + uuid.uuid4().bytes[1:]).decode("ascii").rstrip("=")
        command = installation.command(
            "kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(self._properties)
        )
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        if answer.returncode != 0:
            raise DevstackError(
                f"Kafka could not format its data folder {self.folder}; check the free space and rights there. "
                f"It said:\n{(answer.stdout + answer.stderr).strip()[-2000:]}"
            )

    def _command(self) -> list[str]:
        if self._installation is None:
            raise DevstackError("Kafka is not set up; call start().")
        return self._installation.command("kafka.Kafka", str(self._properties), dump_archive_to=self._dump_archive_to)


def set_up_kafka(progress: Progress) -> None:
    """Fetch Kafka and prepare its quick start for this Java; quick when that was done before.

    Raises:
        DevstackError: Java or Maven is missing, Maven could not fetch, or the broker does not start.
    """
    installation = install_kafka(progress)
    with exclusive(LOCAL / "setup.lock"):
        if not installation.archive.exists():
            progress("Preparing Kafka's quick start for this Java (once)")
            _make_archive(installation)


def _make_archive(installation: KafkaInstallation) -> None:
    """Run a broker once and let Java write down the classes that it loaded."""
    draft = installation.archive.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    scratch = KafkaServer(installation.folder / "scratch", dump_archive_to=draft)
    scratch.wipe()
    try:
        scratch.start()
        scratch.stop()
        if draft.exists():
            draft.rename(installation.archive)
    finally:
        if scratch.running:
            scratch.kill()
        scratch.wipe()


def _silent(_: str) -> None:
    """Report no progress: a server that is being started has nobody to tell."""
