"""The Tripletex client.

Must not know cursors, deliveries or gates: it says what happened, the caller decides. Reading calls return what was
read, or raise; writing calls return what became of them.
"""

from bridge.tripletex.customers import CustomerCalls
from bridge.tripletex.invoices import InvoiceCalls
from bridge.tripletex.orders import OrderCalls
from bridge.tripletex.preflight import PreflightCalls
from bridge.tripletex.references import ReferenceCalls


class TripletexClient(CustomerCalls, ReferenceCalls, InvoiceCalls, OrderCalls, PreflightCalls):
    """Calls for all tenants of a process; the arguments are those of `bridge.tripletex.calls.Calls`."""
