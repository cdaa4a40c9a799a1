"""Receipts: what OC2 is told about the invoices of a batch, and what it was told last.

A receipt is state, not a message: sending one again changes nothing, and the newest of an invoice stands.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bridge.oc2.access import Oc2Tenant
from bridge.oc2.calls import Oc2Calls
from bridge.oc2.failing import failure
from bridge.remote.classify import CallKind
from bridge.remote.outcome import Applied, Outcome, Refused

MAX_RECEIPTS: Final = 500
MAX_REASON: Final = 500


class ReceiptStatus(StrEnum):
    """What became of an invoice, in OC2's words."""

    TRANSFERRED = "TRANSFERRED"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True)
class Receipt:
    """One invoice's receipt: the id at Tripletex if it was transferred, a reason for people if it was rejected."""

    invoice_number: int
    status: ReceiptStatus
    tripletex_invoice_id: int | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        if self.reason is not None and len(self.reason) > MAX_REASON:
            raise ValueError(f"a reason holds at most {MAX_REASON} characters, not {len(self.reason)}")


class ReceiptCalls(Oc2Calls):
    """`/v1/invoice-batches/{batchNumber}/receipts`."""

    async def post_receipts(
        self, tenant: Oc2Tenant, batch: int, receipts: Sequence[Receipt], *, not_after: float | None = None
    ) -> Outcome:
        """Tell OC2 what became of up to 500 invoices of one batch, all of them or none.

        `Refused` with status 404: OC2 has archived the batch and wants no receipt any more. `Refused` with 422: one of
        the list is not of this batch, so none was recorded.

        Args:
            tenant: Whose OC2.
            batch: The batch's number.
            receipts: Of different invoices.
            not_after: Boot seconds after which the first byte must not leave.
        """
        if not 1 <= len(receipts) <= MAX_RECEIPTS:
            raise ValueError(f"a list holds 1 to {MAX_RECEIPTS} receipts, not {len(receipts)}")
        body = {"receipts": [_body(receipt) for receipt in receipts]}
        return await self._write(tenant, "POST", _path(batch), CallKind.PUT_INSIDE, body, not_after)

    async def list_receipts(self, tenant: Oc2Tenant, batch: int) -> Mapping[int, Receipt] | None:
        """Return the newest receipt of each invoice that has one, by invoice number; None if OC2 has no such batch.

        Raises:
            CredentialsRefusedError, RightsMissingError: Close the gate.
            RateLimitedError: Come back after `retry_after`.
            TargetUnavailableError: Try again later.
        """
        what = f"receipts of batch {batch}"
        found: dict[int, Receipt] = {}
        offset = 0
        while True:
            outcome = await self._read(tenant, _path(batch), (("offset", str(offset)), ("limit", str(MAX_RECEIPTS))))
            if isinstance(outcome, Refused) and outcome.status == 404:
                return None
            page = _page(outcome)
            if page is None or (page and page[-1].invoice_number in found):
                # A page that came before would come for ever.
                raise failure(tenant, outcome, what)
            found |= {receipt.invoice_number: receipt for receipt in page}
            offset += len(page)
            if len(page) < MAX_RECEIPTS:
                return found


def _path(batch: int) -> str:
    return f"/v1/invoice-batches/{batch}/receipts"


def _body(receipt: Receipt) -> Mapping[str, object]:
    return {
        "invoiceNumber": receipt.invoice_number,
        "status": receipt.status.value,
        "tripletexInvoiceId": receipt.tripletex_invoice_id,
        "reason": receipt.reason,
    }


def _page(outcome: Outcome) -> list[Receipt] | None:
    body = outcome.body if isinstance(outcome, Applied) else None
    values = body.get("values") if isinstance(body, Mapping) else None
    read = [_receipt(value) for value in values] if isinstance(values, list) else [None]
    receipts = [receipt for receipt in read if receipt is not None]
    return receipts if len(receipts) == len(read) else None


def _receipt(value: object) -> Receipt | None:
    if not isinstance(value, Mapping):
        return None
    number, status = value.get("invoiceNumber"), value.get("status")
    if type(number) is not int or status not in list(ReceiptStatus):
        return None
    remote, reason = value.get("tripletexInvoiceId"), value.get("reason")
    return Receipt(
        number,
        ReceiptStatus(status),
        remote if type(remote) is int else None,
        reason[:MAX_REASON] if isinstance(reason, str) else None,
    )
