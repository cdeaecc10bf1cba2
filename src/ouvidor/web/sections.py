"""The knowledge pages: a project's sections as a list, as the findings of a search, and one in full."""

import random
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import Project
from ouvidor.accounts.permissions import Permission
from ouvidor.knowledge.models import Section
from ouvidor.knowledge.read import SectionOut, count_sections, list_sections, read_section
from ouvidor.knowledge.search import FoundSection, search
from ouvidor.runtime import Runtime, RuntimeDep
from ouvidor.web.answers import show
from ouvidor.web.contexts.knowledge import KnowledgePage, SectionPage, SectionRow
from ouvidor.web.frames import frame_of
from ouvidor.web.visits import Member, member_with

PAGE_LENGTH = 50
FOUND_LENGTH = 50
EXCERPT_LENGTH = 240
SUGGESTED = 4
SUGGESTED_FROM = 300
LONGEST_SUGGESTION = 90
HEADING_LENGTH = 80

router = APIRouter(include_in_schema=False)

KnowledgeReader = Annotated[Member, member_with(Permission.KNOWLEDGE_READ)]


@dataclass(frozen=True)
class Filters:
    """What the list is narrowed to, from the address; FastAPI reads each field from the query."""

    q: Annotated[str, Query(max_length=400)] = ""
    tier: Literal["", "N1", "N2"] = ""
    after: UUID | None = None

    def address(self, project: Project) -> str:
        """The list under these filters."""
        query = urlencode({name: value for name, value in (("q", self.q), ("tier", self.tier)) if value})
        return f"/projects/{project.name}/knowledge" + (f"?{query}" if query else "")


FiltersDep = Annotated[Filters, Depends(Filters)]


@router.get("/projects/{project}/knowledge")
async def get_knowledge(request: Request, rt: RuntimeDep, member: KnowledgeReader, filters: FiltersDep) -> Response:
    """The project's sections in the order of their import, or those that answer a question best."""
    listed = await (_found if filters.q.strip() else _listed)(rt, member.project, filters)
    async with rt.db.read() as session:
        total = await count_sections(session, member.project.id)
    page = KnowledgePage(
        frame=frame_of(request, rt, member, "knowledge"),
        rows=listed.rows,
        total=total,
        query=filters.q,
        tier=filters.tier,
        after=listed.after,
        continued=filters.after is not None,
    )
    return show(request, page)


@router.get("/projects/{project}/knowledge/{section_id}")
async def get_section(
    request: Request, rt: RuntimeDep, member: KnowledgeReader, section_id: UUID, filters: FiltersDep
) -> Response:
    """One section in full; the filters lead back to the list it was found in."""
    async with rt.db.read() as session:
        section = await read_section(session, member.project.id, section_id)
    page = SectionPage(
        frame=frame_of(request, rt, member, "knowledge"),
        id=str(section.id),
        key=section.key,
        title=heading_of(section.question or section.title, section.content),
        content=section.content,
        tier=section.tier,
        language=section.language,
        tags=tuple(section.tags),
        phrasings=tuple(section.phrasings),
        created_at=section.created_at,
        updated_at=section.updated_at,
        back=filters.address(member.project),
    )
    return show(request, page)


@dataclass(frozen=True)
class Rows:
    """Rows of the list, and the cursor of what follows (empty: nothing)."""

    rows: tuple[SectionRow, ...]
    after: str = ""


async def _listed(rt: Runtime, project: Project, filters: Filters) -> Rows:
    async with rt.db.read() as session:
        page = await list_sections(
            session, project.id, after=filters.after, limit=PAGE_LENGTH, tier=filters.tier or None
        )
    return Rows(tuple(_row(section) for section in page.data), str(page.last_id) if page.has_more else "")


async def _found(rt: Runtime, project: Project, filters: Filters) -> Rows:
    result = await search(rt, project, filters.q.strip(), limit=FOUND_LENGTH)
    fitting = (section for section in result.sections if filters.tier in {"", section.tier})
    return Rows(tuple(_found_row(section) for section in fitting))


async def suggested_questions(session: AsyncSession, project: Project, seed: str) -> tuple[str, ...]:
    """Short questions that the knowledge answers, the same for the same seed; one of them N2 where there is one."""
    query = (
        select(Section.question, Section.tier)
        .where(
            Section.project_id == project.id,
            Section.question.is_not(None),
            func.length(Section.question) <= LONGEST_SUGGESTION,
        )
        .order_by(Section.number)
        .limit(SUGGESTED_FROM)
    )
    rows = [(str(row.question), row.tier) for row in await session.execute(query)]
    drawn = random.Random(seed)  # noqa: S311 - a choice of examples, not a secret
    drawn.shuffle(rows)
    specialist = [question for question, tier in rows if tier == "N2"][:1]
    plain = [question for question, tier in rows if tier == "N1"][: SUGGESTED - len(specialist)]
    return (*plain, *specialist)


def heading_of(heading: str | None, content: str) -> str:
    """What a section is called: its question or title, else how its text begins."""
    return heading or content[:HEADING_LENGTH]


def _row(section: SectionOut) -> SectionRow:
    return SectionRow(
        id=str(section.id),
        title=heading_of(section.question or section.title, section.content),
        excerpt=section.content[:EXCERPT_LENGTH],
        tier=section.tier,
        language=section.language,
        tags=tuple(section.tags),
        phrasings=len(section.phrasings),
        updated_at=section.updated_at,
    )


def _found_row(section: FoundSection) -> SectionRow:
    return SectionRow(
        id=str(section.id),
        title=heading_of(section.heading, section.content),
        excerpt=section.content[:EXCERPT_LENGTH],
        tier=section.tier,
        language=section.language,
        tags=section.tags,
        phrasings=len(section.phrasings),
        score=section.score,
    )
