"""The pool, and the transaction: begin, statements, commit, and what each failure means.

Owns every connection to Postgres. Works behind a pooler in transaction mode: nothing is prepared, nothing is set for
a session, no session lock is taken, nothing listens. Knows no table.

A statement is bounded three times: by the server (statement_timeout), by the kernel (tcp_user_timeout, for data that
nobody acknowledges), and by us (the socket is shut down), for a peer that acknowledges and never answers.
Cancelling a task that waits for the driver would take about ten seconds more and leave the outcome unknown.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Self

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import AsyncConnectionPool

from bridge.durable.errors import CommitUnknownError, StatementRefusedError, translate
from bridge.durable.row import Params, Row, row_factory
from bridge.runtime.errors import ConfigurationError, StoreUnavailableError
from bridge.runtime.settings import PostgresSettings

_Connection = psycopg.AsyncConnection[Row]


class Tx:
    """Statements on one connection, inside the transaction (or outside of any, for `Database.autocommit`).

    Every method raises StoreUnavailableError, SerializationError, ConstraintViolatedError, ConfigurationError or
    StatementRefusedError; after any of them the transaction can only be rolled back.
    """

    def __init__(self, connection: _Connection, *, limit_seconds: float) -> None:
        self._connection = connection
        self._limit_seconds = limit_seconds

    async def execute(self, query: str, params: Params | None = None) -> int:
        """Run a statement and return the number of rows it touched."""
        return (await self._run(query, params)).rowcount

    async def all(self, query: str, params: Params | None = None) -> list[Row]:
        """Run a query and return every row."""
        cursor = await self._run(query, params)
        with _translated():
            return await cursor.fetchall()

    async def one(self, query: str, params: Params | None = None) -> Row | None:
        """Run a query and return its first row, or None."""
        cursor = await self._run(query, params)
        with _translated():
            return await cursor.fetchone()

    async def copy(self, table: str, rows: Iterable[Sequence[object]]) -> None:
        """Load rows by COPY into `table`, given as `schema.table (column, …)`."""
        with _translated(), shut_after(self._connection, self._limit_seconds):
            async with self._connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
                for row in rows:
                    await copy.write_row(row)

    async def _run(self, query: str, params: Params | None) -> psycopg.AsyncCursor[Row]:
        with _translated(), shut_after(self._connection, self._limit_seconds):
            return await self._connection.execute(query, params)


class Database:
    """A pool of connections to one database, as an async context manager.

    Entering makes the first connection, so that a wrong address or password ends the start in one sentence.

    Args:
        settings: Address, pool size and time-outs in seconds.
        application_name: How this process is called in pg_stat_activity.
    """

    def __init__(self, settings: PostgresSettings, *, application_name: str) -> None:
        self._settings = settings
        self._limit_seconds = settings.statement_timeout_seconds + settings.tcp_user_timeout_seconds
        self._begin = begin_statement(settings)
        self._conninfo = connection_string(settings, application_name=application_name)
        self._pool: AsyncConnectionPool[_Connection] = AsyncConnectionPool(
            self._conninfo,
            connection_class=psycopg.AsyncConnection[Row],
            kwargs={"autocommit": True, "prepare_threshold": None, "row_factory": row_factory},
            min_size=1,
            max_size=settings.pool_max,
            timeout=settings.connect_timeout_seconds,
            # The pool doubles its pause after each failed attempt; giving up early makes the next caller start afresh,
            # so that work resumes seconds after the server is back, however long it was away.
            reconnect_timeout=settings.connect_timeout_seconds,
            open=False,
        )

    async def __aenter__(self) -> Self:
        await check_reachable(self._conninfo)
        await self._pool.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.close()

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """Begin, and commit when the block ends; any exception rolls back.

        Raises:
            CommitUnknownError: COMMIT was sent and the connection broke: treat the outcome as unknown.
            StoreUnavailableError: No connection, or it broke earlier; nothing was committed.
        """
        connection = await self._begun()
        try:
            try:
                yield Tx(connection, limit_seconds=self._limit_seconds)
            except Exception:
                await self._roll_back(connection)
                raise
            await self._commit(connection)
        except BaseException:
            # Cancelled, or broken: closing is at once and rolls back; asking the server to would wait for it.
            if connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                await connection.close()
            raise
        finally:
            await self._pool.putconn(connection)

    @contextlib.asynccontextmanager
    async def autocommit(self) -> AsyncIterator[Tx]:
        """Lend a connection outside of any transaction; each statement commits by itself."""
        connection = await self._connection()
        try:
            yield Tx(connection, limit_seconds=self._limit_seconds)
        finally:
            await self._pool.putconn(connection)

    async def _connection(self) -> _Connection:
        with _translated():
            return await self._pool.getconn()

    async def _begun(self) -> _Connection:
        """Take a connection on which BEGIN succeeded.

        After a restart of the server every idle connection of the pool is dead. Nothing has happened yet at BEGIN,
        so the next connection is tried instead of failing one unit of work per dead connection.
        """
        for _ in range(self._settings.pool_max + 1):
            connection = await self._connection()
            try:
                with shut_after(connection, self._limit_seconds):
                    await connection.execute(self._begin)
            except psycopg.OperationalError:
                await self._pool.putconn(connection)
            except BaseException:
                await connection.close()
                await self._pool.putconn(connection)
                raise
            else:
                return connection
        raise StoreUnavailableError("Postgres accepts connections but begins no transaction; it is tried again.")

    async def _commit(self, connection: _Connection) -> None:
        try:
            with shut_after(connection, self._limit_seconds):
                cursor = await connection.execute("COMMIT")
        except psycopg.Error as error:
            if connection.broken or connection.closed:
                raise CommitUnknownError(
                    "The connection to Postgres broke after COMMIT was sent: it may or may not have happened."
                ) from error
            raise translate(error) from error
        if cursor.statusmessage != "COMMIT":
            raise StatementRefusedError("COMMIT rolled back: a failed statement's error was swallowed; this is a bug.")

    async def _roll_back(self, connection: _Connection) -> None:
        with contextlib.suppress(psycopg.Error), shut_after(connection, self._limit_seconds):
            await connection.execute("ROLLBACK")


def begin_statement(settings: PostgresSettings) -> str:
    """BEGIN and the transaction's own limits in one round trip; nothing outlives the transaction.

    The idle limit frees the rows of an owner that was stopped in the middle of its transaction.
    """
    milliseconds = round(settings.statement_timeout_seconds * 1000)
    return (
        f"BEGIN; SET LOCAL statement_timeout = {milliseconds}; "
        f"SET LOCAL idle_in_transaction_session_timeout = {milliseconds}; SET LOCAL timezone = 'UTC'"
    )


def connection_string(settings: PostgresSettings, *, application_name: str) -> str:
    """Return the libpq string with our time-outs, which the DSN's own win over.

    Raises:
        ConfigurationError: The DSN cannot be read; it is not repeated, since it holds a password.
    """
    limits: dict[str, str | int] = {
        "connect_timeout": max(1, round(settings.connect_timeout_seconds)),
        "tcp_user_timeout": round(settings.tcp_user_timeout_seconds * 1000),
        "keepalives_idle": max(1, round(settings.tcp_user_timeout_seconds)),
        "keepalives_interval": 1,
        "keepalives_count": 3,
        "application_name": application_name,
    }
    dsn = settings.dsn.get_secret_value()
    try:
        given = conninfo_to_dict(dsn)
        return make_conninfo(dsn, **{name: value for name, value in limits.items() if name not in given})
    except psycopg.ProgrammingError:
        # Without its cause: the driver's message quotes the string.
        raise ConfigurationError("DATABASE_URL is not a Postgres address (postgresql://user@host/db).") from None


async def check_reachable(conninfo: str) -> None:
    """Connect once.

    Raises:
        ConfigurationError: Names host, port, database and user, and libpq's reason; never the password.
    """
    try:
        connection = await psycopg.AsyncConnection.connect(conninfo)
    except psycopg.OperationalError as error:
        parts = conninfo_to_dict(conninfo)
        place = f"{parts.get('host', 'localhost')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"
        why = " ".join(str(error).split())
        user = parts.get("user", "(default user)")
        raise ConfigurationError(
            f"Cannot connect to Postgres at {place} as {user}: {why}. Check DATABASE_URL."
        ) from error
    await connection.close()


@contextlib.contextmanager
def shut_after(connection: psycopg.AsyncConnection[Row], seconds: float) -> Iterator[None]:
    """Shut the connection's socket down when the block takes longer; the driver then sees a broken connection."""
    if connection.closed:
        yield
        return
    timer = asyncio.get_running_loop().call_later(seconds, _shut_down, connection)
    try:
        yield
    finally:
        timer.cancel()


def _shut_down(connection: psycopg.AsyncConnection[Row]) -> None:
    with (
        contextlib.suppress(OSError, psycopg.OperationalError),
        socket.socket(fileno=os.dup(connection.pgconn.socket)) as duplicate,
    ):
        duplicate.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        ours = translate(error)
        if ours is error:
            raise
        raise ours from error
