"""How often a password may be guessed: counted in the database, so for all processes together, before it is checked.

Three counts, each of 15 minutes from its first attempt: by name and address, by address, by name. A name counts as
`clean_username` writes it, known or not; an address is the connection's own, and of IPv6 the /64 that one customer has.
Only digests are kept.
"""

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, IPv6Network, ip_address

from fastapi import Request
from sqlalchemy import case, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import Attempts
from ouvidor.accounts.users import clean_username
from ouvidor.errors import TooManyRequests
from ouvidor.runtime import Runtime

WINDOW = timedelta(minutes=15)
MOST_BY_NAME_AND_ADDRESS = 8
MOST_BY_ADDRESS = 80
MOST_BY_NAME = 40
MOST_REGISTRATIONS = 8


class TooManyAttempts(TooManyRequests):
    """There were too many attempts; wait as long as the header `Retry-After` says, then try again."""


@dataclass(frozen=True)
class Count:
    """One thing that is counted, and how many attempts it allows in 15 minutes."""

    key: bytes
    most: int


@dataclass(frozen=True)
class Door:
    """Where an attempt is made: its counts, from the narrowest. `lasting` are those that a success does not clear.

    All attempts take their counts in this order and hold at most one of each kind, so that none waits in a circle.
    """

    counts: tuple[Count, ...]
    lasting: tuple[Count, ...] = ()


def password_door(username: str, address: str) -> Door:
    """The door at which a password is given."""
    name, place = clean_username(username), place_of(address)
    pair = Count(_key("name and address", name, place), MOST_BY_NAME_AND_ADDRESS)
    by_address = Count(_key("address", place), MOST_BY_ADDRESS)
    return Door((pair, by_address, Count(_key("name", name), MOST_BY_NAME)), lasting=(by_address,))


def registration_door(address: str) -> Door:
    """The door at which strangers make accounts: each try tells whether somebody has a user name."""
    count = Count(_key("registration", place_of(address)), MOST_REGISTRATIONS)
    return Door((count,), lasting=(count,))


def address_of(request: Request) -> str:
    """The address that connected; headers count only where `serve` lets a proxy of the operator's speak for it."""
    return request.client.host if request.client else ""


def place_of(address: str) -> str:
    """The address as it is counted: one form for all ways to write it; of IPv6 the /64, unless it holds an IPv4."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or IPv6Network((parsed, 64), strict=False))


async def count_attempt(rt: Runtime, door: Door) -> None:
    """Count an attempt, in a transaction of its own that is over when this returns: call it before the work.

    What is refused counts no further, so that nobody can lock a name for others from one address alone.

    Raises:
        TooManyAttempts: there were too many; `retry_after` is when all counts of this door are open again.
    """
    now = rt.clock()
    async with rt.db.begin() as session:
        for count in door.counts:
            if not await _take(session, count, now):
                wait = await _wait(session, door, now)
                break
        else:
            return
    raise TooManyAttempts(max(1, math.ceil(wait.total_seconds())))


async def clear_attempts(session: AsyncSession, door: Door) -> None:
    """Forget the attempts at this door after a success; a lasting count gives this one attempt back, no more."""
    for count in door.counts:
        mine = Attempts.key == count.key
        if count in door.lasting:
            await session.execute(update(Attempts).where(mine, Attempts.count > 0).values(count=Attempts.count - 1))
        else:
            await session.execute(delete(Attempts).where(mine))


async def sweep_attempts(session: AsyncSession, now: datetime) -> None:
    """Forget the counts whose time is over; one in use is left for the next sweep."""
    over = select(Attempts.key).where(Attempts.started_at <= now - WINDOW).with_for_update(skip_locked=True)
    await session.execute(delete(Attempts).where(Attempts.key.in_(over)))


async def _take(session: AsyncSession, count: Count, now: datetime) -> bool:
    """One attempt more under this key, in one statement; False where it was one too many."""
    over = Attempts.started_at <= now - WINDOW
    query = insert(Attempts).values(key=count.key, count=1, started_at=now)
    counted = query.on_conflict_do_update(
        index_elements=["key"],
        set_={
            "count": case((over, 1), else_=func.least(Attempts.count + 1, count.most + 1)),
            "started_at": case((over, now), else_=Attempts.started_at),
        },
    )
    return (await session.execute(counted.returning(Attempts.count))).scalar_one() <= count.most


async def _wait(session: AsyncSession, door: Door, now: datetime) -> timedelta:
    """How long until every count of the door allows an attempt."""
    full = {count.key: count.most for count in door.counts}
    query = select(Attempts).where(Attempts.key.in_(full))
    rows = (await session.execute(query)).scalars()
    return max((row.started_at + WINDOW - now for row in rows if row.count >= full[row.key]), default=timedelta())


def _key(*parts: str) -> bytes:
    """SHA-256 of the kind and the value; lengths stand before them, so that no two ways to part them agree."""
    return hashlib.sha256(b"".join(b"%d:%s" % (len(raw), raw) for raw in map(str.encode, parts))).digest()
