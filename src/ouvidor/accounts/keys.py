"""API keys: made, checked, looked up, revoked. The text of a key is shown once and never kept."""

import hashlib
import secrets
import string
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import COMMAND, SYSTEM, Actor, Subject, note
from ouvidor.accounts.models import ApiKey, Project
from ouvidor.accounts.permissions import KEY_SCOPES, USUAL_SCOPES
from ouvidor.errors import Forbidden, NotFound, Unauthenticated, Unprocessable

PREFIX = "ouv_live_"
ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
SECRET_LENGTH = 32
CHECKSUM_LENGTH = 6
LAST_USED_STEP = timedelta(minutes=1)
LONGEST_LIFE = timedelta(days=36525)

IN_FORCE = f"""
select api_key.id as key_id, api_key.label, api_key.scopes, api_key.demo as demo_key, api_key.expires_at,
       api_key.last_used_at, {", ".join(f"project.{column.name}" for column in Project.__table__.columns)}
from api_key join project on project.id = api_key.project_id
where api_key.digest = %s and api_key.revoked_at is null
""".encode()  # noqa: S608 - our own names
"""The key of this digest with its project: by hand, since each request of a program asks for it."""

USED = """
update api_key set last_used_at = %(now)s
where id = %(id)s and (last_used_at is null or last_used_at < %(stale)s)
"""
_OF_KEY = ("key_id", "label", "scopes", "demo_key", "expires_at", "last_used_at")


class UnknownApiKey(Unauthenticated):
    """This API key is not valid: it is mistyped, expired or revoked."""


class ScopeBeyondYours(Forbidden):
    """You cannot give a key a permission that you do not have yourself."""


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
    last_used_at: datetime | None


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
    actor: Actor = COMMAND,
    within: frozenset[str] | None = None,
) -> IssuedKey:
    """Make a key of this project; `within` are the permissions of whoever asks for it, where they are bounded.

    Raises:
        Unprocessable: a scope does not exist, or the end lies in the past or over 100 years ahead.
        ScopeBeyondYours: a scope that is not in `within`.
    """
    _check_scopes(scopes, within)
    if expires_at is not None and expires_at <= now:
        raise Unprocessable("A key that has already expired is of no use: give a later moment.")
    if expires_at is not None and expires_at > now + LONGEST_LIFE:
        raise Unprocessable("A key expires within 100 years, or never: give an earlier moment, or none.")
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
    told = {"label": label, "scopes": list(scopes), "expires_at": expires_at and expires_at.isoformat()}
    await note(session, actor, "key.issued", at=now, project_id=project.id, subject=Subject("key", row.id), **told)
    return IssuedKey(id=row.id, text=text, scopes=scopes)


async def holder_of(connection: AsyncConnection, text: str, now: datetime) -> KeyHolder:
    """Who holds this key; no session watches the project.

    Raises:
        UnknownApiKey: it never existed, has expired or was revoked.
    """
    if not well_formed(text):
        raise UnknownApiKey
    async with connection.cursor(binary=True, row_factory=dict_row) as cursor:
        row = await (await cursor.execute(IN_FORCE, (digest(text),))).fetchone()
    if row is None:
        raise UnknownApiKey
    key_id, label, scopes, demo, expires_at, last_used_at = (row.pop(name) for name in _OF_KEY)
    if expires_at is not None and expires_at <= now:
        raise UnknownApiKey
    return KeyHolder(Project(**row), key_id, label, frozenset(scopes), demo, last_used_at)


async def note_use(connection: AsyncConnection, holder: KeyHolder, now: datetime) -> None:
    """Remember when the key was last used, to the minute."""
    stale = now - LAST_USED_STEP
    if holder.last_used_at is None or holder.last_used_at < stale:
        await connection.execute(USED, {"id": holder.key_id, "now": now, "stale": stale})


async def list_keys(session: AsyncSession, project_id: UUID) -> list[ApiKey]:
    """All keys the project ever had, the newest first; `revoked_at` and `expires_at` tell which are in force."""
    query = select(ApiKey).where(ApiKey.project_id == project_id).order_by(ApiKey.id.desc())
    return list((await session.execute(query)).scalars())


async def revoke_key(
    session: AsyncSession, project: Project, named: str, now: datetime, *, actor: Actor = COMMAND
) -> ApiKey:
    """Revoke the project's key of this id, or of this text; of two at once one finds it in force.

    Raises:
        NotFound: the project has no such key in force.
    """
    matches = ApiKey.digest == digest(named) if named.startswith(PREFIX) else ApiKey.id == _as_id(named)
    query = select(ApiKey).where(ApiKey.project_id == project.id, ApiKey.revoked_at.is_(None), matches)
    row = (await session.execute(query.with_for_update())).scalar_one_or_none()
    if row is None:
        raise NotFound(f"Project {project.name} has no key in force with that id.")
    row.revoked_at = now
    subject = Subject("key", row.id)
    await note(session, actor, "key.revoked", at=now, project_id=project.id, subject=subject, label=row.label)
    return row


async def revoke_demo_keys(session: AsyncSession, project: Project, now: datetime) -> None:
    """Revoke the project's demo keys, before new ones are shown."""
    mine = (ApiKey.project_id == project.id, ApiKey.demo, ApiKey.revoked_at.is_(None))
    query = update(ApiKey).where(*mine).values(revoked_at=now).returning(ApiKey.id, ApiKey.label)
    for row in (await session.execute(query)).all():
        subject = Subject("key", row.id)
        await note(session, SYSTEM, "key.revoked", at=now, project_id=project.id, subject=subject, label=row.label)


def _check_scopes(scopes: tuple[str, ...], within: frozenset[str] | None) -> None:
    unknown = sorted(set(scopes) - set(KEY_SCOPES))
    if unknown:
        raise Unprocessable(f"Unknown scope {', '.join(unknown)}; a key may have: {', '.join(KEY_SCOPES)}.")
    beyond = [] if within is None else sorted(set(scopes) - within)
    if beyond:
        raise ScopeBeyondYours(f"You cannot give a key what you may not do yourself: {', '.join(beyond)}.")


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
