"""Comments that mean nearly the same as one that is there; and all ids that a search selects."""

from dataclasses import dataclass
from uuid import UUID

import numpy as np
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import Project
from ouvidor.feedback.finding.find import MOST_COUNTED, Mode, ask, selected
from ouvidor.feedback.finding.nearest import Meant, nearest, similarities
from ouvidor.feedback.finding.wanted import CommentFilter
from ouvidor.feedback.models import Comment, CommentVector
from ouvidor.feedback.read import read_comments
from ouvidor.knowledge.embedding import vectors_name
from ouvidor.runtime import Runtime

COUNT = text("select count(*) from (select 1 from comment where project_id = :project limit :most) found")
IDS = "select id from comment where {chosen} order by id limit :most"


@dataclass(frozen=True)
class Similar:
    """A comment, and the cosine of its vector to that of another."""

    comment: Comment
    similarity: float


async def similar_to(
    session: AsyncSession, rt: Runtime, project_id: UUID, comment_id: UUID, *, limit: int
) -> list[Similar]:
    """The comments nearest in meaning to this one, nearest first; none where it has no vector of the model in use."""
    own = (CommentVector.project_id == project_id, CommentVector.comment_id == comment_id)
    query = select(CommentVector.embedding).where(*own, CommentVector.made_by == vectors_name(rt.embedder))
    vector = (await session.execute(query)).scalar_one_or_none()
    if vector is None:
        return []
    meant = Meant(np.asarray(vector, np.float32), vectors_name(rt.embedder))
    count = (await session.execute(COUNT, {"project": project_id, "most": MOST_COUNTED + 1})).scalar_one()
    many = count > MOST_COUNTED
    near = await nearest(session, project_id, CommentFilter(), meant, many=many, most=limit + 1)
    others = [one for one in near if one != comment_id][:limit]
    rows = await read_comments(session, project_id, others)
    cosines = await similarities(session, project_id, others, meant)
    return [Similar(rows[one], cosines[one]) for one in others if one in rows and one in cosines]


async def found_ids(
    rt: Runtime, project: Project, wanted: CommentFilter, q: str, *, mode: Mode, most: int
) -> list[UUID]:
    """The ids of all comments that the search selects, at most so many, in no order that means anything."""
    asked = await ask(rt, project, wanted, q, mode=mode)
    async with rt.db.read() as session:
        chosen = await selected(session, asked)
        query = text(IDS.format(chosen=chosen.text))
        return list((await session.execute(query, {**chosen.values, "most": most})).scalars())
