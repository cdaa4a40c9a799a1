"""The Tripletex client: session, customers, invoices."""
