"""What can go wrong at the database, in our words, and the one table that says so.

Owns the translation of the driver's errors. Messages name the state and the remedy, never a row's content: the
server's DETAIL line quotes values and is therefore left out.

    BridgeError
      TransientError
        StoreUnavailableError
          CommitUnknownError       COMMIT was sent, its answer never came
        SerializationError         deadlock or serialization failure: run the transaction again
      ConfigurationError           wrong address, password, right, or a schema behind the code
      ConstraintViolatedError      the statement broke a constraint, which is named
      StatementRefusedError        the statement itself is wrong: a bug of ours
"""

from typing import Final

import psycopg
from psycopg import errors as pg
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests

from bridge.runtime.errors import BridgeError, ConfigurationError, StoreUnavailableError, TransientError


class CommitUnknownError(StoreUnavailableError):
    """COMMIT was sent and its answer is lost: the transaction may or may not have happened."""


class SerializationError(TransientError):
    """The database gave the transaction up in favour of another one; nothing of it remains."""


class ConstraintViolatedError(BridgeError):
    """A statement broke a constraint; `constraint` is its name ('' if the server did not say)."""

    def __init__(self, constraint: str) -> None:
        self.constraint = constraint
        super().__init__(f"The database refused a row that breaks the constraint {constraint or '(unnamed)'}.")


class StatementRefusedError(BridgeError):
    """The database refused the statement itself; repeating it would not help."""


# The last four are the server's own state and no statement's fault, though the driver files them under internal errors.
_UNREACHABLE: Final = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    PoolTimeout,
    PoolClosed,
    TooManyRequests,
    pg.IdleInTransactionSessionTimeout,
    pg.TransactionTimeout,
    pg.ReadOnlySqlTransaction,
    pg.InternalError_,
)
_BEHIND: Final = (pg.UndefinedTable, pg.UndefinedColumn, pg.UndefinedFunction, pg.InvalidSchemaName)
_AUTHENTICATION: Final = (pg.InvalidPassword, pg.InvalidAuthorizationSpecification, pg.InvalidCatalogName)


def translate(error: Exception) -> Exception:
    """Return our error for the driver's, the most specific match first; errors of others come back unchanged."""
    match error:
        case pg.SerializationFailure() | pg.DeadlockDetected():
            return SerializationError("The database gave this transaction up in favour of another; run it again.")
        case psycopg.IntegrityError():
            return ConstraintViolatedError(error.diag.constraint_name or "")
        case pg.InsufficientPrivilege():
            return ConfigurationError(
                f"The database role lacks a right ({error.diag.message_primary}). "
                "Run 'bridge migrate', and check which role DATABASE_URL names."
            )
        case _ if isinstance(error, _BEHIND):
            return ConfigurationError(
                f"The database is older than this release ({_state(error)}). Run 'bridge migrate'."
            )
        case _ if isinstance(error, _AUTHENTICATION):
            return ConfigurationError(f"Postgres refused the log-in ({_state(error)}). Check DATABASE_URL.")
        case _ if isinstance(error, _UNREACHABLE):
            return StoreUnavailableError(f"Postgres did not do its work ({_state(error)}); it is tried again.")
        case psycopg.Error():
            return StatementRefusedError(f"The database refused a statement ({_state(error)}); this is a bug.")
    return error


def _state(error: BaseException) -> str:
    """The error's kind and SQLSTATE, without any text that could quote a value."""
    state = error.sqlstate if isinstance(error, psycopg.Error) else None
    return f"{type(error).__name__} {state}" if state else type(error).__name__
