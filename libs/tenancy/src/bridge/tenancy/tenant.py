"""What a tenant is to the services: identity, place, state, and where its two systems are.

Owns the values. Knows neither the file nor the table they come from.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from bridge.contracts.identity import Flow, Shard, TenantId
from bridge.tenancy.secrets import SecretRef
from bridge.tenancy.url import TRIPLETEX_DOMAINS, check_url


class FrozenModel(BaseModel):
    """Frozen, strict about keys, and silent about values in its errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Language(StrEnum):
    """The language of what a tenant's people read: the reasons on receipts."""

    NORWEGIAN = "nb"
    ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class UrlRules:
    """Given as validation context where addresses are to be checked; without it they are taken as stored."""

    allow_loopback: bool


class TripletexSpec(FrozenModel):
    """The tenant's company at Tripletex."""

    base_url: Annotated[str, Field(description="Address of the API, such as https://tripletex.no/v2")]
    company_id: Annotated[int, Field(strict=True, ge=1, description="Id that whoAmI must answer; pins the company")]
    consumer_token: Annotated[SecretRef, Field(description="Where the consumer token is")]
    employee_token: Annotated[SecretRef, Field(description="Where the employee token is")]

    @field_validator("base_url")
    @classmethod
    def _base_url_is_tripletex(cls, value: str, info: ValidationInfo) -> str:
        return _checked(value, info, domains=TRIPLETEX_DOMAINS)

    @property
    def host(self) -> str:
        """The host name, as host gates name it."""
        return urlsplit(self.base_url).netloc


class Oc2Spec(FrozenModel):
    """The tenant's OC2."""

    base_url: Annotated[str, Field(description="Address of the API, such as https://acme.oc2.example/api")]
    api_key: Annotated[SecretRef, Field(description="Where the API key is")]

    @field_validator("base_url")
    @classmethod
    def _base_url_is_public(cls, value: str, info: ValidationInfo) -> str:
        return _checked(value, info)

    @property
    def host(self) -> str:
        """The host name, as host gates name it."""
        return urlsplit(self.base_url).netloc


class TenantSpec(FrozenModel):
    """What the file says about a tenant, apart from its id, name and pause."""

    poll_interval: Annotated[float, Field(ge=0.2, le=86_400, description="Seconds between two polls")] = 60.0
    tripletex: TripletexSpec
    oc2: Oc2Spec
    flows: Annotated[tuple[Flow, ...], Field(min_length=1, description="Which flows are carried")] = (Flow.CUSTOMERS,)
    language: Annotated[Language, Field(description="Of the reasons on receipts: nb or en")] = Language.NORWEGIAN

    @field_validator("flows")
    @classmethod
    def _flows_are_carried(cls, value: tuple[Flow, ...]) -> tuple[Flow, ...]:
        if len(set(value)) != len(value):
            raise ValueError("a flow is named twice")
        return value


@dataclass(frozen=True, slots=True)
class LedgerFloor:
    """Up to which invoice number Tripletex may hold what nothing here knows of; `number` is None for every number.

    `set_at`: what was on its way by then may still arrive until it has settled.
    """

    number: int | None
    set_at: datetime

    def covers(self, invoice: int) -> bool:
        """Whether an invoice must be looked up before it is first sent."""
        return self.number is None or invoice <= self.number


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant as it stands in the table. `changed_xid` moves with every change of the row."""

    id: TenantId
    shard: Shard
    name: str
    spec: TenantSpec
    paused: bool
    live: bool
    removed: bool
    ledger_floor: LedgerFloor
    changed_xid: int


def _checked(value: str, info: ValidationInfo, domains: tuple[str, ...] = ()) -> str:
    rules = info.context
    return (
        check_url(value, allow_loopback=rules.allow_loopback, domains=domains) if isinstance(rules, UrlRules) else value
    )
