"""The page of a person's projects; operators make new ones there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from ouvidor.accounts.models import Membership
from ouvidor.accounts.projects import OperatorsOnly, found_project
from ouvidor.conversations.models import Conversation, Status
from ouvidor.errors import Conflict, Unprocessable
from ouvidor.inputs import storable
from ouvidor.knowledge.models import Section
from ouvidor.runtime import Runtime, RuntimeDep
from ouvidor.text import Language
from ouvidor.web.answers import go_to, show
from ouvidor.web.contexts.manage import ProjectCard, ProjectDraft, ProjectsPage
from ouvidor.web.frames import frame_of
from ouvidor.web.visits import Person, PersonDep

LONGEST_TITLE = 120
LANGUAGES: Mapping[str, tuple[Language, ...]] = {
    "pt,en": ("pt", "en"),
    "en,pt": ("en", "pt"),
    "pt": ("pt",),
    "en": ("en",),
}
"""What the form offers: the languages a project answers in, the preferred one first."""

router = APIRouter(include_in_schema=False)


class ProjectForm(BaseModel):
    """A project to make."""

    title: str = Field(default="", max_length=2000)
    name: str = Field(default="", max_length=2000)
    languages: str = Field(default="pt,en", max_length=20)

    def clean_title(self) -> str:
        """The title as people read it.

        Raises:
            Unprocessable: it is empty, too long or cannot be stored.
        """
        title = " ".join(self.title.split())
        try:
            storable(title)
        except ValueError as broken:
            raise Unprocessable(f"{broken}.") from None
        if not 1 <= len(title) <= LONGEST_TITLE:
            raise Unprocessable(f"A project needs a title of 1 to {LONGEST_TITLE} letters.")
        return title


@dataclass(frozen=True)
class Counts:
    """By project: how many members, sections, and conversations that wait for a person."""

    members: Mapping[UUID, int]
    sections: Mapping[UUID, int]
    waiting: Mapping[UUID, int]


@router.get("/projects")
async def get_projects(request: Request, rt: RuntimeDep, person: PersonDep) -> Response:
    """The person's projects, and what goes on in each."""
    return show(request, await _page(request, rt, person, ProjectDraft()))


@router.post("/projects")
async def post_project(
    request: Request, rt: RuntimeDep, person: PersonDep, form: Annotated[ProjectForm, Form()]
) -> Response:
    """Make a project whose owner is the operator that makes it."""
    if not person.user.operator:
        raise OperatorsOnly
    typed = {"title": form.title, "name": form.name, "languages": form.languages}
    try:
        title = form.clean_title()
    except Unprocessable as refused:
        return show(request, await _page(request, rt, person, ProjectDraft(**typed, wrong="title")), refused.status)
    name, languages = form.name.strip(), LANGUAGES.get(form.languages, LANGUAGES["pt,en"])
    try:
        async with rt.db.begin() as session:
            made = await found_project(session, person.user, name, title=title, languages=languages, now=rt.clock())
    except (Unprocessable, Conflict) as refused:
        draft = ProjectDraft(**typed, wrong="taken" if isinstance(refused, Conflict) else "name")
        return show(request, await _page(request, rt, person, draft), refused.status)
    return go_to(f"/projects/{made.name}/overview")


async def _page(request: Request, rt: Runtime, person: Person, draft: ProjectDraft) -> ProjectsPage:
    async with rt.db.read() as session:
        counts = await _count(session, [place.project.id for place in person.places])
    cards = [
        ProjectCard(
            name=place.project.name,
            title=place.project.title,
            role=place.role,
            members=counts.members.get(place.project.id, 0),
            sections=counts.sections.get(place.project.id, 0),
            waiting=counts.waiting.get(place.project.id, 0),
        )
        for place in person.places
    ]
    frame = frame_of(request, rt, person)
    return ProjectsPage(frame, tuple(cards), operator=person.user.operator, draft=draft)


async def _count(session: AsyncSession, projects: Sequence[UUID]) -> Counts:
    async def by_project(column: InstrumentedAttribute[UUID], *more: ColumnElement[bool]) -> Mapping[UUID, int]:
        counted = select(column.label("project"), func.count().label("found"))
        query = counted.where(column.in_(projects), *more).group_by(column)
        return {row.project: row.found for row in await session.execute(query)}

    return Counts(
        members=await by_project(Membership.project_id),
        sections=await by_project(Section.project_id),
        waiting=await by_project(Conversation.project_id, Conversation.status == Status.WAITING),
    )
