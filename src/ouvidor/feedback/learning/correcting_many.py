"""A person's word on many comments at once, and that word taken back."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import Actor, note
from ouvidor.accounts.models import Project
from ouvidor.db import new_id
from ouvidor.errors import NotFound, Unprocessable
from ouvidor.feedback.classification import Sentiment, TagGiven
from ouvidor.feedback.finding.wanted import CommentFilter
from ouvidor.feedback.in_use import active_taxonomy
from ouvidor.feedback.learning.correcting import NotYours, settle, word_of
from ouvidor.runtime import Runtime

MOST = 10_000

FOUND = "select id from comment where {condition} order by id for update"
COUNT = "select count(*) from comment where {condition}"
SAY = text("""
with said as (
    select c.id, coalesce(cast(:tags as jsonb), c.tags) as tags, coalesce(:sentiment, c.sentiment) as sentiment, c.waits
    from comment c where c.project_id = :project and c.id = any(:ids) and case
        when c.corrected_at is null then true
        when c.category <> :category then :over_people
        else c.tags <> coalesce(cast(:tags as jsonb), c.tags) or c.sentiment <> coalesce(:sentiment, c.sentiment)
    end
), changed as (
    update comment c set
        category = :category, tags = said.tags, sentiment = said.sentiment,
        tag_codes = array(select tag ->> 'code' from jsonb_array_elements(said.tags) tag),
        taxonomy = :taxonomy, corrected_at = :now, updated_at = :now, waits = null
    from said where c.id = said.id
    returning c.id, c.language
), entered as (
    insert into comment_classification (
        id, project_id, comment_id, by, model, version, person, taxonomy, category, tags, sentiment, language, waited,
        deed, created_at
    )
    select entry.id, :project, said.id, 'person', '', '', :person, :taxonomy, :category, said.tags, said.sentiment,
        changed.language, said.waits, :deed, :now
    from unnest(cast(:ids as uuid[]), cast(:entries as uuid[])) as entry (comment, id)
    join said on said.id = entry.comment join changed on changed.id = said.id
)
select
    (select count(*) from said) as corrected,
    (select count(*) from comment c where c.project_id = :project and c.id = any(:ids)
        and c.corrected_at is not null and c.category <> :category and not :over_people) as kept
""")
OF_DEED = text("""
select c.id, h.person, h.waited from comment c
join comment_classification h on h.comment_id = c.id
where h.project_id = :project and c.project_id = :project and h.deed = :deed and h.withdrawn_at is null
order by c.id for update of c
""")
WITHDRAW = text("""
update comment_classification set withdrawn_at = :now
where project_id = :project and deed = :deed and withdrawn_at is null
""")


class TooMany(Unprocessable):
    """At most 10,000 comments can be corrected at once; narrow them down."""


class UnknownDeed(NotFound):
    """Nothing that was said of many comments stands under that id."""


class ManyCorrected(BaseModel):
    """What came of a correction of many comments; `deed` is the id by which it can be taken back."""

    deed: UUID
    corrected: int
    same: int = Field(description="Of these a person had said the same before.")
    kept: int = Field(description="Of these a person had said something else, which stays.")


class ManyTakenBack(BaseModel):
    """Of how many comments a word was taken back."""

    taken_back: int


async def correct_many(
    rt: Runtime,
    project: Project,
    wanted: CommentFilter,
    category: str,
    *,
    tags: Sequence[TagGiven] | None = None,
    sentiment: Sentiment | None = None,
    actor: Actor,
    over_people: bool = False,
) -> ManyCorrected:
    """Say what all comments under the filter are; tags and sentiment that are None stay each as they are.

    What a person has said already stays, but for `over_people`.

    Raises:
        TooMany: over 10,000 comments match.
        UnknownCategory, TooManyTags: that cannot be said.
    """
    now, deed = rt.clock(), new_id()
    async with rt.db.begin() as session:
        number, taxonomy = await active_taxonomy(session, project)
        word = word_of(taxonomy, category, tags, sentiment)
        ids = await _found(session, project.id, wanted)
        values: dict[str, Any] = {"project": project.id, "ids": ids, "entries": [new_id() for _ in ids], "now": now}
        values |= {
            "category": word.category,
            "tags": _as_json(word.tags),
            "sentiment": word.sentiment,
            "taxonomy": number,
        }
        values |= {"person": actor.name, "deed": deed, "over_people": over_people}
        row = (await session.execute(SAY, values)).one()
        if row.corrected:
            told: dict[str, Any] = {"comments": row.corrected, "category": word.category, "deed": str(deed)}
            await note(session, actor, "comment.corrected_many", at=now, project_id=project.id, **told)
    same = len(ids) - row.corrected - row.kept
    return ManyCorrected(deed=deed, corrected=row.corrected, same=same, kept=row.kept)


async def take_back_many(
    rt: Runtime, project: Project, deed: UUID, *, actor: Actor, anyones: bool = False
) -> ManyTakenBack:
    """Take back what was said of many comments; of those of which somebody has said more since, that stays.

    Raises:
        UnknownDeed: nothing was said under this id, or all of it was taken back.
        NotYours: it was somebody else's word.
    """
    now = rt.clock()
    async with rt.db.begin() as session:
        _, taxonomy = await active_taxonomy(session, project)
        which: dict[str, Any] = {"project": project.id, "deed": deed}
        rows: Sequence[Row[Any]] = (await session.execute(OF_DEED, which)).all()
        if not rows:
            raise UnknownDeed
        if not anyones and any(row.person != actor.name for row in rows):
            raise NotYours
        await session.execute(WITHDRAW, which | {"now": now})
        await settle(session, project.id, taxonomy, [(row.id, row.waited) for row in rows], now)
        told: dict[str, Any] = {"comments": len(rows), "deed": str(deed)}
        await note(session, actor, "comment.corrections_withdrawn", at=now, project_id=project.id, **told)
    return ManyTakenBack(taken_back=len(rows))


def _as_json(tags: Sequence[TagGiven] | None) -> str | None:
    return None if tags is None else json.dumps([tag.model_dump() for tag in tags], ensure_ascii=False)


async def _found(session: AsyncSession, project_id: UUID, wanted: CommentFilter) -> list[UUID]:
    condition = wanted.condition(project_id)
    count = (await session.execute(text(COUNT.format(condition=condition.text)), condition.values)).scalar_one()
    if count > MOST:
        raise TooMany(f"{count} comments match, and at most {MOST} can be corrected at once; narrow them down.")
    query = text(FOUND.format(condition=condition.text))
    return list((await session.execute(query, condition.values)).scalars())
