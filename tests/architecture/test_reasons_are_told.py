"""Every reason and every stage is one that some service gives: a catalogue of what never happens misleads."""

import re
from pathlib import Path

import pytest

from bridge.contracts.reasons import Reason, Stage

_ROOT = Path(__file__).parents[2]
_GIVERS = [
    path
    for folder in ("libs", "services")
    for path in sorted((_ROOT / folder).glob("*/src/**/*.py"))
    if path.stem not in ("reasons", "reasons_nb") and not {"testkit", "demo", "simulator"} & set(path.parts)
]
_GIVEN = set(re.findall(r"\b(?:Reason|Stage)\.[A-Z_]+\b", "\n".join(path.read_text("utf-8") for path in _GIVERS)))


@pytest.mark.parametrize("code", [*Reason, *Stage])
def test_a_reason_in_the_catalogue_is_given_somewhere(code: Reason | Stage) -> None:
    assert f"{type(code).__name__}.{code.name}" in _GIVEN
