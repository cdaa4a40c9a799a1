"""The OC2 client: customers, payment terms."""
