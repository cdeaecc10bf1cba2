"""Writing sections: an import changes only what changed, in short transactions; a section can be removed."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select, update
from sqlalchemy import text as sql
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import COMMAND, Actor, Subject, note
from ouvidor.accounts.models import Project
from ouvidor.db import new_id
from ouvidor.errors import Fault, NotFound
from ouvidor.jobs import enqueue
from ouvidor.knowledge.ingest import Row, SectionInput
from ouvidor.knowledge.models import KnowledgeState, Section, SectionVector
from ouvidor.knowledge.postings import FieldTerms, NumberedTerms, add_postings, remove_postings
from ouvidor.knowledge.state import count_change, lock_state
from ouvidor.runtime import Runtime

CHUNK = 500
INDEX_JOB = "knowledge.index"

# Workers pass over a job that is locked: it cannot begin, and miss the change, before the transaction ends.
HOLD_WAITING_JOB = "select from procrastinate_jobs where queueing_lock = :name and status = 'todo' for update"


@dataclass
class ImportReport:
    """What an import did: counts of sections, and the rows that did not land."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    broken: list[Fault] = field(default_factory=list[Fault])

    @property
    def rows(self) -> int:
        """All rows read."""
        return self.added + self.changed + self.unchanged + len(self.broken)


@dataclass(frozen=True)
class _Stored:
    id: UUID
    number: int
    digest: bytes


async def import_sections(
    rt: Runtime,
    project: Project,
    rows: Iterable[Row],
    *,
    progress: Callable[[int], None] = lambda _: None,
    replace: bool = False,
    actor: Actor = COMMAND,
) -> ImportReport:
    """Bring a project's knowledge up to these rows; vectors follow as a job.

    Each 500 rows are one transaction: an import that was cut short is continued by running it again. With `replace`
    sections that the rows do not name are removed at the end. Of rows with the same key the last counts.
    """
    report = ImportReport()
    named: set[str] = set()
    remaining = iter(rows)
    while chunk := await asyncio.to_thread(lambda: list(islice(remaining, CHUNK))):
        report.broken += [row for _, row in chunk if isinstance(row, Fault)]
        sections = {row.key: row for _, row in chunk if isinstance(row, SectionInput)}
        named.update(sections)
        async with rt.db.begin() as session:
            added, changed = report.added, report.changed
            await _write(session, rt, project.id, sections, report)
            added, changed = report.added - added, report.changed - changed
            if added or changed:
                at = rt.clock()
                await note(
                    session, actor, "knowledge.imported", at=at, project_id=project.id, added=added, changed=changed
                )
        progress(len(chunk))
    if replace:
        report.removed = await _remove_others(rt, project.id, named, actor)
    return report


async def remove_section(rt: Runtime, project: Project, section_id: UUID, *, actor: Actor = COMMAND) -> None:
    """Take a section out of the project's knowledge.

    Raises:
        NotFound: the project has no such section.
    """
    async with rt.db.begin() as session:
        state = await lock_state(session, project.id)
        if not await _remove(session, rt, state, [section_id]):
            raise NotFound("This project has no section with that id.")
        subject = Subject("section", section_id)
        await note(session, actor, "section.removed", at=rt.clock(), project_id=project.id, subject=subject)


async def _write(
    session: AsyncSession, rt: Runtime, project_id: UUID, sections: Mapping[str, SectionInput], report: ImportReport
) -> None:
    """Bring the sections of these keys up to what they should be, in the caller's transaction."""
    state = await lock_state(session, project_id)
    stored = await _stored(session, project_id, list(sections))
    new = [section for key, section in sections.items() if key not in stored]
    changed = [s for key, s in sections.items() if key in stored and stored[key].digest != s.digest()]
    report.added += len(new)
    report.changed += len(changed)
    report.unchanged += len(sections) - len(new) - len(changed)
    if not new and not changed:
        return
    first = state.newest_number + 1
    numbers = [*range(first, first + len(new)), *(stored[section.key].number for section in changed)]
    state.newest_number += len(new)
    come = await asyncio.to_thread(_numbered, numbers, [*new, *changed])
    gone = await _clear(session, project_id, [stored[section.key].id for section in changed])
    await _insert(session, rt, project_id, new, come[: len(new)])
    await _update(session, rt, [stored[s.key].id for s in changed], changed, come[len(new) :])
    await add_postings(session, project_id, come)
    await _settle(session, rt, state, gone=gone, come=come)


async def _stored(session: AsyncSession, project_id: UUID, keys: Sequence[str]) -> dict[str, _Stored]:
    query = select(Section.key, Section.id, Section.number, Section.digest)
    rows = await session.execute(query.where(Section.project_id == project_id, Section.key.in_(keys)))
    return {row.key: _Stored(row.id, row.number, row.digest) for row in rows}


async def _insert(
    session: AsyncSession, rt: Runtime, project_id: UUID, new: Sequence[SectionInput], terms: Sequence[NumberedTerms]
) -> None:
    now = rt.clock()
    made = {"project_id": project_id, "created_at": now, "updated_at": now}
    rows = [
        {**_columns(section, numbered), **made, "id": new_id(), "key": section.key, "number": numbered.number}
        for section, numbered in zip(new, terms, strict=True)
    ]
    if rows:
        await session.execute(insert(Section), rows)


async def _update(
    session: AsyncSession,
    rt: Runtime,
    ids: Sequence[UUID],
    changed: Sequence[SectionInput],
    terms: Sequence[NumberedTerms],
) -> None:
    made = {"updated_at": rt.clock(), "embedded_by": None}
    rows = [
        {**_columns(section, numbered), **made, "id": section_id}
        for section_id, section, numbered in zip(ids, changed, terms, strict=True)
    ]
    if rows:
        await session.execute(update(Section), rows)


async def _clear(session: AsyncSession, project_id: UUID, ids: Sequence[UUID]) -> list[NumberedTerms]:
    """Take away the postings and vectors of sections; what the postings were."""
    if not ids:
        return []
    columns = (Section.number, Section.language, Section.question, Section.title, Section.content, Section.phrasings)
    found = (await session.execute(select(*columns).where(Section.project_id == project_id, Section.id.in_(ids)))).all()
    gone = await asyncio.to_thread(_numbered, [row.number for row in found], found)
    await remove_postings(session, project_id, gone)
    mine = (SectionVector.project_id == project_id, SectionVector.section_number.in_([part.number for part in gone]))
    await session.execute(delete(SectionVector).where(*mine))
    return gone


async def _remove(session: AsyncSession, rt: Runtime, state: KnowledgeState, ids: Sequence[UUID]) -> int:
    """Take sections out, in the caller's transaction; how many there were."""
    gone = await _clear(session, state.project_id, ids)
    if gone:
        await session.execute(delete(Section).where(Section.project_id == state.project_id, Section.id.in_(ids)))
        await _settle(session, rt, state, gone=gone, come=())
    return len(gone)


async def _remove_others(rt: Runtime, project_id: UUID, named: Collection[str], actor: Actor) -> int:
    """Remove the sections with other keys than these, a page of keys at a time; how many there were."""
    removed, last = 0, ""
    while True:
        async with rt.db.begin() as session:
            state = await lock_state(session, project_id)
            query = select(Section.key, Section.id).where(Section.project_id == project_id, Section.key > last)
            page = (await session.execute(query.order_by(Section.key).limit(CHUNK))).all()
            if not page:
                return removed
            gone = await _remove(session, rt, state, [row.id for row in page if row.key not in named])
            removed += gone
            if gone:
                await note(session, actor, "knowledge.imported", at=rt.clock(), project_id=project_id, removed=gone)
            last = page[-1].key


async def _settle(
    session: AsyncSession,
    rt: Runtime,
    state: KnowledgeState,
    *,
    gone: Sequence[NumberedTerms],
    come: Sequence[NumberedTerms],
) -> None:
    """Count the change, and have the index follow it: by a new job, or by the one that waits, held back till then."""
    count_change(state, gone=gone, come=come)
    name = index_job_of(state.project_id)
    if not (await session.execute(sql(HOLD_WAITING_JOB), {"name": name})).all():
        await enqueue(session, rt.jobs, INDEX_JOB, once=name, project=str(state.project_id))


def index_job_of(project_id: UUID) -> str:
    """The name under which at most one job of the project's index waits, and one runs."""
    return f"{INDEX_JOB} {project_id}"


def _numbered(numbers: Sequence[int], sections: Sequence[Any]) -> list[NumberedTerms]:
    """The terms of sections, as read or as stored."""
    return [
        NumberedTerms(number, section.language, FieldTerms.of(section))
        for number, section in zip(numbers, sections, strict=True)
    ]


def _columns(section: SectionInput, terms: NumberedTerms) -> dict[str, object]:
    lengths = terms.fields.lengths()
    return {
        "question": section.question,
        "title": section.title,
        "content": section.content,
        "phrasings": list(section.phrasings),
        "tags": list(section.tags),
        "tier": section.tier,
        "language": section.language,
        "digest": section.digest(),
        "heading_length": int(lengths.heading),
        "content_length": int(lengths.content),
        "phrasings_length": int(lengths.phrasings),
    }
