"""Reading sections: pages of them, and one."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.errors import NotFound
from ouvidor.knowledge.models import Section


class SectionOut(BaseModel):
    """One section."""

    id: UUID
    key: str
    question: str | None
    title: str | None
    content: str
    phrasings: list[str]
    tags: list[str]
    tier: Literal["N1", "N2"]
    language: Literal["pt", "en"]
    created_at: datetime
    updated_at: datetime


class SectionPage(BaseModel):
    """One page of sections."""

    object: Literal["list"] = "list"
    data: list[SectionOut]
    first_id: UUID | None
    last_id: UUID | None
    has_more: bool


async def list_sections(
    session: AsyncSession,
    project_id: UUID,
    *,
    after: UUID | None = None,
    limit: int = 20,
    tier: str | None = None,
    containing: str | None = None,
) -> SectionPage:
    """A page of the project's sections in the order of their making; `containing` looks into heading and content."""
    query = select(Section).where(Section.project_id == project_id)
    if after is not None:
        query = query.where(Section.id > after)
    if tier is not None:
        query = query.where(Section.tier == tier)
    if containing:
        pattern = "%" + containing.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_") + "%"
        query = query.where(
            or_(Section.question.ilike(pattern), Section.title.ilike(pattern), Section.content.ilike(pattern))
        )
    rows = (await session.execute(query.order_by(Section.id).limit(limit + 1))).scalars().all()
    data = [SectionOut.model_validate(row, from_attributes=True) for row in rows[:limit]]
    return SectionPage(
        data=data,
        first_id=data[0].id if data else None,
        last_id=data[-1].id if data else None,
        has_more=len(rows) > limit,
    )


async def read_section(session: AsyncSession, project_id: UUID, section_id: UUID) -> SectionOut:
    """One section of the project.

    Raises:
        NotFound: the project has no such section.
    """
    query = select(Section).where(Section.project_id == project_id, Section.id == section_id)
    found = (await session.execute(query)).scalar_one_or_none()
    if found is None:
        raise NotFound("This project has no section with that id.")
    return SectionOut.model_validate(found, from_attributes=True)


async def count_sections(session: AsyncSession, project_id: UUID) -> int:
    """How many sections the project has."""
    counted = await session.scalar(select(func.count()).where(Section.project_id == project_id))
    return counted or 0
