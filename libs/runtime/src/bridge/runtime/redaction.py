"""What must not be seen: names that hold secrets, and secret values known to this process."""

import re
from collections.abc import Mapping
from typing import Final

from pydantic import SecretStr

MASK: Final = "***"
_SECRET_KEY: Final = re.compile(
    r"token|password|passwd|secret|authorization|api[_-]?key|cookie|credential", re.IGNORECASE
)
_URL_PASSWORD: Final = re.compile(r"(?<=://)([^:/@\s]*):[^@/\s]+@")
_SHORTEST_SECRET: Final = 6
"""A shorter value would blank out ordinary words in every line."""

_values: set[str] = set()


def register_secret(value: SecretStr | str) -> None:
    """Mask this value in everything that is logged or traced from now on, wherever it appears."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if len(text) >= _SHORTEST_SECRET:
        _values.add(text)


def redact_text(text: str) -> str:
    """Mask registered values and passwords inside URLs."""
    # The longest first: a secret that contains another must go as a whole.
    for value in sorted(_values, key=len, reverse=True):
        text = text.replace(value, MASK)
    return _URL_PASSWORD.sub(rf"\1:{MASK}@", text)


def redact(value: object, *, key: str = "") -> object:
    """Mask a value by its name, or inside it, through mappings and sequences."""
    if key and _SECRET_KEY.search(key):
        return MASK
    match value:
        case SecretStr():
            return MASK
        case str():
            return redact_text(value)
        case bytes():
            return redact_text(value.decode("utf-8", errors="replace"))
        case Mapping():
            return {str(name): redact(inner, key=str(name)) for name, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [redact(inner) for inner in value]
        case None | bool() | int() | float():
            return value
        case _:
            return redact_text(str(value))
