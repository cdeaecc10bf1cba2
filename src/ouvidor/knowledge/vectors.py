"""The background part of an import: the vectors of new sections, and the index over many."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector
from pgvector.psycopg.halfvec import HalfVectorBinaryDumper
from psycopg.types.numeric import Int4
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.engines.embeddings import EmbeddingFailed
from ouvidor.knowledge.embedding import embed_texts, vectors_name
from ouvidor.knowledge.models import Section, SectionVector
from ouvidor.knowledge.state import lock_known_state, read_state
from ouvidor.knowledge.vector_index import (
    SECTION_VECTORS,
    drop_index,
    drop_orphans,
    index_if_large,
    tell_planner,
    turn_of,
)
from ouvidor.runtime import Runtime
from ouvidor.text import Language, windows

PAGE = 64
TEXTS_AT_ONCE = 512
MANY = 1_000
TABLES = ("section", "posting", "section_vector")

COPY_VECTORS = """
copy section_vector (project_id, section_number, kind, ordinal, embedding) from stdin with (format binary)
"""


@dataclass(frozen=True)
class Progress:
    """How far the vectors of a project have come, in sections."""

    done: int
    total: int


@dataclass(frozen=True)
class _Text:
    """What one vector of a section is made of; `ordinal` counts those of a kind."""

    number: int
    language: Language
    kind: str
    ordinal: int
    text: str


async def embed_sections(rt: Runtime, project_id: UUID, progress: Callable[[Progress], None] = lambda _: None) -> int:
    """Make the vectors of every section that lacks those of the present model, a few sections a transaction.

    Safe to cut short and to run twice: a section is marked in the transaction that stores its vectors, and one process
    at a time works for a project; others wait for it.

    Returns:
        How many sections got vectors.

    Raises:
        EmbeddingFailed: a server's model gave none; what was stored before stays.
    """
    if not rt.embedder.available:
        return 0
    if not rt.embedder.dimension:
        await rt.embedder.embed([])
    name = vectors_name(rt.embedder)
    async with turn_of(rt.db, SECTION_VECTORS, project_id):
        await _change_model_if_needed(rt, project_id, name)
        before = await vector_progress(rt, project_id)
        done = last = 0
        while True:
            page = await _without_vectors(rt, project_id, name, after=last)
            if not page and last == 0:
                break
            for batch in _batches(page):
                done += await _embed(rt, project_id, name, batch)
                progress(Progress(before.done + done, max(before.total, before.done + done)))
            last = page[-1].number if page else 0
        await index_if_large(rt.db, SECTION_VECTORS, project_id, rt.embedder.dimension)
    if done >= MANY:
        await tell_planner(rt.db, *TABLES)
    await drop_orphans(rt.db, SECTION_VECTORS)
    return done


async def vector_progress(rt: Runtime, project_id: UUID) -> Progress:
    """How many of the project's sections have vectors of the present model; none while its server was never reached."""
    if rt.embedder.available and not rt.embedder.dimension:
        with suppress(EmbeddingFailed):
            await rt.embedder.embed([])
    counts = select(func.count(), func.count().filter(Section.embedded_by == vectors_name(rt.embedder))).where(
        Section.project_id == project_id
    )
    async with rt.db.read() as session:
        total, done = (await session.execute(counts)).one()
    return Progress(done=done, total=total)


async def _change_model_if_needed(rt: Runtime, project_id: UUID, name: str) -> None:
    """Where the vectors are another model's, drop them, and with them the classifier that was trained on them."""
    async with rt.db.read() as session:
        known = await read_state(session, project_id)
    if known.vectors_by == name:
        return
    await drop_index(rt.db, SECTION_VECTORS, project_id)
    async with rt.db.begin() as session:
        state = await lock_known_state(session, project_id)
        if state is not None:
            await session.execute(delete(SectionVector).where(SectionVector.project_id == project_id))
            await session.execute(update(Section).where(Section.project_id == project_id).values(embedded_by=None))
            state.vectors_by = name
            state.profile = state.profiled_revision = None


async def _without_vectors(rt: Runtime, project_id: UUID, name: str, *, after: int) -> Sequence[Section]:
    """The next sections in the order of their numbers; those changed behind `after` come with the next round."""
    mine = (Section.project_id == project_id, Section.number > after)
    lacking = select(Section).where(*mine, Section.embedded_by.is_distinct_from(name))
    async with rt.db.read() as session:
        return (await session.execute(lacking.order_by(Section.number).limit(PAGE))).scalars().all()


def _batches(sections: Sequence[Section]) -> Iterator[list[Section]]:
    """The sections in order, with about TEXTS_AT_ONCE texts each time, which bounds memory."""
    batch: list[Section] = []
    texts = 0
    for section in sections:
        batch.append(section)
        texts += 2 + len(section.phrasings) + len(section.content) // 150
        if texts >= TEXTS_AT_ONCE:
            yield batch
            batch, texts = [], 0
    if batch:
        yield batch


def _texts_of(section: Section) -> list[_Text]:
    heading, windowed = section.question or section.title, windows(section.content)
    texts = {
        "whole": [f"{heading}\n{section.content}" if heading else section.content],
        "heading": [heading] if heading else [],
        "phrasing": section.phrasings,
        "window": windowed if len(windowed) > 1 else [],
    }
    language: Language = "en" if section.language == "en" else "pt"
    return [
        _Text(section.number, language, kind, ordinal, text)
        for kind, parts in texts.items()
        for ordinal, text in enumerate(parts)
    ]


async def _embed(rt: Runtime, project_id: UUID, name: str, batch: Sequence[Section]) -> int:
    """Store vectors of sections that still are what was embedded; those changed meanwhile come with the next round."""
    texts = await asyncio.to_thread(lambda: [text for section in batch for text in _texts_of(section)])
    vectors = await embed_texts(
        rt.embedder, [text.text for text in texts], [text.language for text in texts], project_id=project_id
    )
    if vectors_name(rt.embedder) != name:
        raise EmbeddingFailed("bad_output")
    async with rt.db.begin() as session:
        if await lock_known_state(session, project_id) is None:
            return 0
        unchanged = (
            select(Section.number)
            .where(Section.project_id == project_id, Section.number.in_([section.number for section in batch]))
            .where(Section.digest.in_([section.digest for section in batch]))
        )
        numbers = set((await session.execute(unchanged)).scalars())
        mine = (SectionVector.project_id == project_id, SectionVector.section_number.in_(numbers))
        await session.execute(delete(SectionVector).where(*mine))
        kept = [pair for pair in zip(texts, vectors, strict=True) if pair[0].number in numbers]
        await _copy(session, project_id, kept)
        marked = update(Section).where(Section.project_id == project_id, Section.number.in_(numbers))
        await session.execute(marked.values(embedded_by=name))
    return len(numbers)


async def _copy(session: AsyncSession, project_id: UUID, vectors: Sequence[tuple[_Text, NDArray[np.float32]]]) -> None:
    connection: Any = (await (await session.connection()).get_raw_connection()).driver_connection
    async with connection.cursor() as cursor:
        cursor.adapters.register_dumper(HalfVector, HalfVectorBinaryDumper)
        async with cursor.copy(COPY_VECTORS) as copy:
            for text, vector in vectors:
                row = (project_id, Int4(text.number), text.kind, Int4(text.ordinal), HalfVector(vector))
                await copy.write_row(row)
