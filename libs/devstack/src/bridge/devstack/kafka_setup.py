"""Getting the broker's class files, once per checkout.

Owns the installation below `.local`: the pinned jars, and per Java build an archive of loaded classes that
halves the start. Every step ends in one rename, so a cut-off set-up is repeated and never looks finished.
Must not know how a broker is configured.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bridge.devstack.errors import DevstackError
from bridge.devstack.files import exclusive
from bridge.devstack.java import Java, find_java, find_maven
from bridge.devstack.layout import KAFKA_SOURCES, LOCAL

_POM = KAFKA_SOURCES / "pom.xml"
_LOGGING = KAFKA_SOURCES / "log4j2.properties"
_JVM_FLAGS = ("-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_FETCH_TIMEOUT_SECONDS = 600

Progress = Callable[[str], None]
"""Takes one line that tells a person what is being waited for."""


@dataclass(frozen=True, slots=True)
class KafkaInstallation:
    """The class files of one pinned Kafka and the Java that runs them."""

    java: Java
    folder: Path

    @property
    def jars(self) -> list[Path]:
        """The class path, in a fixed order: an archive of classes fits one order only."""
        return sorted((self.folder / "libs").glob("*.jar"))

    @property
    def archive(self) -> Path:
        """The archive of loaded classes for this Java; it need not exist."""
        key = hashlib.sha256("\n".join([self.java.build, *_JVM_FLAGS]).encode()).hexdigest()[:12]
        return self.folder / f"classes-{key}.jsa"

    def command(self, main_class: str, *arguments: str, dump_archive_to: Path | None = None) -> list[str]:
        """Return the command line that runs a main class of Kafka."""
        sharing: list[str] = []
        if dump_archive_to is not None:
            sharing = [f"-XX:ArchiveClassesAtExit={dump_archive_to}"]
        elif self.archive.exists():
            sharing = [f"-XX:SharedArchiveFile={self.archive}"]
        class_path = os.pathsep.join(str(jar) for jar in self.jars)
        logging = f"-Dlog4j2.configurationFile={_LOGGING}"
        java = str(self.java.executable)
        return [java, *_JVM_FLAGS, *sharing, logging, "-cp", class_path, main_class, *arguments]


def kafka_version() -> str:
    """Return the Kafka version that the pom pins."""
    found = re.search(r"<kafka\.version>([^<]+)<", _POM.read_text(encoding="utf-8"))
    if found is None:
        raise DevstackError(f"{_POM} names no kafka.version; restore the file from git.")
    return found[1]


def install_kafka(progress: Progress) -> KafkaInstallation:
    """Return the pinned Kafka, fetching it first if need be; quick when it is there.

    Raises:
        DevstackError: Java or Maven is missing, or Maven could not fetch.
    """
    java = find_java()
    pom_key = hashlib.sha256(_POM.read_bytes()).hexdigest()[:12]
    installation = KafkaInstallation(java=java, folder=LOCAL / f"kafka-{kafka_version()}-{pom_key}")
    if installation.folder.exists():
        return installation
    with exclusive(LOCAL / "setup.lock"):
        if not installation.folder.exists():
            _fetch(installation.folder, progress)
    return installation


def _fetch(folder: Path, progress: Progress) -> None:
    maven = find_maven()
    progress(f"Fetching Kafka {kafka_version()} with Maven (about 60 MB, once)")
    draft = Path(tempfile.mkdtemp(prefix="kafka-draft-", dir=folder.parent))
    try:
        answer = subprocess.run(
            [
                *(str(maven), "-q", "-B", "--strict-checksums", "-f", str(_POM)),
                *("dependency:copy-dependencies", "-DincludeScope=runtime"),
                f"-DoutputDirectory={draft / 'libs'}",
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=_FETCH_TIMEOUT_SECONDS,
        )
        if answer.returncode != 0:
            raise DevstackError(
                "Maven could not fetch Kafka; check the network and Maven's settings, then run the set-up again. "
                f"Maven said:\n{(answer.stdout + answer.stderr).strip()[-2000:]}"
            )
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
