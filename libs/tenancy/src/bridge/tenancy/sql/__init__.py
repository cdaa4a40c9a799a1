"""The schema `control`: its migrations and its named queries."""
