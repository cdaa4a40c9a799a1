"""What a refusal is about, told by the fields that it names.

Pure. Never by its text, which follows the employee's language. A field may be a comma list of several paths, and a
message may name none: then the refusal alone does not tell what is wrong, and safe calls must.
"""

from enum import StrEnum
from typing import Final

from bridge.remote.outcome import Refused


class Topic(StrEnum):
    """What a complaint is about."""

    INVOICE_NUMBER = "invoice_number"
    ORDER_NUMBER = "order_number"
    VAT_TYPE = "vat_type"
    CUSTOMER = "customer"
    DEPARTMENT = "department"
    PROJECT = "project"
    CURRENCY = "currency"
    INVOICE_DATE = "invoice_date"
    KID = "kid"
    UNNAMED = "unnamed"
    """No field is named: a bank account, a sending method, a number in use, a closed order all look like this."""
    OTHER = "other"


_BY_END: Final = {
    ("invoiceNumber",): Topic.INVOICE_NUMBER,
    # Of the fields called number only the order's is part of the body.
    ("number",): Topic.ORDER_NUMBER,
    ("vatType", "id"): Topic.VAT_TYPE,
    ("vatType",): Topic.VAT_TYPE,
    ("customer", "id"): Topic.CUSTOMER,
    ("customer",): Topic.CUSTOMER,
    ("department", "id"): Topic.DEPARTMENT,
    ("department",): Topic.DEPARTMENT,
    ("project", "id"): Topic.PROJECT,
    ("project",): Topic.PROJECT,
    ("currency", "id"): Topic.CURRENCY,
    ("currency",): Topic.CURRENCY,
    ("invoiceDate",): Topic.INVOICE_DATE,
    ("kid",): Topic.KID,
}


def topics(refused: Refused) -> frozenset[Topic]:
    """Return everything the refusal complains of; `UNNAMED` if it holds no complaint at all."""
    return frozenset(topic for complaint in refused.fields for topic in _of_field(complaint.field or "")) or frozenset(
        {Topic.UNNAMED}
    )


def _of_field(field: str) -> frozenset[Topic]:
    return frozenset(map(_of_path, field.split(",")))


def _of_path(path: str) -> Topic:
    parts = tuple(path.strip().split("."))
    if parts == ("",):
        return Topic.UNNAMED
    # The longest end that is known: a name inside a VAT type is not the VAT type.
    return _BY_END.get(parts[-2:]) or _BY_END.get(parts[-1:]) or Topic.OTHER
