"""The index over the vectors of a project with many comments."""

from uuid import UUID

from sqlalchemy import text

from ouvidor.knowledge.embedding import vectors_name
from ouvidor.knowledge.vector_index import VectorTable, drop_orphans, turn_of
from ouvidor.knowledge.vector_index import index_if_large as build_if_large
from ouvidor.runtime import Runtime

COMMENT_VECTORS = VectorTable("comment_vector", prefix="near_comment_", lock=0x0171D2, large=20_000)
TIDY = ("vacuum (analyze, skip_locked) comment", "analyze (skip_locked) comment_vector")
"""PostgreSQL does so by itself, minutes later; until then it reads rows where the indexes would do."""


async def index_if_large(rt: Runtime, project_id: UUID) -> None:
    """See that a project with over 20,000 comments has an index of their vectors, and PostgreSQL plans by the facts.

    To be called after many comments came; quick where nothing is to be done. Safe to cut short and to run twice.
    """
    await _tidy(rt)
    if not rt.embedder.dimension:
        return
    async with turn_of(rt.db, COMMENT_VECTORS, project_id):
        name = vectors_name(rt.embedder)
        await build_if_large(rt.db, COMMENT_VECTORS, project_id, rt.embedder.dimension, made_by=name)
    await drop_orphans(rt.db, COMMENT_VECTORS)


async def _tidy(rt: Runtime) -> None:
    async with rt.db.engine.connect() as connection:
        alone = await connection.execution_options(isolation_level="AUTOCOMMIT")
        for statement in TIDY:
            await alone.execute(text(statement))
