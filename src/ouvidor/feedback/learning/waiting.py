"""Comments that wait for a person: unsure ones, the least confident first, and blind ones evenly among them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Select, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.feedback.classification import Sentiment, TagGiven
from ouvidor.feedback.models import Comment, Waits
from ouvidor.feedback.read import name_of
from ouvidor.feedback.rules import read_rules
from ouvidor.feedback.taxonomy import Taxonomy

STEPS = 20
LOOKED_AT = 2_000
"""So many unsure comments tell how confidences are spread."""

SPREAD = text("""
select percentile_disc(cast(:shares as float8[])) within group (order by confidence)
from (
    select confidence from comment where project_id = :project and confidence < :threshold
    order by written_at desc, id desc limit :most
) as unsure
""")
PLACE = """
case
    when {of}.confidence < :threshold then {of}.confidence
    else (cast(:spread as float8[]))[1 + ((hashtextextended({of}.id::text, 0) & 1048575) * :steps / 1048576)::int]
end
"""
"""An unsure comment stands where its confidence is, any other where its id falls in the spread of the unsure ones.

So blind ones come evenly, in proportion, and a place stays what it is once the comment waits no more.
"""
AHEAD = """
select c.id from comment c
where c.project_id = :project and c.waits is not null {beyond}
order by {place} {order}, c.id {order} limit :limit
"""
BEYOND = "and ({place}, c.id) {sign} (select {other}, o.id from comment o where o.project_id = :project and o.id = :at)"
COUNTS = text("""
select
    (select count(*) from comment where project_id = :project and waits is not null) as waiting,
    (select count(*) from comment where project_id = :project and corrected_at is not null) as corrected,
    (select count(*) from comment where project_id = :project and corrected_at >= :midnight) as today,
    exists (select from comment where project_id = :project) as any
""")


class GivenOut(BaseModel):
    """What the AI made of a comment."""

    category: str
    category_name: str
    confidence: float
    tags: list[TagGiven]
    sentiment: Sentiment


class WaitingOut(BaseModel):
    """A comment that waits for a person; `given` is null where it is to be judged without knowing the AI's value."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "0199f3a1-c2d4-7e0f-8a51-b0c9d3e4f5a6",
                "external_id": "4711",
                "text": "Amei o clipe novo, que história linda",
                "language": "pt",
                "fields": {"artista": "Marina Sol", "album": "Laje"},
                "author": None,
                "waits": "blind",
                "given": None,
                "written_at": "2026-11-20T21:12:00Z",
            }
        }
    )

    id: UUID
    external_id: str
    text: str
    language: str
    fields: dict[str, str]
    author: str | None
    waits: Literal["unsure", "blind"]
    given: GivenOut | None
    written_at: datetime


class WaitingPage(BaseModel):
    """One page of the comments that wait, in the order in which they are best looked at."""

    object: Literal["list"] = "list"
    data: list[WaitingOut]
    first_id: UUID | None
    last_id: UUID | None
    has_more: bool


@dataclass(frozen=True)
class Progress:
    """How many comments wait, how many a person has corrected in all, and how many of these today (UTC).

    `bare` tells that there is no comment at all.
    """

    waiting: int
    corrected: int
    today: int
    bare: bool = False

    @property
    def share(self) -> int:
        """How much of the work is done, in whole per cent."""
        total = self.waiting + self.corrected
        return 100 * self.corrected // total if total else 0


async def list_waiting(
    session: AsyncSession, project_id: UUID, taxonomy: Taxonomy, *, after: UUID | None = None, limit: int
) -> WaitingPage:
    """A page of what waits, from behind the comment `after`, whether that one waits still or not."""
    ids = await _ids(session, await _order(session, project_id), after, limit=limit + 1)
    found = await _rows(session, project_id, ids[:limit])
    data = [waiting_out(row, taxonomy) for row in found]
    first, last = (data[0].id, data[-1].id) if data else (None, None)
    return WaitingPage(data=data, first_id=first, last_id=last, has_more=len(ids) > limit)


@dataclass(frozen=True)
class Beside:
    """A comment of the list, and its neighbours there (None: it is the first, or the last)."""

    comment: Comment
    before: UUID | None
    behind: UUID | None


async def waiting_at(
    session: AsyncSession, project_id: UUID, *, at: UUID | None = None, after: UUID | None = None
) -> Beside | None:
    """The comment `at`, if it waits; else the one behind `after`; else the first; None where nothing waits."""
    order = await _order(session, project_id)
    found = await _waiting(session, project_id, at) if at else None
    if found is None:
        ids = await _ids(session, order, after, limit=1)
        if after and not ids:
            ids = await _ids(session, order, None, limit=1)
        found = await _waiting(session, project_id, ids[0]) if ids else None
    if found is None:
        return None
    before = await _ids(session, order, found.id, limit=1, backwards=True)
    behind = await _ids(session, order, found.id, limit=1)
    return Beside(found, next(iter(before), None), next(iter(behind), None))


async def progress_of(session: AsyncSession, project_id: UUID, now: datetime) -> Progress:
    """How far the list is worked off."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    row = (await session.execute(COUNTS, {"project": project_id, "midnight": midnight})).one()
    return Progress(row.waiting, row.corrected, row.today, bare=not row.any)


def waiting_out(row: Comment, taxonomy: Taxonomy) -> WaitingOut:
    """The comment as whoever corrects it may see it."""
    return WaitingOut(
        id=row.id,
        external_id=row.external_id,
        text=row.content,
        language=row.language,
        fields=row.fields,
        author=row.author,
        waits=Waits(row.waits).value,
        given=None if row.waits == Waits.BLIND else given_out(row, taxonomy),
        written_at=row.written_at,
    )


def given_out(row: Comment, taxonomy: Taxonomy) -> GivenOut:
    """What the AI made of a comment that nobody has corrected."""
    return GivenOut(
        category=row.given_category,
        category_name=name_of(row.given_category, taxonomy),
        confidence=row.confidence,
        tags=[TagGiven.model_validate(tag) for tag in row.tags],
        sentiment=row.sentiment,  # pyright: ignore[reportArgumentType] - the table allows no other
    )


async def _order(session: AsyncSession, project_id: UUID) -> dict[str, Any]:
    """What tells the place of each comment."""
    threshold = (await read_rules(session, project_id)).unsure_below
    told: dict[str, Any] = {"project": project_id, "threshold": threshold}
    shares = [step / STEPS for step in range(STEPS)]
    spread = (await session.execute(SPREAD, {**told, "shares": shares, "most": LOOKED_AT})).scalar_one()
    return told | {"spread": spread or [threshold * share for share in shares], "steps": STEPS}


async def _ids(
    session: AsyncSession, order: Mapping[str, Any], at: UUID | None, *, limit: int, backwards: bool = False
) -> Sequence[UUID]:
    """Ids of waiting comments in order, from behind the one given, or from before it backwards."""
    place, other = PLACE.format(of="c"), PLACE.format(of="o")
    beyond = BEYOND.format(place=place, other=other, sign="<" if backwards else ">") if at else ""
    query = AHEAD.format(beyond=beyond, place=place, order="desc" if backwards else "asc")
    return (await session.execute(text(query), {**order, "limit": limit, "at": at})).scalars().all()


async def _waiting(session: AsyncSession, project_id: UUID, comment_id: UUID) -> Comment | None:
    return (await session.execute(_own(project_id).where(Comment.id == comment_id))).scalar_one_or_none()


async def _rows(session: AsyncSession, project_id: UUID, ids: Sequence[UUID]) -> list[Comment]:
    rows = (await session.execute(_own(project_id).where(Comment.id.in_(ids)))).scalars()
    by_id = {row.id: row for row in rows}
    return [by_id[id_] for id_ in ids if id_ in by_id]


def _own(project_id: UUID) -> Select[Comment]:
    return select(Comment).where(Comment.project_id == project_id, Comment.waits.is_not(None))
