"""People: created, and recognised by their password."""

import asyncio
import unicodedata
from datetime import datetime
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import Membership, User
from ouvidor.accounts.permissions import Role
from ouvidor.errors import Conflict, Unauthenticated, Unprocessable

LEAST_PASSWORD_LENGTH = 10
_NOBODY = PasswordHasher().hash("nobody has this password")


def clean_username(text: str) -> str:
    """The name as it is kept and compared: one form for all ways to write it (NFKC, casefold, no space around)."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


class WrongPassword(Unauthenticated):
    """The user name or the password is wrong."""


async def create_user(
    session: AsyncSession,
    username: str,
    password: str,
    *,
    now: datetime,
    name: str = "",
    operator: bool = False,
    demo: bool = False,
) -> User:
    """A person who may sign in; user names do not heed letter case.

    Raises:
        Unprocessable: no name, or a password under 10 characters.
        Conflict: the name is taken.
    """
    known_as = clean_username(username)
    if not known_as or len(password) < LEAST_PASSWORD_LENGTH:
        raise Unprocessable(f"A user needs a name and a password of at least {LEAST_PASSWORD_LENGTH} characters.")
    taken = (await session.execute(select(User.id).where(User.username == known_as))).scalar_one_or_none()
    if taken is not None:
        raise Conflict(f"There is a user named {known_as} already.")
    password_hash = await asyncio.to_thread(PasswordHasher().hash, password)
    user = User(
        username=known_as,
        name=name.strip(),
        password_hash=password_hash,
        operator=operator,
        demo=demo,
        created_at=now,
    )
    session.add(user)
    await session.flush()
    return user


async def demo_user(session: AsyncSession, username: str, password: str, now: datetime) -> User:
    """The demo's person with this password, made where missing.

    Raises:
        Conflict: a real person has that name.
    """
    user = (await session.execute(select(User).where(User.username == username))).scalar_one_or_none()
    if user is None:
        return await create_user(session, username, password, now=now, demo=True)
    if not user.demo:
        raise Conflict(f"A person named {username} is no demo user: the demo is not loaded here.")
    user.password_hash = await asyncio.to_thread(PasswordHasher().hash, password)
    return user


async def join_project(session: AsyncSession, user_id: UUID, project_id: UUID, role: Role, now: datetime) -> None:
    """Make the person a member; who is one already keeps the role they have."""
    values = {"user_id": user_id, "project_id": project_id, "role": role, "away": False, "created_at": now}
    await session.execute(insert(Membership).values(values).on_conflict_do_nothing())


async def user_with_password(session: AsyncSession, username: str, password: str) -> User:
    """The person of this name and password; unknown names cost the same work as known ones.

    Raises:
        WrongPassword: one of the two is wrong; it is not said which.
    """
    user = (await session.execute(select(User).where(User.username == clean_username(username)))).scalar_one_or_none()
    expected = _NOBODY if user is None else user.password_hash
    try:
        await asyncio.to_thread(PasswordHasher().verify, expected, password)
    except VerifyMismatchError:
        raise WrongPassword from None
    if user is None:
        raise WrongPassword
    return user
