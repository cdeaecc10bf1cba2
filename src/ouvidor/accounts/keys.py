"""API keys: made, checked, looked up, revoked. The text of a key is shown once and never kept."""

import hashlib
import secrets
import string
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import ApiKey, Project
from ouvidor.accounts.permissions import KEY_SCOPES, USUAL_SCOPES
from ouvidor.errors import NotFound, Unauthenticated, Unprocessable

PREFIX = "ouv_live_"
ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
SECRET_LENGTH = 32
CHECKSUM_LENGTH = 6
LAST_USED_STEP = timedelta(minutes=1)


class UnknownApiKey(Unauthenticated):
    """This API key is not valid: it is mistyped, expired or revoked."""


@dataclass(frozen=True)
class IssuedKey:
    """A new key; `text` exists only here."""

    id: UUID
    text: str
    scopes: tuple[str, ...]


@dataclass(frozen=True)
class KeyHolder:
    """Who calls: the project of a valid key, and what the key may do."""

    project: Project
    key_id: UUID
    label: str
    scopes: frozenset[str]
    demo: bool


def key_text(secret: str) -> str:
    """Prefix, 32 base62 characters (190 bits), then their CRC-32 in 6 base62 characters, against typing errors."""
    return f"{PREFIX}{secret}{_base62(zlib.crc32(secret.encode()), CHECKSUM_LENGTH)}"


def well_formed(text: str) -> bool:
    """Whether the checksum fits; no database needed."""
    secret = text.removeprefix(PREFIX)[:SECRET_LENGTH]
    return len(secret) == SECRET_LENGTH and text.isascii() and secrets.compare_digest(text, key_text(secret))


def digest(text: str) -> bytes:
    """SHA-256 of a key or cookie: enough for 190 random bits."""
    return hashlib.sha256(text.encode()).digest()


async def issue_key(
    session: AsyncSession,
    project: Project,
    *,
    label: str,
    now: datetime,
    scopes: tuple[str, ...] = USUAL_SCOPES,
    expires_at: datetime | None = None,
    demo: bool = False,
) -> IssuedKey:
    """Make a key of this project.

    Raises:
        Unprocessable: a scope does not exist, or the end lies in the past.
    """
    unknown = sorted(set(scopes) - set(KEY_SCOPES))
    if unknown:
        raise Unprocessable(f"Unknown scope {', '.join(unknown)}; a key may have: {', '.join(KEY_SCOPES)}.")
    if expires_at is not None and expires_at <= now:
        raise Unprocessable("A key that has already expired is of no use: give a later moment.")
    text = key_text("".join(secrets.choice(ALPHABET) for _ in range(SECRET_LENGTH)))
    row = ApiKey(
        project_id=project.id,
        label=label,
        hint=f"{PREFIX}…{text[-4:]}",
        digest=digest(text),
        scopes=list(scopes),
        demo=demo,
        created_at=now,
        expires_at=expires_at,
    )
    session.add(row)
    await session.flush()
    return IssuedKey(id=row.id, text=text, scopes=scopes)


async def holder_of(session: AsyncSession, text: str, now: datetime) -> KeyHolder:
    """Who holds this key.

    Raises:
        UnknownApiKey: it never existed, has expired or was revoked.
    """
    if not well_formed(text):
        raise UnknownApiKey
    query = (
        select(ApiKey, Project)
        .join(Project, Project.id == ApiKey.project_id)
        .where(ApiKey.digest == digest(text), ApiKey.revoked_at.is_(None))
    )
    found = (await session.execute(query)).one_or_none()
    if found is None or (found.ApiKey.expires_at is not None and found.ApiKey.expires_at <= now):
        raise UnknownApiKey
    return KeyHolder(
        project=found.Project,
        key_id=found.ApiKey.id,
        label=found.ApiKey.label,
        scopes=frozenset(found.ApiKey.scopes),
        demo=found.ApiKey.demo,
    )


async def note_use(session: AsyncSession, key_id: UUID, now: datetime) -> None:
    """Remember when the key was last used, to the minute."""
    stale = ApiKey.last_used_at.is_(None) | (ApiKey.last_used_at < now - LAST_USED_STEP)
    await session.execute(update(ApiKey).where(ApiKey.id == key_id, stale).values(last_used_at=now))


async def revoke_key(session: AsyncSession, project: Project, named: str, now: datetime) -> ApiKey:
    """Revoke the project's key of this id, or of this text.

    Raises:
        NotFound: the project has no such key in force.
    """
    matches = ApiKey.digest == digest(named) if named.startswith(PREFIX) else ApiKey.id == _as_id(named)
    query = select(ApiKey).where(ApiKey.project_id == project.id, ApiKey.revoked_at.is_(None), matches)
    row = (await session.execute(query)).scalar_one_or_none()
    if row is None:
        raise NotFound(f"Project {project.name} has no key in force with that id.")
    row.revoked_at = now
    return row


async def revoke_demo_keys(session: AsyncSession, project: Project, now: datetime) -> None:
    """Revoke the project's demo keys, before new ones are shown."""
    mine = (ApiKey.project_id == project.id, ApiKey.demo, ApiKey.revoked_at.is_(None))
    await session.execute(update(ApiKey).where(*mine).values(revoked_at=now))


def _as_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"{text!r} is neither a key nor the id of one.") from None


def _base62(number: int, width: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, len(ALPHABET))
        digits = ALPHABET[rest] + digits
    return digits.rjust(width, ALPHABET[0])
