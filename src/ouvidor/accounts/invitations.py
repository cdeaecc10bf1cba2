"""Invitations: a link that lets one person join a project in a role, once, within seven days. Only digests are kept."""

import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import Actor, Subject, note
from ouvidor.accounts.keys import digest
from ouvidor.accounts.models import Invitation, Membership, Project, User
from ouvidor.accounts.passwords import check_new_password, hash_password
from ouvidor.accounts.permissions import Role
from ouvidor.accounts.throttle import clear_attempts, count_attempt, registration_door
from ouvidor.accounts.users import actor_of, create_user, join_project
from ouvidor.db import new_id
from ouvidor.errors import NotFound, Unprocessable
from ouvidor.inputs import storable
from ouvidor.runtime import Runtime

PREFIX = "ouv_join_"
LIFE = timedelta(days=7)
MOST_LETTERS = 120


class UnknownInvitation(NotFound):
    """This invitation is not valid: it is mistyped, used, revoked or over 7 days old. Ask for a new one."""


class NoOpenInvitation(NotFound):
    """This project has no open invitation with that id."""


@dataclass(frozen=True)
class IssuedInvitation:
    """A new invitation; `text` exists only here, and whoever has it may join."""

    id: UUID
    text: str
    expires_at: datetime


@dataclass(frozen=True)
class FoundInvitation:
    """What an invitation in force lets its holder join; `invitee` is what the inviting person called them."""

    id: UUID
    project: Project
    role: Role
    invitee: str


@dataclass(frozen=True)
class Joined:
    """Who joined which project."""

    user: User
    project: Project


async def invite(
    session: AsyncSession, project: Project, role: Role, invitee: str, *, actor: Actor, now: datetime
) -> IssuedInvitation:
    """Invite one person; `invitee` (a name or an address, 1 to 120 letters) tells colleagues whom it is for.

    Raises:
        Unprocessable: no invitee, or too long a one.
    """
    called = _clean_invitee(invitee)
    text = PREFIX + secrets.token_urlsafe(32)
    row = Invitation(
        id=new_id(),
        project_id=project.id,
        role=role,
        invitee=called,
        digest=digest(text),
        invited_by=actor.name,
        invited_by_id=actor.id,
        created_at=now,
        expires_at=now + LIFE,
    )
    session.add(row)
    subject = Subject("invitation", row.id)
    await note(
        session, actor, "invitation.issued", at=now, project_id=project.id, subject=subject, role=role, invitee=called
    )
    return IssuedInvitation(row.id, text, row.expires_at)


async def open_invitations(session: AsyncSession, project_id: UUID, now: datetime) -> list[Invitation]:
    """The project's invitations that can still be used, the newest first."""
    query = select(Invitation).where(Invitation.project_id == project_id, *_open(now)).order_by(Invitation.id.desc())
    return list((await session.execute(query)).scalars())


async def revoke_invitation(
    session: AsyncSession, project: Project, invitation_id: UUID, *, actor: Actor, now: datetime
) -> None:
    """End an open invitation.

    Raises:
        NoOpenInvitation: the project has none with that id, or no longer.
    """
    mine = (Invitation.project_id == project.id, Invitation.id == invitation_id, *_open(now))
    query = update(Invitation).where(*mine).values(revoked_at=now).returning(Invitation.role, Invitation.invitee)
    ended = (await session.execute(query)).one_or_none()
    if ended is None:
        raise NoOpenInvitation
    subject = Subject("invitation", invitation_id)
    told = {"role": ended.role, "invitee": ended.invitee}
    await note(session, actor, "invitation.revoked", at=now, project_id=project.id, subject=subject, **told)


async def revoke_invitations_of(
    session: AsyncSession, project: Project, user_id: UUID, *, actor: Actor, now: datetime
) -> None:
    """End the open invitations that this person issued, so that who may no longer let others in has no way back."""
    theirs = (Invitation.project_id == project.id, Invitation.invited_by_id == user_id, *_open(now))
    for invitation_id in (await session.execute(select(Invitation.id).where(*theirs))).scalars().all():
        with suppress(NoOpenInvitation):
            await revoke_invitation(session, project, invitation_id, actor=actor, now=now)


async def find_invitation(session: AsyncSession, text: str, now: datetime) -> FoundInvitation:
    """What this invitation is for.

    Raises:
        UnknownInvitation: it never existed, was used or revoked, or has expired; it is not said which.
    """
    if not text.isascii():
        raise UnknownInvitation
    query = (
        select(Invitation, Project)
        .join(Project, Project.id == Invitation.project_id)
        .where(Invitation.digest == digest(text), *_open(now))
    )
    found = (await session.execute(query)).one_or_none()
    if found is None:
        raise UnknownInvitation
    return FoundInvitation(found.Invitation.id, found.Project, Role(found.Invitation.role), found.Invitation.invitee)


async def accept_invitation(session: AsyncSession, text: str, user: User, now: datetime) -> Project:
    """Use the invitation up and make the person a member; of many at once one wins.

    Who is a member already keeps their role, and the invitation is used.

    Raises:
        UnknownInvitation: it is not in force, or somebody else was quicker.
    """
    found = await find_invitation(session, text, now)
    used = update(Invitation).where(Invitation.id == found.id, *_open(now))
    taken = used.values(accepted_at=now, accepted_by=user.username).returning(Invitation.id)
    if (await session.execute(taken)).scalar_one_or_none() is None:
        raise UnknownInvitation
    project_id = found.project.id
    held = select(Membership.role).where(Membership.user_id == user.id, Membership.project_id == project_id)
    before = await session.scalar(held)
    await join_project(session, user.id, project_id, found.role, now)
    action = "member.joined" if before is None else "invitation.accepted"
    subject = Subject("member", user.id) if before is None else Subject("invitation", found.id)
    told = {"username": user.username, "role": before or found.role, "invitation": str(found.id)}
    await note(session, actor_of(user), action, at=now, project_id=project_id, subject=subject, **told)
    return found.project


async def join_as_new_person(
    rt: Runtime, text: str, username: str, password: str, *, address: str, name: str = ""
) -> Joined:
    """Make an account for whoever holds the invitation, and let them join; either both happen or nothing.

    `address` is the connection's own, never a header's.

    Raises:
        UnknownInvitation: it is not in force, or somebody else was quicker.
        Unprocessable: a user name, name or password that breaks its rules.
        TooManyAttempts: from this address within 15 minutes, so that nobody can try out who has an account.
        Conflict: the user name is taken; the invitation can still be used.
    """
    door, now = registration_door(address), rt.clock()
    async with rt.db.read() as session:
        await find_invitation(session, text, now)
    check_new_password(password)
    await count_attempt(rt, door)
    hashed = await hash_password(password)
    async with rt.db.begin() as session:
        await _hold(session, text, now)
        user = await create_user(session, username, hashed, now=now, name=name)
        joined = Joined(user, await accept_invitation(session, text, user, now))
        await clear_attempts(session, door)
        return joined


async def _hold(session: AsyncSession, text: str, now: datetime) -> None:
    """Let nobody else use the invitation until this transaction ends."""
    query = select(Invitation.id).where(Invitation.digest == digest(text), *_open(now)).with_for_update()
    if (await session.execute(query)).scalar_one_or_none() is None:
        raise UnknownInvitation


def _open(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """An invitation that nobody has used, that was not revoked and has not expired."""
    return Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None), Invitation.expires_at > now


def _clean_invitee(text: str) -> str:
    called = " ".join(text.split())
    try:
        storable(called)
    except ValueError as broken:
        raise Unprocessable(f"{broken}.") from None
    if not 1 <= len(called) <= MOST_LETTERS:
        raise Unprocessable(f"Say whom the invitation is for, in 1 to {MOST_LETTERS} letters.")
    return called
