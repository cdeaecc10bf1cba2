"""The comments whose vectors are nearest to that of a query, among those that a filter leaves."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.feedback.finding.wanted import CommentFilter

MOST_BY_INDEX = 250
"""A filter may take away most of what an index gives: more than so many are sooner found among all."""
LEAST_SIMILAR = 0.3
"""Below this cosine a comment has as good as nothing to do with a query: two of the demo's at random have 0.14."""

EXACT = """
select comment_id as id, -(embedding::halfvec({dimension}) <#> cast(:vector as halfvec({dimension}))) as similarity
from comment_vector
where project_id = :project and made_by = :model{among}
order by similarity desc, id limit :most
"""
AMONG = " and comment_id in (select comment.id from comment where {chosen})"
BY_INDEX = """
select comment_id as id, -(embedding::halfvec({dimension}) <#> cast(:vector as halfvec({dimension}))) as similarity
from comment_vector{joined}
where comment_vector.project_id = :project and made_by = :model{chosen}
order by embedding::halfvec({dimension}) <#> cast(:vector as halfvec({dimension})) limit :most
"""
JOINED = " join comment on comment.id = comment_vector.comment_id"
OF_THESE = """
select comment_id as id, -(embedding::halfvec({dimension}) <#> cast(:vector as halfvec({dimension}))) as similarity
from comment_vector
where project_id = :project and made_by = :model and comment_id = any(cast(:ids as uuid[]))
"""
# The index gives what is near in order, and goes on where the filter takes some away.
GO_ON = """
select set_config('hnsw.iterative_scan', 'strict_order', true), set_config('hnsw.max_scan_tuples', '5000', true)
"""
FROM_THE_INDEX = ("enable_hashjoin", "enable_mergejoin", "enable_sort")


@dataclass(frozen=True)
class Meant:
    """What somebody means: the query's vector (length 1), by the model of the name `model`."""

    vector: NDArray[np.float32]
    model: str

    @property
    def dimension(self) -> int:
        """How many numbers the vector has."""
        return len(self.vector)

    def values(self) -> dict[str, object]:
        """As the statements take it."""
        return {
            "vector": f"[{','.join(format(number, '.5g') for number in self.vector.tolist())}]",
            "model": self.model,
        }


async def nearest(
    session: AsyncSession, project_id: UUID, wanted: CommentFilter, meant: Meant, *, many: bool, most: int
) -> list[UUID]:
    """The nearest comments under the filter, nearest first; none is less similar than LEAST_SIMILAR.

    Where the filter leaves few, or a long list is wanted of some, every vector is compared: quicker than an index whose
    hits the filter throws away. Of `many` the project's index gives them, where it has one: approximate. Where that
    does not come to enough within 5,000 vectors, all are compared after all.
    """
    if many and (most <= MOST_BY_INDEX or not wanted.narrows):
        found = await _by_index(session, project_id, wanted, meant, most)
        if len(found) == most or (found and found[-1].similarity < LEAST_SIMILAR):
            return _similar(found)
    chosen = wanted.condition(project_id)
    among = AMONG.format(chosen=chosen.text) if wanted.narrows else ""
    query = EXACT.format(dimension=meant.dimension, among=among)
    return _similar((await session.execute(text(query), {**chosen.values, **meant.values(), "most": most})).all())


async def _by_index(
    session: AsyncSession, project_id: UUID, wanted: CommentFilter, meant: Meant, most: int
) -> Sequence[Row[Any]]:
    """What the index gives, in its order; too few where the filter took too many away."""
    chosen = wanted.condition(project_id)
    joined, condition = (JOINED, f" and {chosen.text}") if wanted.narrows else ("", "")
    query = BY_INDEX.format(dimension=meant.dimension, joined=joined, chosen=condition)
    await session.execute(text(GO_ON))
    async with planned_without(session, *FROM_THE_INDEX):
        return (await session.execute(text(query), {**chosen.values, **meant.values(), "most": most})).all()


def _similar(found: Sequence[Row[Any]]) -> list[UUID]:
    return [row.id for row in found if row.similarity >= LEAST_SIMILAR]


async def similarities(
    session: AsyncSession, project_id: UUID, ids: Sequence[UUID], meant: Meant
) -> Mapping[UUID, float]:
    """The cosines of these comments, as far as they have vectors of the model."""
    values = {"project": project_id, "ids": list(ids), **meant.values()}
    rows = await session.execute(text(OF_THESE.format(dimension=meant.dimension)), values)
    return {row.id: row.similarity for row in rows}


@asynccontextmanager
async def planned_without(session: AsyncSession, *ways: str) -> AsyncGenerator[None]:
    """Have PostgreSQL plan without these ways (`enable_…`) in this block: where we know better what is quick."""
    for value in ("off", "on"):
        if ways:
            settings = ", ".join(f"set_config('{way}', '{value}', true)" for way in ways)
            await session.execute(text(f"select {settings}"))
        if value == "off":
            yield
