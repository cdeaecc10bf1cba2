"""Reading conversations straight from a shop's PostgreSQL database: units, sessions, and messages with a mark of whose.

One read-only transaction, streamed through a server-side cursor; what the source says of itself is put into words of
ours, since its errors may repeat parts of its address.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql
from psycopg.abc import Buffer
from psycopg.adapt import Loader

from ouvidor.conversations.import_reading import Row, Source
from ouvidor.conversations.imported import (
    MAX_MESSAGES,
    BrokenRow,
    RawMessage,
    Reading,
    conversation_row,
    shown,
)
from ouvidor.errors import Fault, Unavailable, Unprocessable

FETCHED_AT_ONCE = 2000
CONNECT_SECONDS = 10

TABLES = ("motel", "session", "message")
COLUMNS = (
    "motel.id",
    "motel.name",
    "session.id",
    "session.motel_id",
    "message.id",
    "message.session_id",
    "message.content",
    "message.remote",
    "message.created_at",
)
"""What is read, under the names that the source is taken to use."""

MESSAGES = """
select coalesce(s.{session_id}::text, m.{message_session_id}::text), {unit},
    m.{message_id} is not null, m.{message_content}::text, m.{message_remote}::text, m.{message_created_at}::text
from {session} s full join {message} m on m.{message_session_id} = s.{session_id} {units}
order by 1, m.{message_created_at}, m.{message_id}
"""
COUNT = "select count(*) from {session}"
AS_UTF8 = "set client_encoding = 'UTF8'"
WISHES = ("set statement_timeout = 0", "set datestyle = 'ISO'", "set timezone = 'UTC'")

Connection = psycopg.AsyncConnection[tuple[Any, ...]]


class SourceUnreachable(Unavailable):
    """The database to import from cannot be reached: check host, port, name, user and password of its address."""


class SourceUnfit(Unprocessable):
    """The database to import from does not have the tables: name them with --table and --column."""


@dataclass(frozen=True)
class Layout:
    """How the source calls its tables and columns where it uses other names than `TABLES` and `COLUMNS`.

    A table may be named with its schema (`crm.chat`). The table `motel` may be named empty: then the unit is whatever
    `session.motel_id` holds, and none where that is named empty too.
    """

    tables: Mapping[str, str] = field(default_factory=dict[str, str])
    columns: Mapping[str, str] = field(default_factory=dict[str, str])

    def table(self, name: str) -> sql.Composable:
        """The table, quoted."""
        return sql.Identifier(*self.tables.get(name, name).split("."))

    def column(self, name: str) -> sql.Identifier:
        """The column, quoted."""
        return sql.Identifier(self.columns.get(name, name.partition(".")[2]))

    def messages(self) -> sql.Composed:
        """All messages, those of a session together and in order; a session without any has one row."""
        unit, units = self._units()
        return sql.SQL(MESSAGES).format(
            session=self.table("session"),
            message=self.table("message"),
            unit=unit,
            units=units,
            session_id=self.column("session.id"),
            message_id=self.column("message.id"),
            message_session_id=self.column("message.session_id"),
            message_content=self.column("message.content"),
            message_remote=self.column("message.remote"),
            message_created_at=self.column("message.created_at"),
        )

    def _units(self) -> tuple[sql.Composable, sql.Composable]:
        """The unit of a session, and the join it needs."""
        if self.columns.get("session.motel_id") == "":
            return sql.SQL("null"), sql.SQL("")
        key = sql.SQL("s.{}").format(self.column("session.motel_id"))
        if self.tables.get("motel") == "":
            return sql.SQL("{}::text").format(key), sql.SQL("")
        name, identifier = self.column("motel.name"), self.column("motel.id")
        join = sql.SQL("left join {} u on u.{} = {}").format(self.table("motel"), identifier, key)
        return sql.SQL("coalesce(u.{}::text, {}::text)").format(name, key), join


class _LenientText(Loader):
    """Text of any encoding: bytes that are not UTF-8 come as lone surrogates, which the row then refuses."""

    def load(self, data: Buffer) -> str:
        """The text."""
        return bytes(data).decode("utf-8", "surrogateescape")


@asynccontextmanager
async def open_database(url: str, layout: Layout, reading: Reading, now: datetime) -> AsyncGenerator[Source]:
    """The conversations of a database, read as they are asked for; reading them raises the same errors.

    Raises:
        SourceUnreachable: it does not answer, refuses the user, or goes away.
        SourceUnfit: a table or a column is missing, of another kind, or not ours to read.
    """
    async with await _connected(url) as connection:
        total = await _count(connection, layout)
        yield Source(_rows(connection, layout, reading, now), lambda: total)


async def _connected(url: str) -> Connection:
    """A connection that only reads, and sees one state of the database all the while."""
    try:
        connection = await Connection.connect(_plain(url), connect_timeout=CONNECT_SECONDS, prepare_threshold=None)
    except psycopg.Error:
        raise SourceUnreachable from None
    await connection.set_read_only(True)
    await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
    connection.adapters.register_loader("text", _LenientText)
    return connection


async def _count(connection: Connection, layout: Layout) -> int:
    """How many sessions there are; the transaction is readied for reading them."""
    try:
        kept_as = connection.info.parameter_status("server_encoding")
        # A database without an encoding would refuse to send as UTF-8 what is none; so it sends its bytes.
        await connection.execute("set client_encoding = 'SQL_ASCII'" if kept_as == "SQL_ASCII" else AS_UTF8)
        for wish in WISHES:
            await connection.execute(wish)
        found = await connection.execute(sql.SQL(COUNT).format(session=layout.table("session")))
        row = await found.fetchone()
    except psycopg.Error as error:
        raise _put_into_words(error) from None
    return int(row[0]) if row else 0


async def _rows(connection: Connection, layout: Layout, reading: Reading, now: datetime) -> AsyncGenerator[Row]:
    """The sessions one after the other."""
    session, unit, messages = None, None, list[RawMessage]()
    try:
        async with connection.cursor(name="ouvidor_import") as cursor:
            cursor.itersize = FETCHED_AT_ONCE
            await cursor.execute(layout.messages())
            async for found, told_unit, is_message, content, remote, at in cursor:
                if found != session:
                    if session is not None:
                        yield _row(session, unit, messages, reading, now)
                    session, unit, messages = found, told_unit, []
                if is_message and len(messages) <= MAX_MESSAGES:
                    messages.append(RawMessage(remote, content, at))
    except psycopg.Error as error:
        raise _put_into_words(error) from None
    if session is not None:
        yield _row(session, unit, messages, reading, now)


def _row(session: str, unit: str | None, messages: list[RawMessage], reading: Reading, now: datetime) -> Row:
    where = f"session {shown(session)}"
    try:
        return conversation_row(where, session, unit, messages, reading, now)
    except BrokenRow as broken:
        return Fault(where, str(broken))


def _plain(url: str) -> str:
    """The address without the driver that SQLAlchemy's form of it names."""
    scheme, gap, rest = url.strip().partition("://")
    return f"{scheme.partition('+')[0]}{gap}{rest}"


def _put_into_words(error: psycopg.Error) -> SourceUnreachable | SourceUnfit:
    told = error.diag.message_primary
    if told and isinstance(error, psycopg.ProgrammingError):
        return SourceUnfit(
            f"The database to import from says: {shown(told)}. Name its tables with --table and --column."
        )
    return (
        SourceUnreachable()
        if error.sqlstate is None
        else SourceUnreachable(
            "The database to import from stopped answering. What came before has landed: run the import again."
        )
    )
