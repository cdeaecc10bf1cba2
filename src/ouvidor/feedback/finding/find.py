"""Finding comments: by filters, by words, by meaning, in any order, a page at a time."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import Project
from ouvidor.errors import NotFound
from ouvidor.feedback.finding.nearest import Meant, nearest, planned_without, similarities
from ouvidor.feedback.finding.wanted import CommentFilter, Condition
from ouvidor.feedback.finding.words import Words, without_quotes, words_of
from ouvidor.feedback.in_use import active_taxonomy
from ouvidor.feedback.read import CommentOut, comment_out, read_comment, read_comments
from ouvidor.knowledge.embedding import vector_of_query, vectors_name
from ouvidor.runtime import Runtime

Mode = Literal["auto", "words", "meaning"]
Order = Literal["relevance", "newest", "oldest", "confident", "unsure"]
By = Literal["words", "meaning", "both"]

MOST_COUNTED = 10_000
MOST_RANKED = 1_000
NEAR_FIRST = 100
"""So many of the nearest are looked for at once, and join those that have the words; more only for a page beyond."""
FUSED_FROM = 60
"""The constant of reciprocal rank fusion (Cormack, Clarke & Büttcher 2009)."""

COUNT = "select count(*) from (select 1 from comment where {chosen} limit :most) found"
# What few comments meet is read once, counted and put in order.
FEW = """
with chosen as materialized (select {columns} from comment where {chosen} limit :most),
page as (
    select id, row_number() over (order by {order}) as place from chosen where {behind} order by place limit :limit
)
select total, id from (select count(*) as total from chosen) counted left join page on true order by place
"""
MANY = "select id from comment where {chosen} and {behind} order by {order} limit :limit"
BEST_OF_MANY = """
with newest as materialized (
    select id, written_at, length(terms) as size from comment where {chosen} and {behind}
    order by written_at desc, id desc limit :limit
)
select id from newest order by {order}
"""
ALONG_THE_INDEX = ("enable_bitmapscan", "enable_sort")
"""Of many hits the next few come soonest along the index of the order; PostgreSQL would often sort them all."""


@dataclass(frozen=True)
class _Sorting:
    """An order as SQL over `columns`, what comes behind the row of a cursor in it, and how it is had of many hits."""

    order: str
    behind: str = "true"
    columns: str = "id, written_at, confidence"
    many: str = MANY


SORTINGS: Mapping[Order, _Sorting] = {
    "newest": _Sorting(
        "written_at desc, id desc", "(written_at, id) < (cast(:at as timestamptz), cast(:last as uuid))"
    ),
    "oldest": _Sorting("written_at, id", "(written_at, id) > (cast(:at as timestamptz), cast(:last as uuid))"),
    "confident": _Sorting(
        "confidence desc, id desc", "(confidence, id) < (cast(:sure as float8), cast(:last as uuid))"
    ),
    "unsure": _Sorting("confidence, id", "(confidence, id) > (cast(:sure as float8), cast(:last as uuid))"),
    "relevance": _Sorting(
        "size, written_at desc, id desc", columns="id, written_at, length(terms) as size", many=BEST_OF_MANY
    ),
}
"""By relevance, of comments that have all the words those come first of which they are the largest part."""


class LostPlace(NotFound):
    """The comment after which this page begins is not in the list any more; begin at the first page."""


class FoundComment(CommentOut):
    """A comment of a list; `similarity` is the cosine to what was looked for, where both have vectors."""

    similarity: float | None = None


class CommentPage(BaseModel):
    """One page of comments.

    `by` tells how they were found (null: by filters alone). With `no_words` no comment has all the words, and these
    are the nearest in meaning instead.
    """

    object: Literal["list"] = "list"
    data: list[FoundComment]
    first_id: UUID | None
    last_id: UUID | None
    has_more: bool
    total: int = Field(description="How many there are in all; of those found by words at most 10,000 are counted.")
    total_is_least: bool = Field(description="There are more than `total`.")
    by: By | None = None
    no_words: bool = False


@dataclass(frozen=True)
class Asked:
    """What is looked for under a filter: words, a meaning, or both; nothing but the filter where neither is there."""

    project_id: UUID
    wanted: CommentFilter
    words: Words
    meant: Meant | None
    mode: Mode

    @property
    def order(self) -> Order:
        """The order where none is asked for: the most relevant first where something is looked for."""
        return "relevance" if self.words.any or self.meant is not None else "newest"

    @property
    def means_more(self) -> bool:
        """Whether comments are looked for by meaning too, or by meaning alone."""
        return self.mode == "meaning" or self.meant is not None

    def by_words(self) -> Condition:
        """What a comment must meet that stands under the filter and has the words."""
        chosen = self.wanted.condition(self.project_id)
        if self.words.query:
            chosen = chosen.also("comment.terms @@ cast(:words as tsquery)", words=self.words.query)
        for place, phrase in enumerate(self.words.phrases):
            chosen = chosen.also(f"comment.content ~ :phrase_{place}", **{f"phrase_{place}": phrase})
        return chosen

    def by_meaning(self, near: Iterable[UUID]) -> Condition:
        """What picks those under the filter that were found near."""
        return self.wanted.condition(self.project_id).also("comment.id = any(cast(:near as uuid[]))", near=list(near))


@dataclass(frozen=True)
class _Hits:
    """How many comments meet a condition (at most one more than is counted), and the ids of the next ones."""

    count: int
    ids: Sequence[UUID]
    by: By | None = None
    no_words: bool = False


async def find(
    rt: Runtime,
    project: Project,
    wanted: CommentFilter,
    q: str = "",
    *,
    mode: Mode = "auto",
    order: Order | None = None,
    after: UUID | None = None,
    limit: int = 20,
    typing: bool = False,
) -> CommentPage:
    """A page of the project's comments under the filter that answer the query, from the one after `after`.

    Without an order the most relevant come first where there is a query, else the newest. By words all of them must
    stand in a comment; what is found by meaning is the nearest MOST_RANKED at most. In the mode `auto` relevance blends
    both, and where no comment has the words those near in meaning are found instead. `typing`: the last word goes on.

    Raises:
        UnknownComment, LostPlace: `after` is not of this project, or not of this list any more.
    """
    asked = await ask(rt, project, wanted, q, mode=mode, typing=typing)
    async with rt.db.read() as session:
        hits = await _hits(session, asked, order or asked.order, after, limit + 1)
        return await _page(session, project, asked, hits, limit)


async def ask(
    rt: Runtime, project: Project, wanted: CommentFilter, q: str, *, mode: Mode = "auto", typing: bool = False
) -> Asked:
    """The query read; never called inside a transaction, as a model makes its vector."""
    said = without_quotes(q)
    words = words_of(q, typing=typing) if mode != "meaning" else Words()
    vector = await vector_of_query(rt, project, said) if said and mode != "words" else None
    meant = None if vector is None else Meant(vector, vectors_name(rt.embedder))
    return Asked(project.id, wanted, words, meant, mode if said else "words")


async def selected(session: AsyncSession, asked: Asked) -> Condition:
    """What all comments meet that the query finds under the filter: for an export, or a deed over all of them.

    Those that have the words; in the mode `auto`, where none has, and in `meaning` those near in meaning.
    """
    chosen = asked.by_words()
    if not asked.means_more or (asked.words.any and await _count(session, chosen, most=1)):
        return chosen
    return asked.by_meaning(await _near(session, asked, MOST_RANKED))


async def _hits(session: AsyncSession, asked: Asked, order: Order, after: UUID | None, limit: int) -> _Hits:
    if not asked.means_more:
        return await _by_words(session, asked, order, after, limit)
    if asked.words.any:
        hits = await _by_words(session, asked, order, after, limit)
        if hits.count:
            return hits
    found = await _by_meaning(session, asked, order, after, limit)
    return replace(found, by="meaning", no_words=asked.words.any)


async def _by_words(session: AsyncSession, asked: Asked, order: Order, after: UUID | None, limit: int) -> _Hits:
    """Those that have the words, or without words all under the filter; by relevance blended with those near."""
    if not asked.words.any:
        return await _sorted(
            session, asked, asked.by_words(), "newest" if order == "relevance" else order, after, limit
        )
    if order != "relevance":
        return replace(await _sorted(session, asked, asked.by_words(), order, after, limit), by="words")
    hits = await _sorted(session, asked, asked.by_words(), order, None, MOST_RANKED)
    if not hits.count:
        return replace(hits, by="words")
    if asked.meant is None:
        return replace(hits, ids=_behind(hits.ids, after, limit), by="words")
    near = await _near(session, asked, NEAR_FIRST, among=hits.count)
    ranked = fused(hits.ids, near)[:MOST_RANKED]
    return replace(hits, ids=_behind(ranked, after, limit), by="both")


async def _by_meaning(session: AsyncSession, asked: Asked, order: Order, after: UUID | None, limit: int) -> _Hits:
    """Those near in meaning, the nearest first or in another order. Of a list that goes on the count is one more."""
    if order != "relevance":
        return await _sorted(
            session, asked, asked.by_meaning(await _near(session, asked, MOST_RANKED)), order, after, limit
        )
    near = await _near(session, asked, NEAR_FIRST + 1)
    if len(near) > NEAR_FIRST and after is not None and after not in near[: NEAR_FIRST - limit]:
        near = await _near(session, asked, MOST_RANKED)
    return _Hits(len(near), _behind(near, after, limit))


async def _near(session: AsyncSession, asked: Asked, most: int, *, among: int = 0) -> list[UUID]:
    """The nearest in meaning under the filter, nearest first; `among` is how many it is known to leave at least."""
    if asked.meant is None:
        return []
    if among <= MOST_COUNTED:
        among = await _count(session, asked.wanted.condition(asked.project_id), most=MOST_COUNTED + 1)
    return await nearest(session, asked.project_id, asked.wanted, asked.meant, many=among > MOST_COUNTED, most=most)


async def _count(session: AsyncSession, chosen: Condition, *, most: int) -> int:
    """How many meet it, at most so many."""
    return (await session.execute(text(COUNT.format(chosen=chosen.text)), {**chosen.values, "most": most})).scalar_one()


async def _sorted(
    session: AsyncSession, asked: Asked, chosen: Condition, order: Order, after: UUID | None, limit: int
) -> _Hits:
    """The next ids in an order by columns: few hits are sorted, among many the order's index is walked."""
    sorting = SORTINGS[order]
    behind = await _cursor(session, asked.project_id, sorting, after)
    parts = {"chosen": chosen.text, "behind": behind.text, "order": sorting.order}
    values = {**chosen.values, **behind.values, "limit": limit, "most": MOST_COUNTED + 1}
    few = FEW.format(columns=sorting.columns, **parts)
    rows = (await session.execute(text(few), values)).all()
    if rows[0].total <= MOST_COUNTED:
        return _Hits(rows[0].total, [row.id for row in rows if row.id is not None])
    del values["most"]
    async with planned_without(session, *ALONG_THE_INDEX):
        ids = (await session.execute(text(sorting.many.format(**parts)), values)).scalars().all()
    return _Hits(rows[0].total, ids)


async def _cursor(session: AsyncSession, project_id: UUID, sorting: _Sorting, after: UUID | None) -> Condition:
    """What stands behind the comment `after` in this order."""
    if after is None:
        return Condition("true", {})
    row = await read_comment(session, project_id, after)
    told = {"at": row.written_at, "sure": row.confidence, "last": row.id}
    return Condition(sorting.behind, {name: value for name, value in told.items() if f":{name} " in sorting.behind})


def fused(*lists: Sequence[UUID]) -> list[UUID]:
    """One list of several, by the sum of 1 / (60 + rank) in each (reciprocal rank fusion)."""
    scores: defaultdict[UUID, float] = defaultdict(float)
    for ranked in lists:
        for rank, comment_id in enumerate(ranked, start=1):
            scores[comment_id] += 1 / (FUSED_FROM + rank)
    return sorted(scores, key=scores.__getitem__, reverse=True)


def _behind(ranked: Sequence[UUID], after: UUID | None, limit: int) -> Sequence[UUID]:
    """The next of the list.

    Raises:
        LostPlace: `after` is not in it.
    """
    if after is None:
        return ranked[:limit]
    if after not in ranked:
        raise LostPlace
    begin = ranked.index(after) + 1
    return ranked[begin : begin + limit]


async def _page(session: AsyncSession, project: Project, asked: Asked, hits: _Hits, limit: int) -> CommentPage:
    """What the page shows of these, in this order; one that is gone meanwhile is left out."""
    shown = hits.ids[:limit]
    _, taxonomy = await active_taxonomy(session, project)
    rows = await read_comments(session, project.id, shown)
    similar: Mapping[UUID, float] = {}
    if asked.meant is not None and shown:
        similar = await similarities(session, project.id, shown, asked.meant)
    data = [
        FoundComment(**comment_out(rows[one], taxonomy).model_dump(), similarity=similar.get(one))
        for one in shown
        if one in rows
    ]
    counted = NEAR_FIRST if hits.by == "meaning" and hits.count == NEAR_FIRST + 1 else MOST_COUNTED
    return CommentPage(
        data=data,
        first_id=data[0].id if data else None,
        last_id=data[-1].id if data else None,
        has_more=len(hits.ids) > limit,
        total=min(hits.count, counted),
        total_is_least=hits.count > counted,
        by=hits.by,
        no_words=hits.no_words,
    )
