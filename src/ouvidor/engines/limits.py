"""Requests and tokens a minute of each model of the server, held over all processes: one row of the database for each.

The generic cell rate algorithm (ITU-T I.371, annex A): a row holds the moment from which the next may be sent; each
reservation moves it on. Time is the database's, so that processes and machines need not agree on theirs.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Mapped, mapped_column

from ouvidor.db import Base, Database
from ouvidor.engines.call_fault import CallFault
from ouvidor.settings import Settings

MINUTE = 60.0
BURST_SHARE = 10
"""A tenth of a minute's amount may be sent at once."""
REQUESTS_OF_A_CALLER = 4
TOKENS_OF_A_CALLER = 10_000
"""What one that calls again and again takes of a minute; of more than that, some would only wait."""

RESERVE = text("""
insert into rate_allowance as allowance (name, ready_at)
values (:name, clock_timestamp() - cast(:burst as interval) + cast(:cost as interval))
on conflict (name) do update
set ready_at = greatest(allowance.ready_at, clock_timestamp() - cast(:burst as interval)) + cast(:cost as interval)
where allowance.ready_at <= clock_timestamp() + cast(:patience as interval)
returning greatest(0, extract(epoch from ready_at - cast(:cost as interval) - clock_timestamp()))
""")
CORRECT = text("update rate_allowance set ready_at = ready_at + cast(:cost as interval) where name = :name")


def callers_fed(settings: Settings, most: int) -> int:
    """How many may call the model at once, over all processes: at most so many, and no more than its limits feed."""
    bounds = [most]
    if settings.llm_requests_per_minute is not None:
        bounds.append(settings.llm_requests_per_minute // REQUESTS_OF_A_CALLER)
    if settings.llm_tokens_per_minute is not None:
        bounds.append(settings.llm_tokens_per_minute // TOKENS_OF_A_CALLER)
    return max(1, min(bounds))


class RateAllowance(Base):
    """When the next request, or the next tokens, may be sent; a moment in the past means: at once."""

    __tablename__ = "rate_allowance"

    name: Mapped[str] = mapped_column(primary_key=True)
    ready_at: Mapped[datetime]


@dataclass(frozen=True)
class Rate:
    """So many a minute, under this name; in no minute are more reserved, but for the last one's size."""

    name: str
    a_minute: int

    @property
    def burst(self) -> int:
        """How many may be sent at once after a quiet time."""
        return max(1, self.a_minute // BURST_SHARE)

    @property
    def interval(self) -> float:
        """Seconds that one takes: burst and those that follow it within a minute are together `a_minute`."""
        return MINUTE / (self.a_minute - self.burst + 1)

    def cost(self, amount: int) -> timedelta:
        """The time that so many take."""
        return timedelta(seconds=amount * self.interval)


@dataclass(frozen=True)
class Limits:
    """The limits of one model; None where there is none."""

    requests: Rate | None
    tokens: Rate | None

    async def reserve(self, db: Database, tokens: int, patience: float) -> float:
        """Reserve one request of so many tokens; returns the seconds to wait before it is sent.

        What is reserved and then not sent is lost, and made good by time.

        Raises:
            CallFault: the wait would be longer than `patience` (seconds); nothing is reserved.
        """
        wanted = [(rate, amount) for rate, amount in ((self.requests, 1), (self.tokens, tokens)) if rate is not None]
        if not wanted:
            return 0.0
        async with db.begin() as session:
            waits: list[float] = []
            for rate, amount in wanted:
                values = {
                    "name": rate.name,
                    "cost": rate.cost(amount),
                    "burst": rate.cost(rate.burst - 1),
                    "patience": timedelta(seconds=max(0.0, patience)),
                }
                wait = (await session.execute(RESERVE, values)).scalar_one_or_none()
                if wait is None:
                    raise CallFault("rate_limited")
                waits.append(float(wait))
        return max(waits)

    async def correct(self, db: Database, reserved: int, used: int) -> None:
        """Put right what was reserved, now that the tokens used are known."""
        if self.tokens is None or used == reserved:
            return
        async with db.begin() as session:
            values = {"name": self.tokens.name, "cost": self.tokens.cost(used - reserved)}
            await session.execute(CORRECT, values)


def limits_of(settings: Settings, name: str) -> Limits:
    """The limits of the settings for the model that goes by this name: servers count each of their models by itself."""
    requests, tokens = settings.llm_requests_per_minute, settings.llm_tokens_per_minute
    return Limits(
        requests=None if requests is None else Rate(f"{name} requests", requests),
        tokens=None if tokens is None else Rate(f"{name} tokens", tokens),
    )
