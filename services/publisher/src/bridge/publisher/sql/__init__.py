"""The publisher's migrations and named queries."""
