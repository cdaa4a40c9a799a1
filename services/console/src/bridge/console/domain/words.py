"""Ages in words and long texts cut, as people read them."""

from datetime import timedelta
from typing import Final

_UNITS: Final = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
_NOW: Final = "now"
LONGEST: Final = 120


def age(span: timedelta | None) -> str:
    """Return an age in its two largest units, such as `2 h 5 min`; `-` for none, `now` below a second."""
    if span is None:
        return "-"
    seconds = int(span.total_seconds())
    if seconds < 1:
        return _NOW
    parts: list[str] = []
    for unit, size in _UNITS:
        if seconds >= size:
            parts.append(f"{seconds // size} {unit}")
            seconds %= size
        elif parts:
            break
    return " ".join(parts[:2])


def ago(span: timedelta) -> str:
    """Return how long ago something was, such as `2 h 5 min ago`; `now` below a second."""
    said = age(span)
    return said if said == _NOW else f"{said} ago"


def cut(text: str, longest: int = LONGEST) -> str:
    """Return the text on one line and no longer than this; what was cut shows as `…`."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"
