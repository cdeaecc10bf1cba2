"""People: created, listed, found by name, renamed."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import Actor, Subject, note
from ouvidor.accounts.models import Membership, Project, User
from ouvidor.accounts.passwords import HashedPassword
from ouvidor.accounts.permissions import Role
from ouvidor.db import new_id
from ouvidor.errors import Conflict, NotFound, Unauthenticated, Unprocessable

LONGEST_USERNAME = 200
LONGEST_NAME = 80


def clean_username(text: str) -> str:
    """The name as it is kept and compared: one form for all ways to write it (NFKC, casefold, no space around)."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", folded).strip()


class WrongPassword(Unauthenticated):
    """The user name or the password is wrong."""


class UnknownUser(NotFound):
    """There is no user of that name."""


def actor_of(user: User) -> Actor:
    """The person, as the audit log names them."""
    return Actor("user", user.shown_name, user.id)


async def create_user(
    session: AsyncSession,
    username: str,
    password: HashedPassword,
    *,
    now: datetime,
    name: str = "",
    operator: bool = False,
    demo: bool = False,
) -> User:
    """A person who may sign in; user names do not heed letter case.

    Raises:
        Unprocessable: no name, one over 200 characters, or one with invisible characters.
        Conflict: the name is taken.
    """
    known_as = clean_username(username)
    if not known_as or len(known_as) > LONGEST_USERNAME or not known_as.isprintable():
        raise Unprocessable(f"A user needs a name of 1 to {LONGEST_USERNAME} characters that can be seen.")
    values = {"id": new_id(), "username": known_as, "password_hash": password.text, "created_at": now}
    more = {"name": clean_name(name), "operator": operator, "demo": demo}
    query = insert(User).values(**values, **more).on_conflict_do_nothing(index_elements=["username"])
    added = (await session.execute(query.returning(User))).scalar_one_or_none()
    if added is None:
        raise Conflict(f"There is a user named {known_as} already.")
    return added


async def demo_user(session: AsyncSession, username: str, password: HashedPassword, now: datetime) -> User:
    """The demo's person with this password, made where missing.

    Raises:
        Conflict: a real person has that name.
    """
    user = await user_named(session, username)
    if user is None:
        return await create_user(session, username, password, now=now, demo=True)
    if not user.demo:
        raise Conflict(f"A person named {username} is no demo user: the demo is not loaded here.")
    user.password_hash = password.text
    return user


async def user_named(session: AsyncSession, username: str) -> User | None:
    """The person of this name, however it is written."""
    query = select(User).where(User.username == clean_username(username))
    return (await session.execute(query)).scalar_one_or_none()


async def join_project(session: AsyncSession, user_id: UUID, project_id: UUID, role: Role, now: datetime) -> None:
    """Make the person a member; who is one already keeps the role they have."""
    values = {"user_id": user_id, "project_id": project_id, "role": role, "away": False, "created_at": now}
    await session.execute(insert(Membership).values(values).on_conflict_do_nothing())


def clean_name(text: str) -> str:
    """A person's name as others read it: spaces made single; may be empty.

    Raises:
        Unprocessable: over 80 characters, or some that cannot be seen.
    """
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise Unprocessable(f"A name has at most {LONGEST_NAME} characters, all of which can be seen.")
    return name


async def rename_user(session: AsyncSession, user_id: UUID, name: str, now: datetime) -> User:
    """Give the person another name for others to read; an empty one shows the user name.

    Raises:
        Unprocessable: see `clean_name`.
        UnknownUser: the person is gone.
    """
    user = await session.get(User, user_id)
    if user is None:
        raise UnknownUser
    user.name = clean_name(name)
    await note(session, actor_of(user), "user.renamed", at=now, subject=Subject("user", user_id))
    return user


async def hold_password(session: AsyncSession, user: User) -> None:
    """Keep the person's password as it is until the transaction ends.

    Raises:
        WrongPassword: it was changed, or the person removed, since `user` was read.
    """
    query = select(User.password_hash).where(User.id == user.id).with_for_update(read=True)
    if (await session.execute(query)).scalar_one_or_none() != user.password_hash:
        raise WrongPassword


@dataclass(frozen=True)
class ListedUser:
    """A person with the names of their projects and their role in each."""

    user: User
    roles: dict[str, Role]


async def all_users(session: AsyncSession) -> list[ListedUser]:
    """Everybody who may sign in, by user name."""
    query = (
        select(User, Project.name.label("project"), Membership.role)
        .outerjoin(Membership, Membership.user_id == User.id)
        .outerjoin(Project, Project.id == Membership.project_id)
        .order_by(User.username, Project.name)
    )
    found: dict[UUID, ListedUser] = {}
    for row in await session.execute(query):
        listed = found.setdefault(row.User.id, ListedUser(row.User, {}))
        if row.project is not None:
            listed.roles[row.project] = Role(row.role)
    return list(found.values())
