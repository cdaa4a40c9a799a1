"""The transformer's shells around its use cases."""
