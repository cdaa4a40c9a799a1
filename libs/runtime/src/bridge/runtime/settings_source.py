"""How settings are read: the frozen base of every service's settings, and `load`, which builds them once.

Variables are `<PREFIX><GROUP>__<FIELD>`. Knows no group in particular; those are in `settings`.
"""

import os
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from bridge.runtime.errors import ConfigurationError

NESTED_DELIMITER: Final = "__"


class SettingsGroup(BaseModel):
    """A frozen group; an unknown field is refused, since it is a misspelt one. Errors never repeat a value."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class _FallbackSource(PydanticBaseSettingsSource):
    """Fills a group's address from the variable that platforms already use, below every other source."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        group = field.annotation
        found: dict[str, str] = {}
        if isinstance(group, type) and issubclass(group, BaseModel):
            for name, variable in getattr(group, "fallbacks", {}).items():
                if value := os.environ.get(variable):
                    found[name] = value
        return (found or None), field_name, True

    def __call__(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, field in self.settings_cls.model_fields.items():
            value, key, _ = self.get_field_value(field, name)
            if value is not None:
                values[key] = value
        return values


class ServiceSettings(BaseSettings):
    """Base of every service's `Settings`: frozen, read from the environment under the service's prefix.

    A subclass sets `model_config = SettingsConfigDict(env_prefix="POLLER_")`. Unknown variables under the prefix are
    not refused outside the groups: Kubernetes adds its own, such as POLLER_SERVICE_HOST, for a Service of that name.
    """

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_nested_delimiter=NESTED_DELIMITER,
        env_ignore_empty=True,
        hide_input_in_errors=True,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _FallbackSource(settings_cls)


S = TypeVar("S", bound=ServiceSettings)


def load(cls: type[S]) -> S:
    """Read the settings once from the environment.

    Raises:
        ConfigurationError: One sentence that names every variable that is missing or wrong, never a value.
    """
    prefix = str(cls.model_config.get("env_prefix", ""))
    try:
        return cls()
    except ValidationError as cause:
        problems = "; ".join(_problem(cls, prefix, error["loc"], error["msg"]) for error in cause.errors())
        raise ConfigurationError(f"The settings are not usable: {problems}. Set them and start again.") from None
    except SettingsError as cause:
        # Pydantic's message repeats nothing of the value, but its cause does: drop it.
        raise ConfigurationError(f"The settings are not usable: {cause}. Set them and start again.") from None


def variable_of(prefix: str, path: tuple[str, ...]) -> str:
    """Return the environment variable of a setting."""
    return f"{prefix}{NESTED_DELIMITER.join(path)}".upper()


def _problem(cls: type[BaseSettings], prefix: str, loc: tuple[int | str, ...], message: str) -> str:
    path = tuple(str(part) for part in loc)
    missing_group = len(path) == 1 and message == "Field required" and path[0] in cls.model_fields
    group = cls.model_fields[path[0]].annotation if missing_group else None
    if isinstance(group, type) and issubclass(group, BaseModel):
        names = [name for name, f in group.model_fields.items() if f.is_required()]
        fallbacks: dict[str, str] = dict(getattr(group, "fallbacks", {}))
        others = [fallbacks[name] for name in names if name in fallbacks]
        too = f", and so is {' and '.join(others)}" if others else ""
        return f"{', '.join(variable_of(prefix, (*path, name)) for name in names)}: missing{too}"
    text = "missing" if message == "Field required" else message.removeprefix("Value error, ")
    return f"{variable_of(prefix, path) if path else prefix + '*'}: {text}"
