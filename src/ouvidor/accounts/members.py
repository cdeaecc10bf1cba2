"""Members of a project: listed, given another role, removed. A project keeps at least one owner, whoever is quicker."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import Actor, Subject, note
from ouvidor.accounts.invitations import revoke_invitations_of
from ouvidor.accounts.models import Membership, Project, TokenFamily, User
from ouvidor.accounts.permissions import PERMISSIONS, Permission, Role
from ouvidor.accounts.presence import is_there
from ouvidor.accounts.users import clean_username
from ouvidor.errors import Conflict, NotFound


class LastOwner(Conflict):
    """A project keeps at least one owner: make somebody else an owner first."""


class UnknownMember(NotFound):
    """This project has no such member."""


@dataclass(frozen=True)
class MemberRow:
    """A member as colleagues see them; `there` is whether they are at the inbox now."""

    user_id: UUID
    username: str
    name: str
    role: Role
    joined_at: datetime
    seen_at: datetime | None
    there: bool


async def list_members(session: AsyncSession, project_id: UUID, now: datetime) -> list[MemberRow]:
    """Everybody who belongs to the project, by role (owners first), then by name."""
    query = (
        select(Membership, User).join(User, User.id == Membership.user_id).where(Membership.project_id == project_id)
    )
    rows = [_row(found.Membership, found.User, now) for found in await session.execute(query)]
    order = list(Role)
    return sorted(rows, key=lambda row: (order.index(row.role), row.name.casefold(), row.username))


async def read_member(session: AsyncSession, project_id: UUID, user_id: UUID, now: datetime) -> MemberRow:
    """One member of the project.

    Raises:
        UnknownMember: the person does not belong to it.
    """
    query = (
        select(Membership, User)
        .join(User, User.id == Membership.user_id)
        .where(Membership.project_id == project_id, Membership.user_id == user_id)
        .execution_options(populate_existing=True)
    )
    found = (await session.execute(query)).one_or_none()
    if found is None:
        raise UnknownMember
    return _row(found.Membership, found.User, now)


async def member_named(session: AsyncSession, project_id: UUID, username: str) -> UUID:
    """The id of the project's member with this user name.

    Raises:
        UnknownMember: there is none.
    """
    query = select(User.id).join(Membership, Membership.user_id == User.id)
    mine = (Membership.project_id == project_id, User.username == clean_username(username))
    found = await session.scalar(query.where(*mine))
    if found is None:
        raise UnknownMember(f"This project has no member with the user name {username}.")
    return found


async def change_role(
    session: AsyncSession, project: Project, user_id: UUID, role: Role, *, actor: Actor, now: datetime
) -> None:
    """Give a member another role, from their next request on. The role they have already changes nothing.

    Whoever may then no longer let others in loses the open invitations that they issued.

    Raises:
        UnknownMember: the person does not belong to the project.
        LastOwner: nobody else is an owner.
    """
    roles = await _held_roles(session, project.id)
    before = _role_of(roles, user_id)
    if before == role:
        return
    if role != Role.OWNER:
        _keep_an_owner(roles, but=user_id)
    mine = (Membership.project_id == project.id, Membership.user_id == user_id)
    await session.execute(update(Membership).where(*mine).values(role=role))
    await _note_member(session, "member.role_changed", project, user_id, actor=actor, now=now, role=[before, role])
    if Permission.MEMBERS_WRITE not in PERMISSIONS[role]:
        await revoke_invitations_of(session, project, user_id, actor=actor, now=now)


async def remove_member(session: AsyncSession, project: Project, user_id: UUID, *, actor: Actor, now: datetime) -> None:
    """Take a person out of the project: its pages, their access tokens for it and their open invitations end at once.

    The account stays, and what they wrote stays under their name.

    Raises:
        UnknownMember: the person does not belong to the project.
        LastOwner: nobody else is an owner.
    """
    roles = await _held_roles(session, project.id)
    before = _role_of(roles, user_id)
    _keep_an_owner(roles, but=user_id)
    mine = (Membership.project_id == project.id, Membership.user_id == user_id)
    await session.execute(delete(Membership).where(*mine))
    logins = (TokenFamily.project_id == project.id, TokenFamily.user_id == user_id, TokenFamily.revoked_at.is_(None))
    await session.execute(update(TokenFamily).where(*logins).values(revoked_at=now))
    await _note_member(session, "member.removed", project, user_id, actor=actor, now=now, role=before)
    await revoke_invitations_of(session, project, user_id, actor=actor, now=now)


async def _held_roles(session: AsyncSession, project_id: UUID) -> Mapping[UUID, Role]:
    """Every member's role; nobody else changes one until this transaction ends."""
    query = (
        select(Membership.user_id, Membership.role)
        .where(Membership.project_id == project_id)
        .order_by(Membership.user_id)
        .with_for_update()
    )
    return {row.user_id: Role(row.role) for row in await session.execute(query)}


def _role_of(roles: Mapping[UUID, Role], user_id: UUID) -> Role:
    role = roles.get(user_id)
    if role is None:
        raise UnknownMember
    return role


def _keep_an_owner(roles: Mapping[UUID, Role], *, but: UUID) -> None:
    """Refuse where no owner besides this member is left; who is no owner may go in any case."""
    others = [user_id for user_id, role in roles.items() if role == Role.OWNER and user_id != but]
    if roles[but] == Role.OWNER and not others:
        raise LastOwner


async def _note_member(
    session: AsyncSession,
    action: str,
    project: Project,
    user_id: UUID,
    *,
    actor: Actor,
    now: datetime,
    role: Role | list[Role],
) -> None:
    username = await session.scalar(select(User.username).where(User.id == user_id))
    subject = Subject("member", user_id)
    await note(session, actor, action, at=now, project_id=project.id, subject=subject, username=username, role=role)


def _row(membership: Membership, user: User, now: datetime) -> MemberRow:
    return MemberRow(
        user_id=user.id,
        username=user.username,
        name=user.shown_name,
        role=Role(membership.role),
        joined_at=membership.created_at,
        seen_at=membership.seen_at,
        there=is_there(membership, now),
    )
