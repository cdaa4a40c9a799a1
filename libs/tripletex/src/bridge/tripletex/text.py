"""The one rule by which texts of the source are normalised.

Pure. Normal form C, so that composed and decomposed spellings of a letter are one text; byte-order marks and white
space trimmed at both ends; empty is absent. Everything between stays as it came: inner spaces, line breaks,
wrongly decoded letters. Applying the rule twice changes nothing.
"""

import re
import unicodedata
from typing import Final

_OUTER: Final = re.compile("^[\\s\ufeff]+|[\\s\ufeff]+$")


class UnstorableTextError(ValueError):
    """The text holds a character that no event or table can carry: half a surrogate pair, or U+0000."""


def normalise(text: str) -> str | None:
    """Return the text in normal form, None if nothing is left.

    Raises:
        UnstorableTextError: It holds a lone surrogate or U+0000.
    """
    if "\x00" in text:
        raise UnstorableTextError("holds the character U+0000")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UnstorableTextError("holds half of a surrogate pair") from None
    return unicodedata.normalize("NFC", _OUTER.sub("", text)) or None
