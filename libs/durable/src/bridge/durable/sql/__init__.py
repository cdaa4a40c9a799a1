"""Tables and queries that every service schema with leases or an outbox shares."""
