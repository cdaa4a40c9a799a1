"""References to secrets, and reading them.

Owns the step from a reference to a `SecretStr`. A secret is read anew at each log-in, so a new one works without a
restart. Errors name tenant and place, never content.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, SecretStr, model_validator

from bridge.contracts.identity import TenantId
from bridge.runtime.errors import BridgeError
from bridge.runtime.logging import register_secret

_MAX_BYTES: Final = 16 * 1024
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class SecretRef(BaseModel):
    """Where a secret is: exactly one of an absolute file path and the name of an environment variable."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    file: str | None = None
    env: str | None = None

    @model_validator(mode="after")
    def _is_one_place(self) -> Self:
        if (self.file is None) == (self.env is None):
            raise ValueError("needs exactly one of 'file' and 'env'")
        if self.file is not None and not Path(self.file).is_absolute():
            raise ValueError("'file' must be an absolute path")
        if self.env is not None and not _VARIABLE.fullmatch(self.env):
            raise ValueError("'env' must be the name of an environment variable")
        return self

    def __str__(self) -> str:
        return f"file {self.file}" if self.file is not None else f"variable {self.env}"


class SecretMissingError(BridgeError):
    """A secret cannot be had. The message names tenant and place."""

    def __init__(self, *, tenant: TenantId, ref: SecretRef, problem: str) -> None:
        self.tenant = tenant
        super().__init__(f"The secret of tenant {tenant} in {ref} {problem}. Provide it; no restart is needed.")


def read(ref: SecretRef, *, tenant: TenantId, environ: Mapping[str, str] = os.environ) -> SecretStr:
    """Return the secret as it is now, without a byte order mark and line ends behind it.

    Secrets are opaque: any text that is not blank and has no line break or control character inside is one.

    Raises:
        SecretMissingError: Not there, not readable, blank, or no single line of UTF-8 text.
    """
    text = _from_file(ref, ref.file, tenant) if ref.file is not None else _from_variable(ref, environ, tenant)
    value = text.removeprefix("\ufeff").rstrip("\r\n")
    if not value.strip():
        raise SecretMissingError(tenant=tenant, ref=ref, problem="is empty")
    if not value.isprintable():
        raise SecretMissingError(tenant=tenant, ref=ref, problem="holds a line break or another control character")
    register_secret(value)
    return SecretStr(value)


def _from_file(ref: SecretRef, path: str, tenant: TenantId) -> str:
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise SecretMissingError(tenant=tenant, ref=ref, problem=f"cannot be read ({error.strerror})") from None
    if len(content) > _MAX_BYTES:
        raise SecretMissingError(tenant=tenant, ref=ref, problem=f"is longer than {_MAX_BYTES} bytes")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise SecretMissingError(tenant=tenant, ref=ref, problem="is not UTF-8 text") from None


def _from_variable(ref: SecretRef, environ: Mapping[str, str], tenant: TenantId) -> str:
    value = environ.get(ref.env or "")
    if value is None:
        raise SecretMissingError(tenant=tenant, ref=ref, problem="is not set")
    return value
