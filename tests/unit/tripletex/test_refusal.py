"""What a refusal is about: by the fields it names, in all the shapes that were seen."""

import pytest

from bridge.contracts.reasons import Reason
from bridge.remote.outcome import Refused
from bridge.remote.problem import FieldProblem
from bridge.tripletex.refusal import Topic, may_be_there, topics

_VAT = "orders.orderGroups.orderLines.vatType.id,orders.orderLines.vatType.id,orderLines.vatType.id"
_VAT_IN_PROJECT = f"{_VAT},orders.project.orderGroups.orderLines.vatType.id"


def _refused(*fields: str | None, status: int = 422) -> Refused:
    return Refused(
        Reason.TARGET_REFUSED, status, 18000, tuple(FieldProblem(field, "Nummeret er i bruk.") for field in fields)
    )


@pytest.mark.parametrize(
    ("fields", "about", "look_up"),
    [
        (["invoiceNumber"], {Topic.INVOICE_NUMBER}, True),
        (["orders.number"], {Topic.ORDER_NUMBER}, True),
        (["number"], {Topic.ORDER_NUMBER}, True),
        ([None], {Topic.UNNAMED}, True),
        ([], {Topic.UNNAMED}, True),
        ([None, "number"], {Topic.UNNAMED, Topic.ORDER_NUMBER}, True),
        ([_VAT], {Topic.VAT_TYPE}, False),
        ([_VAT_IN_PROJECT], {Topic.VAT_TYPE}, False),
        ([_VAT, None], {Topic.VAT_TYPE, Topic.UNNAMED}, True),
        (["orders.orderLines.vatType.name"], {Topic.OTHER}, False),
        (["orders.customer.id"], {Topic.CUSTOMER}, False),
        (["orders.department.id", "orders.project"], {Topic.DEPARTMENT, Topic.PROJECT}, False),
        (["orders.currency.id"], {Topic.CURRENCY}, False),
        (["invoiceDate"], {Topic.INVOICE_DATE}, False),
        (["invoiceDueDate"], {Topic.OTHER}, False),
        (["kid"], {Topic.KID}, False),
        (["orders.orderLines.description", "kid"], {Topic.OTHER, Topic.KID}, False),
        ([""], {Topic.UNNAMED}, True),
        ([" orders.number , kid"], {Topic.ORDER_NUMBER, Topic.KID}, True),
    ],
    ids=str,
)
def test_the_fields_say_what_a_refusal_is_about(fields: list[str | None], about: set[Topic], look_up: bool) -> None:
    assert topics(_refused(*fields)) == about
    assert may_be_there(_refused(*fields)) is look_up


def test_a_missing_right_is_no_proof_of_absence() -> None:
    assert may_be_there(_refused("kid", status=403))
