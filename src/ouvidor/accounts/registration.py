"""Open registration, where the operator allows it: a stranger gets an account and a project of their own."""

import re
import secrets
import unicodedata
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import Subject, note
from ouvidor.accounts.models import Project, User
from ouvidor.accounts.passwords import check_new_password, hash_password
from ouvidor.accounts.permissions import Role
from ouvidor.accounts.projects import create_project
from ouvidor.accounts.throttle import count_attempt, registration_door
from ouvidor.accounts.users import actor_of, create_user, join_project
from ouvidor.errors import Conflict, Forbidden
from ouvidor.runtime import Runtime

LONGEST_SLUG = 40
MOST_TRIES = 5


class RegistrationClosed(Forbidden):
    """Registration is closed here: ask the owner of a project for an invitation."""


async def register(rt: Runtime, username: str, password: str, *, address: str) -> User:
    """A new person, owner of a new project that is named after them; never a member of one that stands already.

    Raises:
        RegistrationClosed: the setting `OUVIDOR_OPEN_REGISTRATION` is off.
        WeakPassword, Unprocessable: the password or the name breaks its rule.
        TooManyAttempts: from this address within 15 minutes.
        Conflict: the name is taken.
    """
    if not rt.settings.open_registration:
        raise RegistrationClosed
    check_new_password(password)
    await count_attempt(rt, registration_door(address))
    hashed, now = await hash_password(password), rt.clock()
    async with rt.db.begin() as session:
        user = await create_user(session, username, hashed, now=now)
        await note(session, actor_of(user), "user.registered", at=now, subject=Subject("user", user.id))
        project = await _own_project(session, user, now)
        await join_project(session, user.id, project.id, Role.OWNER, now)
        member, told = Subject("member", user.id), {"username": user.username, "role": Role.OWNER}
        await note(session, actor_of(user), "member.joined", at=now, project_id=project.id, subject=member, **told)
    return user


def slug_of(name: str) -> str:
    """The name as a project's name may begin: `José Ávila` as `jose-avila`; `project` where nothing is left of it."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:LONGEST_SLUG].strip("-")
    return slug if len(slug) >= 2 else "project"


async def _own_project(session: AsyncSession, user: User, now: datetime) -> Project:
    """A new project under the first free name: the slug, else the slug and some random letters."""
    slug = slug_of(user.username)
    for name in (slug, *(f"{slug}-{secrets.token_hex(4)}" for _ in range(MOST_TRIES))):
        try:
            return await create_project(session, name, title=user.username, now=now, actor=actor_of(user))
        except Conflict:
            continue
    raise Conflict("No name was free for the project; try again.")
