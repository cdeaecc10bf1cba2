"""One HNSW index for each large project, made, renewed and dropped beside the running system."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy import text as sql
from sqlalchemy.ext.asyncio import AsyncConnection

from ouvidor.db import Database

LARGE = 5_000
LONGEST_INDEXED = 4_000  # numbers of a halfvec, by pgvector
POLL_SECONDS = 0.5
SWEEP = UUID(int=0)


@dataclass(frozen=True)
class VectorTable:
    """A table with a `project_id` and an `embedding`; a project with more than `large` vectors gets an index of them.

    `prefix` is what the names of these indexes begin with, and no other's; the project's id follows. `lock` is the
    first key of the advisory locks by which one process at a time works on a project's vectors.
    """

    name: str
    prefix: str
    lock: int
    large: int = LARGE


SECTION_VECTORS = VectorTable("section_vector", prefix="ix_section_vector_", lock=0x0171D1)

# Too little memory makes the building of an index many times slower; it needs about 4 bytes for each number.
GIVE_MEMORY = """
select set_config('maintenance_work_mem', greatest(setting::bigint, least(:wanted, 1048576)) || 'kB', false),
       set_config('max_parallel_maintenance_workers', '0', false)
from pg_settings where name = 'maintenance_work_mem'
"""

COUNT = "select count(*) from {table} where {own}"

INDEXES = """
select c.relname as name, i.indisvalid as valid
from pg_index i join pg_class c on c.oid = i.indexrelid
where i.indrelid = cast(:table as regclass) and starts_with(c.relname, :prefix)
"""

ORPHANS = """
select c.relname from pg_index i join pg_class c on c.oid = i.indexrelid
where i.indrelid = cast(:table as regclass) and starts_with(c.relname, :prefix)
      and not exists (select from project where starts_with(c.relname, :prefix || replace(id::text, '-', '')))
"""


@asynccontextmanager
async def turn_of(db: Database, table: VectorTable, project_id: UUID) -> AsyncGenerator[None]:
    """Wait until no process works on the project's vectors, and let no other until the end of the block.

    The lock is asked for again and again: a statement that waits would hold up the building of an index, which waits
    for every older statement.
    """
    key = {"lock": table.lock, "project": int.from_bytes(project_id.bytes[-4:], signed=True)}
    async with _autocommit(db) as connection:
        while not await connection.scalar(sql("select pg_try_advisory_lock(:lock, :project)"), key):  # noqa: ASYNC110 - the other may be another machine
            await asyncio.sleep(POLL_SECONDS)
        try:
            yield
        finally:
            await connection.execute(sql("select pg_advisory_unlock(:lock, :project)"), key)


async def index_if_large(
    db: Database, table: VectorTable, project_id: UUID, dimension: int, *, made_by: str | None = None
) -> None:
    """An HNSW index (Malkov & Yashunin 2016) of the project's own once it has many vectors; exact before that.

    Where the table keeps vectors of several models, those `made_by` one; an index of another's is dropped then. To be
    called in the project's turn: an index that is not valid is then the remains of a build that was cut short.
    """
    name = _name(table, project_id, dimension, made_by)
    async with _autocommit(db) as connection:
        own = await _own(connection, project_id, made_by)
        vectors = await connection.scalar(sql(COUNT.format(table=table.name, own=own))) or 0
        found = {row.name: row.valid for row in await _indexes(connection, table, project_id)}
        if vectors <= table.large or dimension > LONGEST_INDEXED or found.pop(name, False):
            return
        await _drop(connection, name)
        await connection.execute(sql(GIVE_MEMORY), {"wanted": vectors * dimension * 4 // 1024})
        statement = (
            f"create index concurrently {name} on {table.name} "
            f"using hnsw ((embedding::halfvec({dimension})) halfvec_ip_ops) where {own}"
        )
        await connection.execute(sql(statement))
        await connection.execute(sql("reset maintenance_work_mem"))
        await connection.execute(sql("reset max_parallel_maintenance_workers"))
        await _drop(connection, *found)


async def drop_index(db: Database, table: VectorTable, project_id: UUID) -> None:
    """Drop the project's index, of whatever dimension; to be called in the project's turn."""
    async with _autocommit(db) as connection:
        await _drop(connection, *(row.name for row in await _indexes(connection, table, project_id)))


async def drop_orphans(db: Database, table: VectorTable) -> None:
    """Drop the indexes of projects that are gone."""
    among = {"table": table.name, "prefix": table.prefix}
    async with turn_of(db, table, SWEEP), _autocommit(db) as connection:
        await _drop(connection, *(await connection.scalars(sql(ORPHANS), among)).all())


async def tell_planner(db: Database, *tables: str) -> None:
    """Measure these tables anew: after a large change PostgreSQL would plan by old sizes for a minute."""
    async with _autocommit(db) as connection:
        await connection.execute(sql(f"analyze {', '.join(tables)}"))


@asynccontextmanager
async def _autocommit(db: Database) -> AsyncGenerator[AsyncConnection]:
    async with db.engine.connect() as connection:
        yield await connection.execution_options(isolation_level="AUTOCOMMIT")


async def _own(connection: AsyncConnection, project_id: UUID, made_by: str | None) -> str:
    """The condition on the vectors of the index, with its values in it: a statement that makes an index takes none."""
    own = f"project_id = '{project_id}'"
    if made_by is None:
        return own
    quoted = await connection.scalar(sql("select quote_literal(cast(:name as text))"), {"name": made_by})
    return f"{own} and made_by = {quoted}".replace(":", r"\:")


async def _indexes(connection: AsyncConnection, table: VectorTable, project_id: UUID) -> Sequence[Row[Any]]:
    of_project = {"table": table.name, "prefix": f"{table.prefix}{project_id.hex}_"}
    return (await connection.execute(sql(INDEXES), of_project)).all()


async def _drop(connection: AsyncConnection, *names: str) -> None:
    for name in names:
        await connection.execute(sql(f"drop index concurrently if exists {name}"))


def _name(table: VectorTable, project_id: UUID, dimension: int, made_by: str | None) -> str:
    """At most 63 letters, as PostgreSQL has it."""
    name = f"{table.prefix}{project_id.hex}_{dimension}"
    return name if made_by is None else f"{name}_{sha256(made_by.encode()).hexdigest()[:8]}"
