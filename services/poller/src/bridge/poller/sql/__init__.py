"""Migrations and named queries of the schema poller."""
