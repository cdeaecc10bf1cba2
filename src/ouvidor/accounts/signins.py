"""Sign-ins of the pages: a random cookie, of which the database knows the digest, and form tokens bound to it."""

import hmac
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import Subject, note
from ouvidor.accounts.keys import digest
from ouvidor.accounts.models import SignIn, User
from ouvidor.accounts.users import actor_of, hold_password

COOKIE = "ouvidor_session"
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
"""Marks in a User-Agent and the browser they mean; the first that is found counts, for most name others as well."""
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


async def open_signin(session: AsyncSession, user: User, *, now: datetime, hours: int, browser: str = "") -> str:
    """A new sign-in of this person, who has just given the password; returns the cookie's value.

    Raises:
        WrongPassword: the password was changed since `user` was read.
    """
    await hold_password(session, user)
    cookie = secrets.token_urlsafe(32)
    ends = now + timedelta(hours=hours)
    session.add(SignIn(digest=digest(cookie), user_id=user.id, browser=browser, created_at=now, expires_at=ends))
    subject = Subject("user", user.id)
    await note(session, actor_of(user), "user.signed_in", at=now, subject=subject, through="pages", program=browser)
    return cookie


async def signed_in_user(session: AsyncSession, cookie: str, now: datetime) -> User | None:
    """Who signed in with this cookie, if that still holds."""
    query = (
        select(User)
        .join(SignIn, SignIn.user_id == User.id)
        .where(SignIn.digest == digest(cookie), SignIn.expires_at > now)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def signins_of(session: AsyncSession, user_id: UUID, now: datetime) -> list[SignIn]:
    """The person's sign-ins on the pages that hold, the newest first."""
    query = select(SignIn).where(SignIn.user_id == user_id, SignIn.expires_at > now)
    return list((await session.execute(query.order_by(SignIn.created_at.desc(), SignIn.digest))).scalars())


async def close_signin(session: AsyncSession, cookie: str) -> None:
    """Forget this sign-in."""
    await session.execute(delete(SignIn).where(SignIn.digest == digest(cookie)))


async def close_signins(session: AsyncSession, user_id: UUID, *, but: str = "") -> None:
    """Forget all sign-ins of this person, `but` that of one cookie."""
    await session.execute(delete(SignIn).where(SignIn.user_id == user_id, SignIn.digest != digest(but)))


async def sweep_signins(session: AsyncSession, now: datetime) -> None:
    """Forget the sign-ins whose time is over."""
    await session.execute(delete(SignIn).where(SignIn.expires_at <= now))


def readable_browser(user_agent: str) -> str:
    """`Firefox, Linux` for a browser's User-Agent; of another program its own first word; empty for nothing."""
    browser = next((name for mark, name in BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in SYSTEMS if mark in user_agent), "")
    found = ", ".join(part for part in (browser, system) if part)
    return found or next(iter(user_agent.split()), "")[:60]


def form_token(secret: bytes, cookie: str) -> str:
    """The token every form of this sign-in carries against cross-site request forgery: HMAC-SHA256, 64 hex digits."""
    return hmac.new(secret, b"form:" + cookie.encode(), "sha256").hexdigest()


def is_form_token(secret: bytes, cookie: str, token: str) -> bool:
    """Whether the token belongs to this sign-in; compared in constant time."""
    return hmac.compare_digest(form_token(secret, cookie).encode(), token.encode())
