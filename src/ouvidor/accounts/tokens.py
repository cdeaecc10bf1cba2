"""Tokens of people who use the API: short-lived JWTs, and refresh tokens that are good for one use.

A login begins a family. Whoever uses a refresh token a second time has a stolen copy, or was stolen from: the whole
family ends (RFC 9700, section 4.14.2). Access tokens name their family and are held against it at every request, so
that signing out ends them at once.
"""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import jwt
from sqlalchemy import ColumnElement, delete, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import SYSTEM, Subject, note
from ouvidor.accounts.keys import digest
from ouvidor.accounts.models import Membership, Project, RefreshToken, TokenFamily, User
from ouvidor.accounts.permissions import Role
from ouvidor.accounts.users import actor_of, hold_password
from ouvidor.db import new_id
from ouvidor.errors import Unauthenticated

ISSUER = "ouvidor"
AUDIENCE = "ouvidor:api"
ALGORITHM = "HS256"
ACCESS_LIFE = timedelta(minutes=15)
FAMILY_LIFE = timedelta(days=30)
REFRESH_PREFIX = "ouv_refresh_"
LONGEST_PROGRAM = 200
CLOCK_SKEW_SECONDS = 60
CLAIMS = ["iss", "aud", "sub", "fam", "iat", "exp"]


class BadToken(Unauthenticated):
    """This access token is not valid: it is forged, expired or signed out. Log in or refresh to get a new one."""


class BadRefreshToken(Unauthenticated):
    """This refresh token is not valid: it is unknown, expired, signed out or used before. Log in again."""


@dataclass(frozen=True)
class TokenPair:
    """What a login or a refresh gives; `refresh` exists only here. `expires_in` is that of `access`, in seconds."""

    access: str
    refresh: str
    family_id: UUID
    expires_in: int = int(ACCESS_LIFE.total_seconds())


@dataclass(frozen=True)
class TokenHolder:
    """Who calls with an access token; `project` and `role` are None where the login was for no project."""

    user: User
    family_id: UUID
    project: Project | None
    role: Role | None


async def begin_family(
    session: AsyncSession, secret: bytes, user: User, project: Project | None, *, program: str, now: datetime
) -> TokenPair:
    """The first pair of a login; `program` is what the caller names itself (User-Agent).

    Raises:
        WrongPassword: the person's password was changed since `user` was read.
    """
    await hold_password(session, user)
    named = "".join(letter for letter in program if letter.isprintable())[:LONGEST_PROGRAM]
    family = TokenFamily(
        id=new_id(),
        user_id=user.id,
        project_id=project.id if project else None,
        program=named,
        created_at=now,
        expires_at=now + FAMILY_LIFE,
    )
    session.add(family)
    await session.flush()
    subject = Subject("user", user.id)
    await note(session, actor_of(user), "user.signed_in", at=now, subject=subject, through="api", program=named)
    return _new_pair(session, secret, family, now)


async def refresh(session: AsyncSession, secret: bytes, text: str, now: datetime) -> TokenPair | None:
    """The next pair of the family, or None where the token was used before: its family is then revoked.

    None instead of an error, so that the caller's transaction commits the revocation before it refuses.

    Raises:
        BadRefreshToken: unknown, expired, signed out, or for a project that the person no longer belongs to.
    """
    query = (
        select(RefreshToken, TokenFamily)
        .join(TokenFamily, TokenFamily.id == RefreshToken.family_id)
        .where(RefreshToken.digest == digest(text))
        .with_for_update()
    )
    found = (await session.execute(query)).one_or_none()
    if found is None or found.TokenFamily.revoked_at is not None or found.TokenFamily.expires_at <= now:
        raise BadRefreshToken
    if found.RefreshToken.used_at is not None:
        found.TokenFamily.revoked_at = now
        await note(
            session, SYSTEM, "user.refresh_token_reused", at=now, subject=Subject("user", found.TokenFamily.user_id)
        )
        return None
    if not await _still_belongs(session, found.TokenFamily):
        raise BadRefreshToken
    found.RefreshToken.used_at = now
    return _new_pair(session, secret, found.TokenFamily, now)


async def holder_of_token(session: AsyncSession, secret: bytes, text: str, now: datetime) -> TokenHolder:
    """Who holds this access token: its signature, its times, its family and the membership are all checked now.

    Raises:
        BadToken: any of them does not hold.
    """
    user_id, family_id = _read(secret, text, now)
    query = (
        select(User, TokenFamily, Project, Membership.role)
        .join(TokenFamily, TokenFamily.user_id == User.id)
        .outerjoin(Project, Project.id == TokenFamily.project_id)
        .outerjoin(Membership, (Membership.user_id == User.id) & (Membership.project_id == TokenFamily.project_id))
        .where(
            User.id == user_id,
            TokenFamily.id == family_id,
            *_in_force(now),
        )
    )
    found = (await session.execute(query)).one_or_none()
    if found is None or (found.Project is not None and found.role is None):
        raise BadToken
    return TokenHolder(found.User, family_id, found.Project, Role(found.role) if found.role else None)


async def project_of_login(session: AsyncSession, family_id: UUID) -> Project | None:
    """The project that this login is for, if it is for one."""
    query = select(Project).join(TokenFamily, TokenFamily.project_id == Project.id).where(TokenFamily.id == family_id)
    return (await session.execute(query)).scalar_one_or_none()


async def families_of(session: AsyncSession, user_id: UUID, now: datetime) -> list[TokenFamily]:
    """The person's logins of the API that hold, the newest first."""
    query = select(TokenFamily).where(*_in_force(now), TokenFamily.user_id == user_id)
    return list((await session.execute(query.order_by(TokenFamily.created_at.desc(), TokenFamily.id))).scalars())


async def sweep_families(session: AsyncSession, now: datetime) -> None:
    """Forget logins, with their refresh tokens, that ended or expired 30 days ago."""
    past = now - FAMILY_LIFE
    await session.execute(delete(TokenFamily).where(or_(TokenFamily.expires_at < past, TokenFamily.revoked_at < past)))


async def revoke_family(session: AsyncSession, family_id: UUID, now: datetime) -> None:
    """Sign out: every token of this login ends now."""
    query = update(TokenFamily).where(TokenFamily.id == family_id, TokenFamily.revoked_at.is_(None))
    await session.execute(query.values(revoked_at=now))


async def revoke_families(session: AsyncSession, user_id: UUID, now: datetime, *, but: UUID | None = None) -> None:
    """Sign the person out of the API everywhere; `but` one login."""
    query = update(TokenFamily).where(TokenFamily.user_id == user_id, TokenFamily.revoked_at.is_(None))
    if but is not None:
        query = query.where(TokenFamily.id != but)
    await session.execute(query.values(revoked_at=now))


def access_token(secret: bytes, user_id: UUID, family_id: UUID, now: datetime) -> str:
    """A signed access token, valid for 15 minutes from `now`."""
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(user_id),
        "fam": str(family_id),
        "iat": int(now.timestamp()),
        "exp": int((now + ACCESS_LIFE).timestamp()),
    }
    return jwt.encode(claims, signing_key(secret), algorithm=ALGORITHM)  # pyright: ignore[reportUnknownMemberType] - its keys are not wholly typed


def signing_key(secret: bytes) -> bytes:
    """The key of access tokens, derived from the installation's secret (HMAC-SHA256), for this use alone."""
    return hmac.digest(secret, b"ouvidor access token 1", "sha256")


def _new_pair(session: AsyncSession, secret: bytes, family: TokenFamily, now: datetime) -> TokenPair:
    text = REFRESH_PREFIX + secrets.token_urlsafe(32)
    session.add(RefreshToken(digest=digest(text), family_id=family.id, created_at=now))
    return TokenPair(access_token(secret, family.user_id, family.id, now), text, family.id)


def _in_force(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return TokenFamily.revoked_at.is_(None), TokenFamily.expires_at > now


async def _still_belongs(session: AsyncSession, family: TokenFamily) -> bool:
    """Whether the person is a member of the project that the login was for; true where it was for none."""
    if family.project_id is None:
        return True
    mine = (Membership.user_id == family.user_id, Membership.project_id == family.project_id)
    return bool((await session.execute(select(exists().where(*mine)))).scalar_one())


def _read(secret: bytes, text: str, now: datetime) -> tuple[UUID, UUID]:
    """User and family of a token that we signed and that is in force at `now`; its header decides nothing."""
    try:
        claims = jwt.decode(  # pyright: ignore[reportUnknownMemberType] - its keys are not wholly typed
            text,
            signing_key(secret),
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=ISSUER,
            options={"require": CLAIMS, "verify_exp": False, "verify_iat": False, "strict_aud": True},
        )
        ids = UUID(claims["sub"]), UUID(claims["fam"])
    except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError):
        raise BadToken from None
    issued, expires = claims["iat"], claims["exp"]
    if type(issued) is not int or type(expires) is not int or expires - issued > ACCESS_LIFE.total_seconds():
        raise BadToken
    if not issued - CLOCK_SKEW_SECONDS <= now.timestamp() < expires:
        raise BadToken
    return ids
