"""Logging in and out: on the pages and through the API the same check, the same counts, the same log."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import SYSTEM, Actor, Subject, note
from ouvidor.accounts.models import AuditEntry, Project, SignIn, TokenFamily, User
from ouvidor.accounts.passwords import check_new_password, fresher_hash, hash_password, is_password
from ouvidor.accounts.projects import Place, UnknownProject, places_of
from ouvidor.accounts.signins import close_signins
from ouvidor.accounts.throttle import clear_attempts, count_attempt, password_door
from ouvidor.accounts.tokens import (
    BadRefreshToken,
    TokenPair,
    begin_family,
    project_of_login,
    refresh,
    revoke_families,
    revoke_family,
)
from ouvidor.accounts.users import UnknownUser, WrongPassword, actor_of, user_named
from ouvidor.errors import Forbidden
from ouvidor.runtime import Runtime


class WrongOldPassword(Forbidden):
    """The old password is not right; the password was not changed."""


class DemoPassword(Forbidden):
    """The password of the demo user is made and shown by `ouvidor serve --demo`; it cannot be changed."""


@dataclass(frozen=True)
class Here:
    """The sign-in that the person uses right now, by its cookie or its tokens: what ends the others leaves this one."""

    cookie: str = ""
    family_id: UUID | None = None


async def log_in(rt: Runtime, username: str, password: str, *, address: str) -> User:
    """The person of this name and password. Known and unknown names cost the same work.

    What follows (`open_signin`, `begin_family`) notes the sign-in; a refusal is noted here. `address` is the
    connection's own, never a header's.

    Raises:
        TooManyAttempts: by this name, from this address or both, within 15 minutes; the password was not looked at.
        WrongPassword: one of the two is wrong; it is not said which.
    """
    door = password_door(username, address)
    await count_attempt(rt, door)
    async with rt.db.read() as session:
        user = await user_named(session, username)
    if not await is_password(user.password_hash if user else None, password) or user is None:
        await _note_refusal(rt, user)
        raise WrongPassword
    newer = await fresher_hash(user.password_hash, password)
    async with rt.db.begin() as session:
        if newer is not None:
            same = (User.id == user.id, User.password_hash == user.password_hash)
            await session.execute(update(User).where(*same).values(password_hash=newer.text))
            user.password_hash = newer.text
        await clear_attempts(session, door)
    return user


@dataclass(frozen=True)
class ApiLogin:
    """The tokens that a login or a refresh gives, and the project they are for."""

    tokens: TokenPair
    project: Project | None


async def begin_api_login(rt: Runtime, user: User, *, project: str | None, program: str) -> ApiLogin:
    """Tokens for this person in the project of that name; without a name in their first one, by title, or in none.

    Raises:
        UnknownProject: there is none of that name, or the person does not belong to it.
    """
    async with rt.db.begin() as session:
        chosen = _chosen(await places_of(session, user.id), project)
        tokens = await begin_family(session, rt.secret, user, chosen, program=program, now=rt.clock())
    return ApiLogin(tokens, chosen)


async def continue_api_login(rt: Runtime, refresh_token: str) -> ApiLogin:
    """The next tokens of a login; a refresh token that was used before ends the login it is of.

    Raises:
        BadRefreshToken: it is not in force.
    """
    async with rt.db.begin() as session:
        tokens = await refresh(session, rt.secret, refresh_token, rt.clock())
        project = await project_of_login(session, tokens.family_id) if tokens else None
    if tokens is None:
        raise BadRefreshToken
    return ApiLogin(tokens, project)


async def end_api_login(rt: Runtime, user: User, family_id: UUID) -> None:
    """Sign this login of the API out; its tokens end at once."""
    now = rt.clock()
    async with rt.db.begin() as session:
        await revoke_family(session, family_id, now)
        await note(session, actor_of(user), "user.signed_out", at=now, subject=Subject("user", user.id), through="api")


async def end_sign_in(rt: Runtime, user: User, which: SignIn | TokenFamily) -> None:
    """End one of the person's own sign-ins, on the pages or through the API; another person's stays as it is."""
    now = rt.clock()
    through = "pages" if isinstance(which, SignIn) else "api"
    async with rt.db.begin() as session:
        if isinstance(which, SignIn):
            await session.execute(delete(SignIn).where(SignIn.digest == which.digest, SignIn.user_id == user.id))
        else:
            await revoke_family(session, which.id, now)
        subject = Subject("user", user.id)
        await note(session, actor_of(user), "user.signed_out", at=now, subject=subject, through=through)


async def sign_out_everywhere(rt: Runtime, user: User) -> None:
    """End every sign-in of this person, on the pages and through the API."""
    now = rt.clock()
    async with rt.db.begin() as session:
        await close_signins(session, user.id)
        await revoke_families(session, user.id, now)
        await note(session, actor_of(user), "user.signed_out_everywhere", at=now, subject=Subject("user", user.id))


async def change_password(rt: Runtime, user: User, old: str, new: str, *, address: str, here: Here) -> None:
    """Give the person a new password and end all their sign-ins but `here`.

    Raises:
        WeakPassword: the new one breaks the rule.
        TooManyAttempts: see `log_in`; guessing the old password counts as guessing it at the sign-in.
        WrongOldPassword: the old one is wrong.
        DemoPassword: the demo's person.
    """
    if user.demo:
        raise DemoPassword
    check_new_password(new)
    door, now = password_door(user.username, address), rt.clock()
    await count_attempt(rt, door)
    if not await is_password(user.password_hash, old):
        await _note_refusal(rt, user)
        raise WrongOldPassword
    hashed = await hash_password(new)
    async with rt.db.begin() as session:
        same = update(User).where(User.id == user.id, User.password_hash == user.password_hash)
        if await session.scalar(same.values(password_hash=hashed.text).returning(User.id)) is None:
            raise WrongOldPassword
        await clear_attempts(session, door)
        await close_signins(session, user.id, but=here.cookie)
        await revoke_families(session, user.id, now, but=here.family_id)
        await note(session, actor_of(user), "user.password_changed", at=now, subject=Subject("user", user.id))


async def reset_password(rt: Runtime, username: str, new: str, *, actor: Actor) -> None:
    """Give somebody a new password without the old one, and end all their sign-ins: what an operator may do.

    Raises:
        UnknownUser: nobody has that name.
        WeakPassword: the new one breaks the rule.
    """
    hashed, now = await hash_password(new), rt.clock()
    async with rt.db.begin() as session:
        user = await user_named(session, username)
        if user is None:
            raise UnknownUser(f"There is no user named {username}. `ouvidor user list` shows who there is.")
        user.password_hash = hashed.text
        await close_signins(session, user.id)
        await revoke_families(session, user.id, now)
        await note(session, actor, "user.password_changed", at=now, subject=Subject("user", user.id))


async def own_events(session: AsyncSession, user_id: UUID, *, limit: int) -> list[AuditEntry]:
    """What happened last to this account: sign-ins, refusals, changes; the newest first."""
    theirs = or_(AuditEntry.actor_id == user_id, AuditEntry.subject_id == user_id)
    query = select(AuditEntry).where(AuditEntry.project_id.is_(None), AuditEntry.action.startswith("user."), theirs)
    return list((await session.execute(query.order_by(AuditEntry.id.desc()).limit(limit))).scalars())


async def _note_refusal(rt: Runtime, user: User | None) -> None:
    """One entry whether somebody has that name or not; what was typed is not kept."""
    actor, subject = (actor_of(user), Subject("user", user.id)) if user else (SYSTEM, None)
    async with rt.db.begin() as session:
        await note(session, actor, "user.sign_in_refused", at=rt.clock(), subject=subject)


def _chosen(places: list[Place], name: str | None) -> Project | None:
    if name is None:
        return places[0].project if places else None
    found = next((place.project for place in places if place.project.name == name), None)
    if found is None:
        raise UnknownProject("There is no such project, or you are not a member of it.")
    return found
