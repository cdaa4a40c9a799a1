"""Settings as rows, for the generated documentation and the example environment file."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from bridge.runtime.settings_source import ServiceSettings, variable_of

_UNITS = {"_seconds": "seconds", "_minutes": "minutes", "_bytes": "bytes", "_ratio": "ratio", "_ms": "milliseconds"}
_BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "min_length": "length ≥", "max_length": "length ≤"}


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting. `default` is None where the setting must be given; `unit` and `bound` may be empty."""

    variable: str
    type: str
    default: str | None
    unit: str
    bound: str
    description: str
    fallback: str | None = None


def describe(cls: type[ServiceSettings]) -> list[SettingRow]:
    """Return every setting of a service in declaration order, groups unfolded."""
    return list(_rows(cls, str(cls.model_config.get("env_prefix", "")), ()))


def _rows(model: type[BaseModel], prefix: str, path: tuple[str, ...]) -> Iterator[SettingRow]:
    fallbacks: dict[str, str] = dict(getattr(model, "fallbacks", {}))
    for name, field in model.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from _rows(annotation, prefix, (*path, name))
            continue
        yield SettingRow(
            variable=variable_of(prefix, (*path, name)),
            type=_type_name(annotation),
            default=_default(field),
            unit=next((unit for suffix, unit in _UNITS.items() if name.endswith(suffix)), ""),
            bound=_bound(field),
            description=field.description or "",
            fallback=fallbacks.get(name),
        )


def _type_name(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is Literal:
        return " | ".join(str(value) for value in get_args(annotation))
    if origin in (Union, UnionType):
        return " | ".join(_type_name(part) for part in get_args(annotation) if part is not NoneType)
    if annotation is SecretStr:
        return "secret"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " | ".join(str(member.value) for member in annotation)
    return str(getattr(annotation, "__name__", annotation)).lower()


def _default(field: FieldInfo) -> str | None:
    if field.is_required():
        return None
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value is PydanticUndefined:
        return ""
    return str(value.value if isinstance(value, Enum) else value)


def _bound(field: FieldInfo) -> str:
    parts = [
        f"{sign} {getattr(item, name)}"
        for item in field.metadata
        for name, sign in _BOUNDS.items()
        if getattr(item, name, None) is not None
    ]
    return ", ".join(parts)
