"""Finding Java and Maven, and saying in one sentence what to do when one is missing.

Must not know how the broker is started or set up.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bridge.devstack.errors import DevstackError

_OLDEST_JAVA = 17
_WAYS_OUT = "or set KAFKA_BOOTSTRAP_SERVERS to a Kafka that runs already (host:port) and nothing will be installed."
_JAVA_WAYS_OUT = f"install Java 17 or newer (Debian and Ubuntu: apt-get install openjdk-17-jre-headless) {_WAYS_OUT}"


@dataclass(frozen=True, slots=True)
class Java:
    """A Java runtime that can run the broker; `build` names its exact build."""

    executable: Path
    build: str


def find_java() -> Java:
    """Return the Java of JAVA_HOME, else of PATH.

    Raises:
        DevstackError: There is none, or it is older than 17.
    """
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=str(Path(home) / "bin")) if home else shutil.which("java")
    if found is None:
        raise DevstackError(f"Kafka needs Java and none was found: {_JAVA_WAYS_OUT}")
    answer = subprocess.run([found, "-version"], capture_output=True, text=True, check=False)
    build = answer.stderr.strip()
    version = re.search(r'version "(\d+)', build)
    if answer.returncode != 0 or version is None or int(version[1]) < _OLDEST_JAVA:
        said = build.splitlines()[0] if build else "nothing"
        raise DevstackError(f"Kafka needs Java 17 or newer but {found} says “{said}”: {_JAVA_WAYS_OUT}")
    return Java(executable=Path(found), build=build)


def find_maven() -> Path:
    """Return the Maven of PATH.

    Raises:
        DevstackError: There is none.
    """
    found = shutil.which("mvn")
    if found is None:
        raise DevstackError(
            "Kafka is fetched by Maven and no mvn was found: install Maven "
            f"(Debian and Ubuntu: apt-get install maven) {_WAYS_OUT}"
        )
    return Path(found)
