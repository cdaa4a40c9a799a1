"""`python /opt/probe.py URL`: fail unless the address answers well. The images have no other HTTP client."""

import sys
import urllib.error
import urllib.request

_SECONDS = 3.0


def main(url: str) -> int:
    """Return 0 for a good answer; print what came instead of one, which `docker inspect` shows."""
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS):  # noqa: S310 (the address stands in docker-compose.yml)
            return 0
    except urllib.error.HTTPError as answer:
        print(answer.code, answer.read().decode(errors="replace"))  # noqa: T201 (a command's answer)
    except OSError as error:
        print(error)  # noqa: T201 (a command's answer)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
