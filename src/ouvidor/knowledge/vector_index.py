"""One HNSW index for each large project, made, renewed and dropped beside the running system."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy import text as sql
from sqlalchemy.ext.asyncio import AsyncConnection

from ouvidor.db import Database
from ouvidor.knowledge.models import SectionVector

LARGE = 5_000
LONGEST_INDEXED = 4_000  # numbers of a halfvec, by pgvector
LOCK = 0x0171D1
POLL_SECONDS = 0.5
PREFIX = "ix_section_vector_"
SWEEP = UUID(int=0)

# Too little memory makes the building of an index many times slower; it needs about 4 bytes for each number.
GIVE_MEMORY = """
select set_config('maintenance_work_mem', greatest(setting::bigint, least(:wanted, 1048576)) || 'kB', false),
       set_config('max_parallel_maintenance_workers', '0', false)
from pg_settings where name = 'maintenance_work_mem'
"""

INDEXES = """
select c.relname as name, i.indisvalid as valid
from pg_index i join pg_class c on c.oid = i.indexrelid
where i.indrelid = 'section_vector'::regclass and starts_with(c.relname, :prefix)
"""

ORPHANS = """
select c.relname from pg_index i join pg_class c on c.oid = i.indexrelid
where i.indrelid = 'section_vector'::regclass and starts_with(c.relname, :prefix)
      and not exists (select from project where starts_with(c.relname, :prefix || replace(id::text, '-', '')))
"""


@asynccontextmanager
async def turn_of(db: Database, project_id: UUID) -> AsyncGenerator[None]:
    """Wait until no process works on the project's vectors, and let no other until the end of the block.

    The lock is asked for again and again: a statement that waits would hold up the building of an index, which waits
    for every older statement.
    """
    key = {"lock": LOCK, "project": int.from_bytes(project_id.bytes[-4:], signed=True)}
    async with _autocommit(db) as connection:
        while not await connection.scalar(sql("select pg_try_advisory_lock(:lock, :project)"), key):  # noqa: ASYNC110 - the other may be another machine
            await asyncio.sleep(POLL_SECONDS)
        try:
            yield
        finally:
            await connection.execute(sql("select pg_advisory_unlock(:lock, :project)"), key)


async def index_if_large(db: Database, project_id: UUID, dimension: int) -> None:
    """An HNSW index (Malkov & Yashunin 2016) of the project's own once it has over 5,000 vectors; exact before that.

    To be called in the project's turn: an index that is not valid is then the remains of a build that was cut short.
    """
    name = f"{_prefix(project_id)}_{dimension}"
    async with _autocommit(db) as connection:
        counted = select(func.count()).select_from(SectionVector).where(SectionVector.project_id == project_id)
        vectors = await connection.scalar(counted) or 0
        found = {row.name: row.valid for row in await connection.execute(sql(INDEXES), {"prefix": name})}
        if vectors <= LARGE or dimension > LONGEST_INDEXED or found.get(name):
            return
        if name in found:
            await connection.execute(sql(f"drop index concurrently if exists {name}"))
        await connection.execute(sql(GIVE_MEMORY), {"wanted": vectors * dimension * 4 // 1024})
        statement = (
            f"create index concurrently {name} on section_vector "
            f"using hnsw ((embedding::halfvec({dimension})) halfvec_ip_ops) where project_id = '{project_id}'"
        )
        await connection.execute(sql(statement))
        await connection.execute(sql("reset maintenance_work_mem"))
        await connection.execute(sql("reset max_parallel_maintenance_workers"))


async def drop_index(db: Database, project_id: UUID) -> None:
    """Drop the project's index, of whatever dimension; to be called in the project's turn."""
    async with _autocommit(db) as connection:
        for row in (await connection.execute(sql(INDEXES), {"prefix": _prefix(project_id)})).all():
            await connection.execute(sql(f"drop index concurrently if exists {row.name}"))


async def drop_orphans(db: Database) -> None:
    """Drop the indexes of projects that are gone."""
    async with turn_of(db, SWEEP), _autocommit(db) as connection:
        for name in (await connection.scalars(sql(ORPHANS), {"prefix": PREFIX})).all():
            await connection.execute(sql(f"drop index concurrently if exists {name}"))


async def tell_planner(db: Database) -> None:
    """Measure the tables of knowledge anew: after a large change PostgreSQL would plan by old sizes for a minute."""
    async with _autocommit(db) as connection:
        await connection.execute(sql("analyze section, posting, section_vector"))


@asynccontextmanager
async def _autocommit(db: Database) -> AsyncGenerator[AsyncConnection]:
    async with db.engine.connect() as connection:
        yield await connection.execution_options(isolation_level="AUTOCOMMIT")


def _prefix(project_id: UUID) -> str:
    return f"{PREFIX}{project_id.hex}"
