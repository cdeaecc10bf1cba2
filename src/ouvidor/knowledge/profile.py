"""A project's own classifier: trained by the background job from its phrasings, remembered by each process."""

import asyncio
from uuid import UUID

import numpy as np
from psycopg import AsyncConnection
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.knowledge.intents import Intents, Phrasings, learnable, train
from ouvidor.knowledge.models import KnowledgeState, Section, SectionVector
from ouvidor.knowledge.state import Known
from ouvidor.runtime import Runtime

PROFILE = "select profile from knowledge_state where project_id = %s"


async def build_profile(rt: Runtime, project_id: UUID) -> None:
    """Train the project's classifier where its phrasings are many enough, unless that of this revision is there."""
    async with rt.db.read() as session:
        state = await session.get(KnowledgeState, project_id)
        if state is None or state.profiled_revision == state.revision:
            return
        phrasings = await _phrasings(session, project_id) if await _learnable(session, project_id) else None
    profile = None
    if phrasings is not None:
        profile = (await asyncio.to_thread(train, phrasings)).to_bytes()
    async with rt.db.begin() as session:
        mine = update(KnowledgeState).where(KnowledgeState.project_id == project_id)
        await session.execute(mine.values(profile=profile, profiled_revision=state.revision))


async def classifier_of(rt: Runtime, connection: AsyncConnection, project_id: UUID, known: Known) -> Intents | None:
    """The project's classifier, if it has one that counts; read again only when it was trained again."""
    if known.profiled_revision is None:
        return None
    key = ("classifier", project_id, known.vectors_by)
    remembered = rt.memory.get(key, known.profiled_revision)
    if remembered is None:
        row = await (await connection.execute(PROFILE, (project_id,), binary=True)).fetchone()
        remembered = rt.memory.put(key, known.profiled_revision, _Classifier(row[0] if row else None))
    assert isinstance(remembered, _Classifier)
    return remembered.intents


class _Classifier:
    """A stored profile, unpacked; `intents` is None where there is none or where it is too weak to count."""

    def __init__(self, stored: bytes | None) -> None:
        unpacked = None if stored is None else Intents.from_bytes(stored)
        self.intents = unpacked if unpacked is not None and unpacked.strength > 0 else None


async def _learnable(session: AsyncSession, project_id: UUID) -> bool:
    counts = select(func.cardinality(Section.phrasings)).where(Section.project_id == project_id)
    return learnable((await session.execute(counts)).scalars().all())


async def _phrasings(session: AsyncSession, project_id: UUID) -> Phrasings | None:
    """The texts and vectors of all phrasings that have one; None where there are no vectors."""
    query = (
        select(Section.phrasings[SectionVector.ordinal + 1], SectionVector.embedding, Section.number)
        .join(
            SectionVector,
            (SectionVector.project_id == Section.project_id) & (SectionVector.section_number == Section.number),
        )
        .where(Section.project_id == project_id, SectionVector.kind == "phrasing")
        .order_by(Section.number, SectionVector.ordinal)
    )
    rows = (await session.execute(query)).all()
    if not rows:
        return None
    return Phrasings(
        texts=[row[0] for row in rows],
        vectors=np.array([row[1] for row in rows], dtype=np.float32),
        sections=np.array([row[2] for row in rows], dtype=np.int64),
    )
