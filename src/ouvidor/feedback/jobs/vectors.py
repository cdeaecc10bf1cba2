"""Vectors of comments that have none of the present model: those of another, or that came while there was no model."""

import asyncio
import logging
from collections.abc import Sequence
from uuid import UUID

from pgvector import HalfVector
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import Project
from ouvidor.engines.embeddings import EmbeddingFailed
from ouvidor.feedback.classifier import Vectors
from ouvidor.feedback.finding.vector_index import index_if_large
from ouvidor.feedback.jobs.upkeep import leave_index_job
from ouvidor.feedback.local.classify import spoken
from ouvidor.feedback.local.features import LONGEST
from ouvidor.knowledge.embedding import embed_texts, embedder_of, vectors_name
from ouvidor.runtime import Runtime
from ouvidor.text import Language

AT_ONCE = 500

LACKING = """
select id, content from comment
where project_id = :project and id > :after
    and not exists (select from comment_vector where comment_id = comment.id and made_by = :name)
order by id limit :most
"""
PROJECTS = """
select distinct project_id from comment
where not exists (select from comment_vector where comment_id = comment.id and made_by = :name)
"""
STORE = """
insert into comment_vector (comment_id, project_id, made_by, embedding)
select comment.id, comment.project_id, :name, cast(made.embedding as halfvec)
from unnest(cast(:ids as uuid[]), cast(:vectors as text[])) made (id, embedding)
join comment on comment.id = made.id and comment.project_id = :project
on conflict (comment_id) do update set made_by = excluded.made_by, embedding = excluded.embedding
"""
log = logging.getLogger(__name__)


async def leave_vector_jobs(rt: Runtime) -> int:
    """Leave a job for each project with comments that lack vectors of the present model; for how many.

    A model that cannot be reached is left for the next time; until then these comments are found by words.
    """
    if not rt.embedder.available:
        return 0
    try:
        name = await _name(rt)
    except EmbeddingFailed:
        log.warning("The embedding model of the server cannot be reached; vectors of comments wait for it.")
        return 0
    async with rt.db.read() as session:
        lacking = (await session.execute(text(PROJECTS), {"name": name})).scalars().all()
    async with rt.db.begin() as session:
        for project_id in lacking:
            await leave_index_job(session, rt.jobs, project_id)
    return len(lacking)


async def embed_comments(rt: Runtime, project_id: UUID) -> int:
    """Make the vectors of every comment that lacks one of the present model, then the index where they are many.

    Safe to cut short and to run twice.

    Returns:
        How many comments got vectors.

    Raises:
        EmbeddingFailed: a server's model gave none; what was stored before stays.
    """
    done = await _embed_all(rt, project_id) if rt.embedder.available else 0
    await index_if_large(rt, project_id)
    return done


async def _embed_all(rt: Runtime, project_id: UUID) -> int:
    name, done, after = await _name(rt), 0, UUID(int=0)
    async with rt.db.read() as session:
        project = await session.get(Project, project_id)
    while project is not None and (page := await _lacking(rt, project_id, name, after)):
        vectors = await _embedded(rt, project, [content for _, content in page])
        if vectors_name(rt.embedder) != name:
            raise EmbeddingFailed("bad_output")
        async with rt.db.begin() as session:
            await _store(session, project_id, name, [comment_id for comment_id, _ in page], vectors)
        done, after = done + len(page), page[-1][0]
    return done


async def _name(rt: Runtime) -> str:
    """The name of the present model's vectors; a server that was never reached is asked first."""
    if not rt.embedder.dimension:
        await rt.embedder.embed([])
    return vectors_name(rt.embedder)


async def _lacking(rt: Runtime, project_id: UUID, name: str, after: UUID) -> list[tuple[UUID, str]]:
    values = {"project": project_id, "name": name, "after": after, "most": AT_ONCE}
    async with rt.db.read() as session:
        return [(row.id, row.content) for row in await session.execute(text(LACKING), values)]


async def _embedded(rt: Runtime, project: Project, contents: Sequence[str]) -> Vectors:
    """Vectors of the comments; masked before they leave the machine."""
    default: Language = "en" if project.languages[0] == "en" else "pt"
    tongues = await asyncio.to_thread(spoken, contents, default)
    given = [content[:LONGEST] for content in contents]
    return await embed_texts(embedder_of(rt, project), given, [one.cues for one in tongues], project_id=project.id)


async def _store(session: AsyncSession, project_id: UUID, name: str, ids: Sequence[UUID], vectors: Vectors) -> None:
    """Store them; a comment that is gone meanwhile needs none."""
    written = [HalfVector(vector.tolist()).to_text() for vector in vectors]
    values = {"project": project_id, "name": name, "ids": list(ids), "vectors": written}
    await session.execute(text(STORE), values)
