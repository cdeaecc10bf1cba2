"""Projects, the tenants: created, listed, found by name."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import Membership, Project
from ouvidor.accounts.permissions import Role
from ouvidor.accounts.rules import Mode
from ouvidor.db import new_id
from ouvidor.errors import Conflict, NotFound, Unprocessable

NAME_RULE = "2 to 63 of a-z, 0-9, - and _, starting with a letter or digit"


class UnknownProject(NotFound):
    """There is no such project, or this credential is not of it."""


async def create_project(
    session: AsyncSession,
    name: str,
    *,
    title: str,
    now: datetime,
    mode: Mode = Mode.BOTH,
    persona: str = "",
    demo: bool = False,
) -> Project:
    """A new tenant.

    Raises:
        Unprocessable: the name breaks the rule.
        Conflict: the name is taken.
    """
    fits = name.isascii() and name.lower() == name and 2 <= len(name) <= 63 and name[0].isalnum()
    if not fits or not name.replace("-", "").replace("_", "").isalnum():
        raise Unprocessable(f"{name!r} cannot name a project: {NAME_RULE}.")
    values = {"id": new_id(), "name": name, "title": title, "mode": mode, "persona": persona, "demo": demo}
    query = insert(Project).values(**values, created_at=now).on_conflict_do_nothing(index_elements=["name"])
    added = (await session.execute(query.returning(Project))).scalar_one_or_none()
    if added is None:
        raise Conflict(f"There is a project named {name} already.")
    return added


async def project_named(session: AsyncSession, name: str) -> Project:
    """The project of this name.

    Raises:
        UnknownProject: there is none.
    """
    found = (await session.execute(select(Project).where(Project.name == name))).scalar_one_or_none()
    if found is None:
        raise UnknownProject(f"There is no project named {name}. `ouvidor project list` shows what there is.")
    return found


async def all_projects(session: AsyncSession) -> list[Project]:
    """Every project, by name."""
    return list((await session.execute(select(Project).order_by(Project.name))).scalars())


@dataclass(frozen=True)
class Place:
    """A person's place in a project."""

    project: Project
    role: Role


async def places_of(session: AsyncSession, user_id: UUID) -> list[Place]:
    """The projects a person belongs to with their role, by title."""
    query = (
        select(Project, Membership.role)
        .join(Membership, Membership.project_id == Project.id)
        .where(Membership.user_id == user_id)
        .order_by(Project.title, Project.id)
    )
    return [Place(row.Project, Role(row.role)) for row in await session.execute(query)]
