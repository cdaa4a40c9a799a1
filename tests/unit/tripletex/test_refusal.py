"""What a refusal is about: by the fields it names, in all the shapes that were seen."""

import pytest

from bridge.contracts.reasons import Reason
from bridge.remote.outcome import Refused
from bridge.remote.problem import FieldProblem
from bridge.tripletex.refusal import Topic, topics

_VAT = "orders.orderGroups.orderLines.vatType.id,orders.orderLines.vatType.id,orderLines.vatType.id"
_VAT_IN_PROJECT = f"{_VAT},orders.project.orderGroups.orderLines.vatType.id"


def _refused(*fields: str | None) -> Refused:
    complaints = tuple(FieldProblem(field, "Nummeret er i bruk.") for field in fields)
    return Refused(Reason.TARGET_REFUSED, 422, 18000, complaints)


@pytest.mark.parametrize(
    ("fields", "about"),
    [
        (["invoiceNumber"], {Topic.INVOICE_NUMBER}),
        (["orders.number"], {Topic.ORDER_NUMBER}),
        (["number"], {Topic.ORDER_NUMBER}),
        ([None], {Topic.UNNAMED}),
        ([], {Topic.UNNAMED}),
        ([None, "number"], {Topic.UNNAMED, Topic.ORDER_NUMBER}),
        ([_VAT], {Topic.VAT_TYPE}),
        ([_VAT_IN_PROJECT], {Topic.VAT_TYPE}),
        ([_VAT, None], {Topic.VAT_TYPE, Topic.UNNAMED}),
        (["orders.orderLines.vatType.name"], {Topic.OTHER}),
        (["orders.customer.id"], {Topic.CUSTOMER}),
        (["orders.department.id", "orders.project"], {Topic.DEPARTMENT, Topic.PROJECT}),
        (["orders.currency.id"], {Topic.CURRENCY}),
        (["invoiceDate"], {Topic.INVOICE_DATE}),
        (["invoiceDueDate"], {Topic.OTHER}),
        (["kid"], {Topic.KID}),
        (["orders.orderLines.description", "kid"], {Topic.OTHER, Topic.KID}),
        ([""], {Topic.UNNAMED}),
        ([" orders.number , kid"], {Topic.ORDER_NUMBER, Topic.KID}),
    ],
    ids=lambda value: ", ".join(map(str, sorted(value, key=str))) or "none",
)
def test_the_fields_say_what_a_refusal_is_about(fields: list[str | None], about: set[Topic]) -> None:
    assert topics(_refused(*fields)) == about
