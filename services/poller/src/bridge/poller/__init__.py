"""Reads Tripletex, remembers what it saw, writes the outbox and relays it."""
