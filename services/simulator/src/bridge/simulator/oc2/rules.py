"""What OC2 accepts as a customer, as a payment term and as a receipt, field by field.

Owns the limits of the contract document as data, and finds every broken field at once. It must not know
storage or HTTP.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bridge.simulator.exchange import Json, JsonObject

_MAX_DAYS = 365


@dataclass(frozen=True, slots=True)
class FieldError:
    """One broken field, named by its path."""

    field: str
    message: str

    def as_json(self) -> JsonObject:
        """The error as OC2 writes it."""
        return {"field": self.field, "message": self.message}


@dataclass(frozen=True, slots=True)
class Text:
    """A text field: bounds in characters, an optional pattern, null allowed or not."""

    max_length: int | None = None
    min_length: int = 0
    pattern: str | None = None
    nullable: bool = True

    def problem(self, value: Json) -> str | None:
        """What is wrong with the value, None if nothing is."""
        if value is None:
            return None if self.nullable else "must not be null"
        if not isinstance(value, str):
            return "must be a string"
        if len(value) < self.min_length:
            return f"must have at least {self.min_length} character(s)"
        if self.max_length is not None and len(value) > self.max_length:
            return f"must have at most {self.max_length} characters"
        if self.pattern is not None and re.fullmatch(self.pattern, value) is None:
            return f"must match {self.pattern}"
        return None


@dataclass(frozen=True, slots=True)
class Integer:
    """An integer field with optional bounds."""

    minimum: int | None = None
    maximum: int | None = None
    nullable: bool = False

    def problem(self, value: Json) -> str | None:
        """What is wrong with the value, None if nothing is."""
        if value is None:
            return None if self.nullable else "must not be null"
        if isinstance(value, bool) or not isinstance(value, int):
            return "must be an integer"
        if self.minimum is not None and value < self.minimum:
            return f"must be at least {self.minimum}"
        if self.maximum is not None and value > self.maximum:
            return f"must be at most {self.maximum}"
        return None


@dataclass(frozen=True, slots=True)
class Boolean:
    """A field that is true or false."""

    def problem(self, value: Json) -> str | None:
        """What is wrong with the value, None if nothing is."""
        return None if isinstance(value, bool) else "must be true or false"


Rule = Text | Integer | Boolean

ADDRESS: Mapping[str, Rule] = {
    "line1": Text(100),
    "line2": Text(100),
    "postalCode": Text(20),
    "city": Text(60),
    "country": Text(pattern="[A-Z]{2}"),
}
CUSTOMER: Mapping[str, Rule] = {
    "customerNumber": Integer(minimum=1),
    "name": Text(120, min_length=1, nullable=False),
    "active": Boolean(),
    "organizationNumber": Text(20),
    "currency": Text(pattern="[A-Z]{3}", nullable=False),
    "paymentTermId": Integer(nullable=True),
    "phone1": Text(30),
    "email1": Text(254),
    "website": Text(200),
}
TERM: Mapping[str, Rule] = {
    "name": Text(60, min_length=1, nullable=False),
    "days": Integer(minimum=0, maximum=_MAX_DAYS),
}
RECEIPT: Mapping[str, Rule] = {
    "invoiceNumber": Integer(),
    "status": Text(pattern="TRANSFERRED|REJECTED", nullable=False),
    "tripletexInvoiceId": Integer(nullable=True),
    "reason": Text(500),
}
_CUSTOMER_REQUIRED = ("customerNumber", "name", "active", "currency")


def customer_errors(content: Json) -> list[FieldError]:
    """Every broken field of a customer, in the contract's order."""
    if not isinstance(content, dict):
        return [FieldError("", "must be an object")]
    flat = {name: value for name, value in content.items() if name != "invoiceAddress"}
    found = _object_errors(flat, CUSTOMER, required=_CUSTOMER_REQUIRED)
    if "invoiceAddress" in content:
        address = content["invoiceAddress"]
        if isinstance(address, dict):
            found += _object_errors(address, ADDRESS, prefix="invoiceAddress.")
        else:
            found.append(FieldError("invoiceAddress", "must be an object"))
    return found


def term_errors(content: Json) -> list[FieldError]:
    """Every broken field of a new payment term."""
    if not isinstance(content, dict):
        return [FieldError("", "must be an object")]
    return _object_errors(content, TERM, required=tuple(TERM))


def receipt_errors(content: Json, prefix: str) -> list[FieldError]:
    """Every broken field of a receipt, each named with the prefix."""
    if not isinstance(content, dict):
        return [FieldError(prefix.rstrip("."), "must be an object")]
    return _object_errors(content, RECEIPT, required=("invoiceNumber", "status"), prefix=prefix)


def _object_errors(
    content: JsonObject, rules: Mapping[str, Rule], *, required: tuple[str, ...] = (), prefix: str = ""
) -> list[FieldError]:
    missing = [FieldError(prefix + name, "is required") for name in required if name not in content]
    unknown = [FieldError(prefix + name, "is not a known field") for name in content if name not in rules]
    broken = [
        FieldError(prefix + name, problem)
        for name, rule in rules.items()
        if name in content and (problem := rule.problem(content[name])) is not None
    ]
    return [*missing, *broken, *unknown]
