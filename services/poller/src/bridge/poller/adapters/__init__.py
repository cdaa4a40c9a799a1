"""The poller's ports over Postgres and Tripletex."""
