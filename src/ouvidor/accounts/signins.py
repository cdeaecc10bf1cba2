"""Sign-ins of the pages: a random cookie, of which the database knows the digest, and form tokens bound to it."""

import hmac
import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.keys import digest
from ouvidor.accounts.models import SignIn, User

COOKIE = "ouvidor_session"


async def open_signin(session: AsyncSession, user: User, *, now: datetime, hours: int) -> str:
    """A new sign-in of this person; returns the cookie's value. Those that ended are swept out."""
    cookie = secrets.token_urlsafe(32)
    await session.execute(delete(SignIn).where(SignIn.expires_at <= now))
    ends = now + timedelta(hours=hours)
    session.add(SignIn(digest=digest(cookie), user_id=user.id, created_at=now, expires_at=ends))
    return cookie


async def signed_in_user(session: AsyncSession, cookie: str, now: datetime) -> User | None:
    """Who signed in with this cookie, if that still holds."""
    query = (
        select(User)
        .join(SignIn, SignIn.user_id == User.id)
        .where(SignIn.digest == digest(cookie), SignIn.expires_at > now)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def close_signin(session: AsyncSession, cookie: str) -> None:
    """Forget this sign-in."""
    await session.execute(delete(SignIn).where(SignIn.digest == digest(cookie)))


def form_token(secret: bytes, cookie: str) -> str:
    """The token every form of this sign-in carries against cross-site request forgery: HMAC-SHA256, 64 hex digits."""
    return hmac.new(secret, b"form:" + cookie.encode(), "sha256").hexdigest()


def is_form_token(secret: bytes, cookie: str, token: str) -> bool:
    """Whether the token belongs to this sign-in; compared in constant time."""
    return hmac.compare_digest(form_token(secret, cookie).encode(), token.encode())
