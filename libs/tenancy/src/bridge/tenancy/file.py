"""The tenant file: its schema, and reading it with errors that name the key's path.

Owns the YAML form. Errors never quote the file: someone may have pasted a secret where a reference belongs.
"""

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from bridge.contracts.identity import TENANT_PATTERN, TenantId
from bridge.runtime.errors import ConfigurationError
from bridge.tenancy.tenant import FrozenModel, TenantSpec, UrlRules

_PHRASES: Final[Mapping[str, str]] = {
    "extra_forbidden": "unknown key",
    "missing": "missing",
    "model_type": "keys with values are expected here",
    "too_short": "the list is empty",
    "tuple_type": "a list is expected here",
}


class TenantFileError(ConfigurationError):
    """The tenant file cannot be used; nothing was changed."""


class TenantEntry(TenantSpec):
    """One tenant in the file."""

    id: Annotated[
        str,
        Field(
            strict=True, pattern=f"^{TENANT_PATTERN.pattern}$", description="Short name; never changes, never reused"
        ),
    ]
    name: Annotated[str, Field(strict=True, min_length=1, max_length=120, description="The company's name, for people")]
    paused: Annotated[bool, Field(strict=True, description="Whether polling and delivery rest")] = False

    @property
    def tenant(self) -> TenantId:
        return TenantId(self.id)

    @property
    def spec(self) -> TenantSpec:
        """The part that is stored as the tenant's spec."""
        return TenantSpec(
            poll_interval=self.poll_interval,
            tripletex=self.tripletex,
            oc2=self.oc2,
            flows=self.flows,
            language=self.language,
        )


class TenantFile(FrozenModel):
    """The whole file: every tenant of this cell. One that is left out is removed."""

    tenants: tuple[TenantEntry, ...]

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        seen: set[str] = set()
        for entry in self.tenants:
            if entry.id in seen:
                raise ValueError(f"tenant {entry.id} is declared twice")
            seen.add(entry.id)
        return self


def read_tenant_file(path: Path, *, allow_loopback: bool = False) -> TenantFile:
    """Read and check a tenant file.

    Raises:
        TenantFileError: One line per problem, each with the key's path, such as `tenants[2].oc2.base_url`.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise TenantFileError(f"The tenant file {path} cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise TenantFileError(f"The tenant file {path} is not UTF-8 text.") from None
    return parse_tenant_file(text, name=str(path), allow_loopback=allow_loopback)


def parse_tenant_file(text: str, *, name: str, allow_loopback: bool = False) -> TenantFile:
    """Check the text of a tenant file; `name` is what errors call it. Raises as `read_tenant_file` does."""
    try:
        document = yaml.load(text, _UniqueKeyLoader)  # noqa: S506 (a SafeLoader that also refuses repeated keys)
    except yaml.MarkedYAMLError as error:
        raise TenantFileError(f"The tenant file {name} is not valid YAML: {_yaml_problem(error)}.") from None
    except yaml.YAMLError:
        raise TenantFileError(f"The tenant file {name} is not valid YAML.") from None
    try:
        return TenantFile.model_validate(document, context=UrlRules(allow_loopback=allow_loopback))
    except ValidationError as error:
        problems = error.errors()
        places = [each["loc"] for each in problems]
        lines = [
            f"{_path(each['loc'])}: {_phrase(each['type'], each['msg'])}"
            for each in problems
            if not (each["type"] == "too_short" and _holds_another(each["loc"], places))
        ]
        raise TenantFileError(f"The tenant file {name} cannot be used: " + "; ".join(lines) + ".") from None


class _UniqueKeyLoader(yaml.SafeLoader):
    """Refuses a key that is repeated in one mapping; YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.MarkedYAMLError(problem=f"key {key.value!r} appears twice", problem_mark=key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def _yaml_problem(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark
    place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
    return f"{error.problem or 'it cannot be parsed'}{place}"


def _path(loc: tuple[int | str, ...]) -> str:
    path = ""
    for part in loc:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path.lstrip(".") or "(the whole file)"


def _holds_another(loc: tuple[int | str, ...], places: Sequence[tuple[int | str, ...]]) -> bool:
    """Tell whether something in this list is at fault: it is too short then only since that was not counted."""
    return any(len(place) > len(loc) and place[: len(loc)] == loc for place in places)


def _phrase(kind: str, message: str) -> str:
    return _PHRASES.get(kind) or message.removeprefix("Value error, ")
