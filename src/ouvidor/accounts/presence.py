"""Whether somebody is there to answer: members with the inbox open who have not said that they are away."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import Membership, Project, User
from ouvidor.accounts.permissions import ANSWERING_ROLES
from ouvidor.accounts.rules import HandoverTo

THERE_FOR = timedelta(minutes=2)
"""How long a sign of life counts; an open inbox gives one every 30 seconds."""


@dataclass(frozen=True)
class Presence:
    """A member who may answer: `there` now, or when last seen."""

    user_id: UUID
    name: str
    away: bool
    seen_at: datetime | None
    there: bool


async def note_presence(session: AsyncSession, project_id: UUID, user_id: UUID, now: datetime) -> None:
    """A sign of life of this member."""
    mine = (Membership.project_id == project_id, Membership.user_id == user_id)
    await session.execute(update(Membership).where(*mine).values(seen_at=now))


async def set_away(session: AsyncSession, project_id: UUID, user_id: UUID, now: datetime, *, away: bool) -> None:
    """The member takes no new conversations, or does again."""
    mine = (Membership.project_id == project_id, Membership.user_id == user_id)
    await session.execute(update(Membership).where(*mine).values(away=away, seen_at=now))


async def answering_members(session: AsyncSession, project_id: UUID, now: datetime) -> Sequence[Presence]:
    """Everybody whose role may answer customers, those who are there first."""
    query = (
        select(Membership, User)
        .join(User, User.id == Membership.user_id)
        .where(Membership.project_id == project_id, Membership.role.in_(ANSWERING_ROLES))
    )
    found = [_presence(row.Membership, row.User, now) for row in await session.execute(query)]
    return sorted(found, key=lambda presence: (not presence.there, presence.name.casefold()))


async def nobody_there(session: AsyncSession, project: Project, now: datetime) -> bool:
    """Whether a customer who is handed over meets nobody at the moment.

    False where people answer elsewhere: the project says so, or has no member who may answer here.
    """
    if project.handover_to == HandoverTo.ELSEWHERE:
        return False
    members = await answering_members(session, project.id, now)
    return bool(members) and not any(member.there for member in members)


def is_there(membership: Membership, now: datetime) -> bool:
    """Whether the member gave a sign of life lately and has not said that they are away."""
    return not membership.away and membership.seen_at is not None and membership.seen_at > now - THERE_FOR


def _presence(membership: Membership, user: User, now: datetime) -> Presence:
    there = is_there(membership, now)
    return Presence(user.id, user.shown_name, membership.away, membership.seen_at, there)
