"""The background part of an import: the vectors of new sections, and the index over many."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pgvector import HalfVector
from sqlalchemy import delete, func, select, update
from sqlalchemy import text as sql
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.knowledge.embedding import embed_texts, vectors_name
from ouvidor.knowledge.models import Section, SectionVector
from ouvidor.knowledge.state import lock_state
from ouvidor.runtime import Runtime
from ouvidor.text import Language, windows

BATCH = 64
LARGE = 2_000

COPY_VECTORS = "copy section_vector (project_id, section_number, kind, ordinal, embedding) from stdin"


@dataclass(frozen=True)
class Progress:
    """How far the vectors of a project have come, in sections."""

    done: int
    total: int


async def embed_sections(rt: Runtime, project_id: UUID, progress: Callable[[Progress], None] = lambda _: None) -> int:
    """Make the vectors of every section that lacks those of the present model, 64 sections a transaction.

    Safe to cut short and to run twice: a section is marked in the transaction that stores its vectors.

    Returns:
        How many sections got vectors.
    """
    if not rt.embedder.dimension:
        return 0
    await _change_model_if_needed(rt, project_id)
    done = 0
    while batch := await _without_vectors(rt, project_id):
        texts = [_texts_of(section) for section in batch]
        flat = [text for parts in texts for _, _, text in parts]
        languages: list[Language] = [
            language_of(section) for section, parts in zip(batch, texts, strict=True) for _ in parts
        ]
        vectors = await embed_texts(rt.embedder, flat, languages)
        rows = iter(vectors)
        named = [
            (section.number, kind, ordinal, next(rows))
            for section, parts in zip(batch, texts, strict=True)
            for kind, ordinal, _ in parts
        ]
        async with rt.db.begin() as session:
            await _store(session, vectors_name(rt.embedder), project_id, batch, named)
        done += len(batch)
        progress(await vector_progress(rt, project_id))
    await index_if_large(rt, project_id)
    return done


async def vector_progress(rt: Runtime, project_id: UUID) -> Progress:
    """How many of the project's sections have vectors of the present model."""
    counts = select(func.count(), func.count().filter(Section.embedded_by == vectors_name(rt.embedder))).where(
        Section.project_id == project_id
    )
    async with rt.db.read() as session:
        total, done = (await session.execute(counts)).one()
    return Progress(done=done, total=total)


async def index_if_large(rt: Runtime, project_id: UUID) -> None:
    """An HNSW index (Malkov & Yashunin 2016) of the project's own once it has over 2,000 vectors; exact before that."""
    async with rt.db.read() as session:
        own = SectionVector.project_id == project_id
        if (await session.scalar(select(func.count()).select_from(SectionVector).where(own)) or 0) <= LARGE:
            return
    dimension = rt.embedder.dimension
    name = f"ix_section_vector_{project_id.hex}_{dimension}"
    statement = (
        f"create index concurrently if not exists {name} on section_vector "
        f"using hnsw ((embedding::halfvec({dimension})) halfvec_ip_ops) where project_id = '{project_id}'"
    )
    async with rt.db.engine.connect() as connection:
        autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await autocommit.execute(sql(statement))


async def _change_model_if_needed(rt: Runtime, project_id: UUID) -> None:
    async with rt.db.begin() as session:
        state = await lock_state(session, project_id)
        if state.vectors_by != vectors_name(rt.embedder):
            await session.execute(delete(SectionVector).where(SectionVector.project_id == project_id))
            await session.execute(update(Section).where(Section.project_id == project_id).values(embedded_by=None))
            state.vectors_by = vectors_name(rt.embedder)


async def _without_vectors(rt: Runtime, project_id: UUID) -> Sequence[Section]:
    query = (
        select(Section)
        .where(Section.project_id == project_id, Section.embedded_by.is_distinct_from(vectors_name(rt.embedder)))
        .order_by(Section.number)
        .limit(BATCH)
    )
    async with rt.db.read() as session:
        return (await session.execute(query)).scalars().all()


def language_of(section: Section) -> Language:
    """The section's language, of the type that text functions want."""
    return "en" if section.language == "en" else "pt"


def _texts_of(section: Section) -> list[tuple[str, int, str]]:
    """Kind, ordinal and text of each vector of a section."""
    heading = section.question or section.title
    texts = [("whole", 0, f"{heading}\n{section.content}" if heading else section.content)]
    if heading:
        texts.append(("heading", 0, heading))
    texts += [("phrasing", ordinal, phrasing) for ordinal, phrasing in enumerate(section.phrasings)]
    parts = windows(section.content)
    if len(parts) > 1:
        texts += [("window", ordinal, part) for ordinal, part in enumerate(parts)]
    return texts


async def _store(
    session: AsyncSession,
    model: str,
    project_id: UUID,
    batch: Sequence[Section],
    named: Sequence[tuple[int, str, int, Any]],
) -> None:
    """Store vectors of sections that still are what was embedded; those changed meanwhile wait for the next round."""
    unchanged = (
        select(Section.number)
        .where(Section.project_id == project_id, Section.number.in_([section.number for section in batch]))
        .where(Section.digest.in_([section.digest for section in batch]))
        .with_for_update()
    )
    numbers = set((await session.execute(unchanged)).scalars())
    mine = (SectionVector.project_id == project_id, SectionVector.section_number.in_(numbers))
    await session.execute(delete(SectionVector).where(*mine))
    connection: Any = (await (await session.connection()).get_raw_connection()).driver_connection
    async with connection.cursor() as cursor, cursor.copy(COPY_VECTORS) as copy:
        for number, kind, ordinal, vector in named:
            if number in numbers:
                await copy.write_row((project_id, number, kind, ordinal, HalfVector(vector).to_text()))
    marked = update(Section).where(Section.project_id == project_id, Section.number.in_(numbers))
    await session.execute(marked.values(embedded_by=model))
