"""What an embedding model has still to do: after a change of the model everything, after a failure what it missed."""

import logging
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy import text as sql

from ouvidor.engines.embeddings import EmbeddingFailed
from ouvidor.jobs import enqueue
from ouvidor.knowledge.embedding import vectors_name
from ouvidor.knowledge.models import Section
from ouvidor.knowledge.store import INDEX_JOB, index_job_of
from ouvidor.runtime import Runtime

UNDER_WAY = "select 1 from jobs.procrastinate_jobs where lock = :name and status in ('todo', 'doing') limit 1"

log = logging.getLogger(__name__)


async def leave_index_jobs(rt: Runtime) -> int:
    """Leave a job for each project with sections that lack vectors of the present model.

    A model that cannot be reached is left for the next time; until the vectors are there search goes by words.

    Returns:
        How many jobs were left; a project with one that waits or runs gets no other.
    """
    try:
        waiting = await sections_waiting(rt)
    except EmbeddingFailed:
        log.warning("The embedding model of the server cannot be reached; vectors that are missing wait for it.")
        return 0
    left = 0
    for project_id in waiting:
        name = index_job_of(project_id)
        async with rt.db.begin() as session:
            if (await session.execute(sql(UNDER_WAY), {"name": name})).first() is None:
                left += await enqueue(session, rt.jobs, INDEX_JOB, once=name, project=str(project_id))
    return left


async def sections_waiting(rt: Runtime) -> dict[UUID, int]:
    """How many sections lack vectors of the present model, by project; nothing where there is no model.

    Raises:
        EmbeddingFailed: the model's server, which was never reached so far, cannot be reached.
    """
    if not rt.embedder.available:
        return {}
    if not rt.embedder.dimension:
        await rt.embedder.embed([])
    lacking = select(Section.project_id, func.count()).where(
        Section.embedded_by.is_distinct_from(vectors_name(rt.embedder))
    )
    async with rt.db.read() as session:
        rows = await session.execute(lacking.group_by(Section.project_id))
        return {row[0]: row[1] for row in rows}
