"""Writing sections: an import changes only what changed, in short transactions; a section can be removed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from uuid import UUID

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import Project
from ouvidor.db import new_id
from ouvidor.errors import Fault, NotFound
from ouvidor.jobs import enqueue
from ouvidor.knowledge.ingest import Row, SectionInput
from ouvidor.knowledge.models import KnowledgeState, Posting, Section, SectionVector
from ouvidor.knowledge.postings import LANGUAGES, FieldTerms, NumberedTerms, drifted, reweigh, write_postings
from ouvidor.knowledge.ranking import Lengths
from ouvidor.knowledge.state import lock_state, renew_state, statistics_from_json
from ouvidor.runtime import Runtime
from ouvidor.text import Language

CHUNK = 500
INDEX_JOB = "knowledge.index"


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


async def import_sections(
    rt: Runtime,
    project: Project,
    rows: Iterable[Row],
    *,
    progress: Callable[[int], None] = lambda _: None,
    replace: bool = False,
) -> ImportReport:
    """Bring a project's knowledge up to these rows; vectors follow as a job.

    Each 500 rows are one transaction: an import that was cut short is continued by running it again. With `replace`
    sections that the rows do not name are removed at the end.
    """
    report = ImportReport()
    named: set[str] = set()
    weighed_with: dict[Language, float] = {}
    remaining = iter(rows)
    while chunk := list(islice(remaining, CHUNK)):
        report.broken += [row for _, row in chunk if isinstance(row, Fault)]
        sections = [row for _, row in chunk if isinstance(row, SectionInput)]
        named.update(section.key for section in sections)
        async with rt.db.begin() as session:
            state = await lock_state(session, project.id)
            await _write(session, rt, state, sections, report, weighed_with)
        progress(len(chunk))
    await _finish(rt, project, report, named if replace else None, weighed_with)
    return report


async def remove_section(rt: Runtime, project: Project, section_id: UUID) -> None:
    """Take a section out of the project's knowledge.

    Raises:
        NotFound: the project has no such section.
    """
    async with rt.db.begin() as session:
        state = await lock_state(session, project.id)
        mine = (Section.project_id == project.id, Section.id == section_id)
        gone = await session.execute(delete(Section).where(*mine).returning(Section.id))
        if gone.scalar_one_or_none() is None:
            raise NotFound("This project has no section with that id.")
        await renew_state(session, state)
        await enqueue(session, rt.jobs, INDEX_JOB, once=f"{INDEX_JOB} {project.id}", project=str(project.id))


async def _write(
    session: AsyncSession,
    rt: Runtime,
    state: KnowledgeState,
    sections: Sequence[SectionInput],
    report: ImportReport,
    weighed_with: dict[Language, float],
) -> None:
    stored = await _stored(session, state.project_id, [section.key for section in sections])
    new = [section for section in sections if section.key not in stored]
    changed = [s for s in sections if s.key in stored and stored[s.key].digest != s.digest()]
    report.added += len(new)
    report.changed += len(changed)
    report.unchanged += len(sections) - len(new) - len(changed)
    if not new and not changed:
        return
    prepared = {section.key: FieldTerms.of(section) for section in [*new, *changed]}
    numbers = await _insert(session, rt, state.project_id, new, prepared)
    await _clear(session, state.project_id, [stored[section.key].number for section in changed])
    for section in changed:
        row = {**_columns(section, prepared[section.key]), "updated_at": rt.clock(), "embedded_by": None}
        number = stored[section.key].number
        await session.execute(update(Section).where(Section.id == stored[section.key].id).values(**row))
        numbers[section.key] = number
    numbered = [NumberedTerms(numbers[s.key], s.language, prepared[s.key]) for s in [*new, *changed]]
    means = _means(state, numbered, weighed_with)
    await write_postings(session, state.project_id, numbered, means)
    state.revision += 1


@dataclass(frozen=True)
class _Stored:
    id: UUID
    number: int
    digest: bytes


async def _stored(session: AsyncSession, project_id: UUID, keys: Sequence[str]) -> dict[str, _Stored]:
    query = select(Section.key, Section.id, Section.number, Section.digest)
    rows = await session.execute(query.where(Section.project_id == project_id, Section.key.in_(keys)))
    return {row.key: _Stored(row.id, row.number, row.digest) for row in rows}


async def _insert(
    session: AsyncSession,
    rt: Runtime,
    project_id: UUID,
    sections: Sequence[SectionInput],
    prepared: dict[str, FieldTerms],
) -> dict[str, int]:
    if not sections:
        return {}
    now = rt.clock()
    rows = [
        {
            **_columns(section, prepared[section.key]),
            "id": new_id(),
            "project_id": project_id,
            "key": section.key,
            "created_at": now,
            "updated_at": now,
        }
        for section in sections
    ]
    added = await session.execute(insert(Section).returning(Section.key, Section.number), rows)
    return {row.key: row.number for row in added}


async def _clear(session: AsyncSession, project_id: UUID, numbers: Sequence[int]) -> None:
    for table in (Posting, SectionVector):
        mine = (table.project_id == project_id, table.section_number.in_(numbers))
        await session.execute(delete(table).where(*mine))


def _columns(section: SectionInput, fields: FieldTerms) -> dict[str, object]:
    lengths = fields.lengths()
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


def _means(
    state: KnowledgeState, numbered: Sequence[NumberedTerms], weighed_with: dict[Language, float]
) -> dict[Language, Lengths]:
    """The mean lengths to weigh with: the stored ones; for a language that is new, those of its first sections."""
    known = statistics_from_json(state.statistics)
    means: dict[Language, Lengths] = {}
    for language in LANGUAGES:
        lengths = [section.fields.lengths() for section in numbered if section.language == language]
        mean = known[language].mean
        if not known[language].sections and lengths:
            n = len(lengths)
            mean = Lengths(
                sum(length.heading for length in lengths) / n,
                sum(length.content for length in lengths) / n,
                sum(length.phrasings for length in lengths) / n,
            )
        means[language] = mean
        weighed_with.setdefault(language, mean.weighted())
    return means


async def _finish(
    rt: Runtime,
    project: Project,
    report: ImportReport,
    keep: set[str] | None,
    weighed_with: dict[Language, float],
) -> None:
    async with rt.db.begin() as session:
        state = await lock_state(session, project.id)
        if keep is not None:
            others = (Section.project_id == project.id, Section.key.not_in(keep))
            report.removed = len((await session.execute(delete(Section).where(*others).returning(Section.id))).all())
        if not (report.added or report.changed or report.removed):
            return
        statistics = await renew_state(session, state)
        if any(drifted(weighed_with.get(part, 0.0), known.mean.weighted()) for part, known in statistics.items()):
            await reweigh(session, project.id, statistics)
        await enqueue(session, rt.jobs, INDEX_JOB, once=f"{INDEX_JOB} {project.id}", project=str(project.id))
