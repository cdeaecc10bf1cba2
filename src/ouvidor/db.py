"""Short transactions on PostgreSQL, the base of all tables, and identifiers that sort by time."""

import asyncio
import os
import select
import time
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection, Error
from psycopg.pq import TransactionStatus
from sqlalchemy import DateTime, Dialect, MetaData, Text, Uuid, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util import greenlet_spawn

SEARCH_PATH = "-c search_path=public,jobs"
WIDE_VECTOR_SEARCH = "-c hnsw.ef_search=200"  # pgvector's 40 misses one in ten of the nearest among 500,000

TRUSTED_SECONDS = 5.0  # a network that forgets connections takes minutes

_DRIVER = "driver"
_in_transaction: ContextVar[bool] = ContextVar("in_transaction", default=False)


class Base(DeclarativeBase):
    """Base of every table; constraint names are fixed so that migrations can speak of them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {UUID: Uuid(), datetime: DateTime(timezone=True), str: Text()}  # noqa: RUF012 - SQLAlchemy's own form


class Database:
    """The connections of one process."""

    def __init__(self, url: str, *, pool_size: int = 20) -> None:
        self.engine: AsyncEngine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=0,
            connect_args={
                "options": f"{SEARCH_PATH} {WIDE_VECTOR_SEARCH}",
                "prepare_threshold": None,
                "connect_timeout": 10,
            },
        )
        event.listen(self.engine.sync_engine, "checkin", _note_rest)
        event.listen(self.engine.sync_engine, "checkout", partial(_check_alive, self.engine.dialect))
        self._session = async_sessionmaker(self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def begin(self, *, read_only: bool = False) -> AsyncGenerator[AsyncSession]:
        """A transaction: committed at the end of the block, rolled back by any error in it."""
        token, session = _in_transaction.set(True), self._session()
        try:
            await session.run_sync(_open, read_only=read_only)
            yield session
            await session.run_sync(_commit)
        except BaseException:
            await asyncio.shield(session.close())
            raise
        finally:
            _in_transaction.reset(token)

    def read(self) -> AbstractAsyncContextManager[AsyncSession]:
        """A read-only transaction."""
        return self.begin(read_only=True)

    @asynccontextmanager
    async def statements(self) -> AsyncGenerator[AsyncConnection]:
        """The driver's own connection, on which each statement is a transaction: for a few reads written by hand.

        At the isolation of PostgreSQL (read committed) statements of one transaction see no more of the same state;
        this takes a quarter of a session's processor time and two round trips less.
        """
        token = _in_transaction.set(True)
        try:
            held: Any = await self.engine.raw_connection()
            try:
                await held.driver_connection.set_autocommit(True)
                yield held.driver_connection
            except BaseException:
                await asyncio.shield(_give_back(held))
                raise
            await _give_back(held)
        finally:
            _in_transaction.reset(token)

    async def close(self) -> None:
        """Give all connections back."""
        await self.engine.dispose()


def driver_of(session: AsyncSession) -> AsyncConnection:
    """The driver's own connection in this transaction: for SQL written by hand, whose rows need no mapping."""
    return session.info[_DRIVER]


def _open(session: Session, *, read_only: bool) -> None:
    """Begin the transaction: here at once, as each step into SQLAlchemy costs as much as a statement."""
    connection = session.connection(execution_options={"postgresql_readonly": True} if read_only else None)
    session.info[_DRIVER] = connection.connection.driver_connection


def _commit(session: Session) -> None:
    session.commit()
    session.close()


async def _give_back(held: Any) -> None:
    """Put a connection back into the pool as the next one expects it; one that is amid a statement is closed."""
    connection: AsyncConnection = held.driver_connection
    if connection.info.transaction_status == TransactionStatus.IDLE:
        await connection.set_autocommit(False)
        await greenlet_spawn(held.close)
    else:
        await greenlet_spawn(held.invalidate)


def _note_rest(_: Any, record: ConnectionPoolEntry) -> None:
    record.info["at_rest_since"] = time.monotonic()


def _check_alive(dialect: Dialect, connection: Any, record: ConnectionPoolEntry, _: Any) -> None:
    """Ask whether the server still knows a connection that has rested for long or has something to say, as at its end.

    Raises:
        InvalidatePoolError: it does not; the pool opens new ones instead.
    """
    since = record.info.get("at_rest_since")
    if since is None or (time.monotonic() - since < TRUSTED_SECONDS and not _has_news(connection.driver_connection)):
        return
    try:
        dialect.do_ping(connection)
    except Error:
        raise InvalidatePoolError from None


def _has_news(connection: AsyncConnection) -> bool:
    """Whether the server has sent something unasked or closed the connection; it costs no round trip."""
    if connection.closed:
        return True
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    return bool(waiting.poll(0))


def in_transaction() -> bool:
    """Whether the running task holds a transaction open (engines refuse to be called then)."""
    return _in_transaction.get()


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, 12 of their 4,096ths, then 62 random bits.

    The 4,096ths (section 6.2, method 3) keep the ids of one transaction in the order in which they were made.
    """
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    part = nanoseconds * 4096 // 1_000_000
    value = milliseconds << 80 | 0x7 << 76 | part << 64 | 0b10 << 62 | int.from_bytes(os.urandom(8)) & (1 << 62) - 1
    return UUID(int=value)
