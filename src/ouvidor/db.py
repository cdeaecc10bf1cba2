"""Short transactions on PostgreSQL, the base of all tables, and identifiers that sort by time."""

import os
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, MetaData, Text, Uuid
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

SEARCH_PATH = "-c search_path=public,jobs"
WIDE_VECTOR_SEARCH = "-c hnsw.ef_search=200"  # pgvector's 40 misses one in ten of the nearest among 500,000

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
            pool_pre_ping=True,
            connect_args={
                "options": f"{SEARCH_PATH} {WIDE_VECTOR_SEARCH}",
                "prepare_threshold": None,
                "connect_timeout": 10,
            },
        )
        self._session = async_sessionmaker(self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def begin(self) -> AsyncGenerator[AsyncSession]:
        """A transaction: committed at the end of the block, rolled back by any error in it."""
        token = _in_transaction.set(True)
        try:
            async with self._session.begin() as session:
                yield session
        finally:
            _in_transaction.reset(token)

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[AsyncSession]:
        """A read-only transaction."""
        async with self.begin() as session:
            await session.connection(execution_options={"postgresql_readonly": True})
            yield session

    async def close(self) -> None:
        """Give all connections back."""
        await self.engine.dispose()


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
