"""The mark by which an order of ours is found again although its invoice was never made.

Pure. It stands in the order's `deliveryComment`, the one field of ours that Tripletex can search. The search is
"contains", so the mark is closed on both sides: that of invoice 104 is no part of that of invoice 10472.
"""


def marker_of(invoice_number: int) -> str:
    """Return the mark of the order behind the invoice with that number."""
    return f"(OC2 {invoice_number})"
