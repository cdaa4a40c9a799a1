"""An answer's bytes as JSON, by the charset the answer declares.

Owns decoding. Bytes that are not what they claim to be are a failure of that one call; no letter is ever replaced.
"""

import json
import re
from decimal import Decimal
from typing import Final, NoReturn

from bridge.remote.http import HttpAnswer

_CHARSET: Final = re.compile(r"charset\s*=\s*\"?([A-Za-z0-9_.:-]+)", re.IGNORECASE)


class MalformedAnswerError(ValueError):
    """The body is not JSON in the charset declared; the message never quotes it."""


def json_body(answer: HttpAnswer, *, decimals: bool = False) -> object:
    """Return the body as JSON values.

    Args:
        answer: Whose body.
        decimals: Whether a number with a fraction or an exponent is read as an exact `Decimal` instead of a float.

    Raises:
        MalformedAnswerError: Not JSON (an HTML page, a cut body), unknown charset, or bytes that the charset forbids.
    """
    try:
        text = answer.body.decode(_charset(answer))
        value: object = json.loads(
            text.removeprefix("\ufeff"),
            parse_constant=_refuse_constant,
            parse_float=Decimal if decimals else None,
        )
    except LookupError as cause:
        raise MalformedAnswerError("the answer declares a charset that does not exist") from cause
    except UnicodeDecodeError:
        # The original error carries the whole body, so it is not kept as the cause.
        raise MalformedAnswerError("the answer holds bytes that its charset does not allow") from None
    except (ValueError, RecursionError):
        raise MalformedAnswerError("the answer is not JSON") from None
    return value


def _charset(answer: HttpAnswer) -> str:
    found = _CHARSET.search(answer.headers.get("content-type", ""))
    return found.group(1) if found else "utf-8"


def _refuse_constant(_name: str) -> NoReturn:
    # NaN and Infinity are Python's own extension of JSON.
    raise ValueError("not JSON")
