"""Tenants: the file, its schema, the applied table and its watch, secret references."""
