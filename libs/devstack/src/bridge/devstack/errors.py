"""The one error of the development servers.

Owns the promise that its message alone is enough to act on. Must not know Kafka or Postgres.
"""


class DevstackError(Exception):
    """A development server cannot be had; the message says what happened and what to do next."""
