"""OC2's invoice batches over HTTP: the list of batches, a batch's invoices, and its receipts.

Owns these routes of the contract document. A batch that is not shown yet, or archived, is not found.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bridge.simulator.exchange import Answer, Json, JsonObject, Request, as_object
from bridge.simulator.oc2.batches import Batch, BatchState, number_of
from bridge.simulator.oc2.problem import Problem, body_of, integer_param, json_answer
from bridge.simulator.oc2.rules import FieldError, receipt_errors
from bridge.simulator.oc2.state import Tenant

_MAX_RECEIPTS = 500
_ONE_BATCH = re.compile(r"/v1/invoice-batches/(\d+)/(invoices|receipts)")


@dataclass(frozen=True, slots=True)
class BatchView:
    """What misbehaving lists show instead of the truth.

    Attributes:
        hidden_batches, hidden_invoices: Numbers that are silently absent from lists.
        shift: How many rows too far a page of invoices starts.
    """

    hidden_batches: frozenset[int] = frozenset()
    hidden_invoices: frozenset[int] = frozenset()
    shift: int = 0


HONEST = BatchView()


def batch_number_of(request: Request) -> int | None:
    """The batch that the path names, None if it names none."""
    found = _ONE_BATCH.fullmatch(request.path)
    return None if found is None else int(found.group(1))


def batch_answer(tenant: Tenant, request: Request, view: BatchView, *, at: float) -> Answer:
    """The answer, with its effect done.

    Raises:
        Problem: 404 if the path is none of these or no such batch is shown; 405; 422.
    """
    if request.path == "/v1/invoice-batches":
        _only(request, "GET")
        return list_batches(tenant, request, view)
    found = _ONE_BATCH.fullmatch(request.path)
    if found is None:
        raise Problem(404, "Not Found")
    batch = tenant.batches.by_number.get(int(found.group(1)))
    if batch is None or not batch.reachable:
        raise Problem(404, "Not Found", detail=f"No batch has number {found.group(1)}")
    if found.group(2) == "invoices":
        _only(request, "GET")
        return list_invoices(batch, request, view)
    _only(request, "GET", "POST")
    return list_receipts(batch, request) if request.method == "GET" else post_receipts(tenant, batch, request, at=at)


def _only(request: Request, *methods: str) -> None:
    if request.method not in methods:
        raise Problem(405, "Method Not Allowed", headers={"Allow": ", ".join(methods)})


def list_batches(tenant: Tenant, request: Request, view: BatchView) -> Answer:
    """GET /v1/invoice-batches: of one state, in ascending number."""
    state = request.param("state") or BatchState.GENERATED.value
    if state not in {member.value for member in BatchState}:
        raise Problem(422, "Unprocessable Content", errors=[FieldError("state", "must be GENERATED or TRANSFERRED")])
    after = integer_param(request, "afterBatch", minimum=0) or 0
    limit = integer_param(request, "limit", minimum=1, maximum=100) or 50
    batches = [tenant.batches.by_number[number] for number in sorted(tenant.batches.by_number)]
    shown: list[Json] = [
        batch.as_json()
        for batch in batches
        if batch.reachable
        and batch.number > after
        and batch.state.value == state
        and batch.number not in view.hidden_batches
    ]
    return json_answer(200, {"values": shown[:limit]})


def list_invoices(batch: Batch, request: Request, view: BatchView) -> Answer:
    """GET …/invoices: in ascending invoice number; `total` counts those that a fault hides, too."""
    rows = [row for row in batch.ordered_rows() if number_of(row) not in view.hidden_invoices]
    total = len(batch.rows) if batch.total is None else batch.total
    return _page(rows, request, total=total, shift=view.shift)


def list_receipts(batch: Batch, request: Request) -> Answer:
    """GET …/receipts: the newest of each invoice that is in the batch and has one."""
    numbers = sorted(set(batch.numbers()) & set(batch.newest))
    rows: list[Json] = [batch.newest[number].content for number in numbers]
    return _page(rows, request, total=len(rows))


def _page(rows: Sequence[Json], request: Request, *, total: int, shift: int = 0) -> Answer:
    offset = integer_param(request, "offset", minimum=0) or 0
    limit = integer_param(request, "limit", minimum=1, maximum=500) or 200
    first = max(0, offset + shift)
    return json_answer(200, {"total": total, "values": [*rows[first : first + limit]]})


def post_receipts(tenant: Tenant, batch: Batch, request: Request, *, at: float) -> Answer:
    """POST …/receipts: all of the list or, if one is malformed or not of this batch, none."""
    body = as_object(body_of(request))
    rows = body.get("receipts")
    if not isinstance(rows, list) or not 1 <= len(rows) <= _MAX_RECEIPTS:
        error = FieldError("receipts", f"must be a list of 1 to {_MAX_RECEIPTS} receipts")
        raise Problem(422, "Unprocessable Content", errors=[error])
    in_batch = set(batch.numbers())
    found: list[FieldError] = []
    contents: list[JsonObject] = []
    for index, row in enumerate(rows):
        found += receipt_errors(row, f"receipts[{index}].")
        if number_of(row) not in in_batch:
            found.append(FieldError(f"receipts[{index}].invoiceNumber", "is not in the batch"))
        contents.append(as_object(row))
    if found:
        raise Problem(422, "Unprocessable Content", errors=found)
    tenant.batches.record(batch, contents, at=at)
    return Answer(204)
