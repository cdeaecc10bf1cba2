"""What became of each comment of a job, in the order in which they came."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import Project
from ouvidor.errors import NotFound
from ouvidor.feedback.in_use import active_taxonomy
from ouvidor.feedback.models import Comment, CommentItem, CommentJob
from ouvidor.feedback.read import CommentOut, comment_out
from ouvidor.feedback.refusals import Refusal
from ouvidor.feedback.told import Unfit

State = Literal["pending", "running", "done", "failed"]
UNKNOWN = 500
LAST = 2**31 - 1

AfterPosition = Annotated[int, Query(ge=0, le=LAST, description="The last position of the page before.")]


class UnknownJob(NotFound):
    """This project has no job of comments with that id."""


class ItemOut(BaseModel):
    """One comment of a job; `position` counts from 1 in the order in which they came.

    `comment` is what it became, null until it is `done` (and where it was deleted since); `error` is why it is
    `failed`. `id` is the caller's, where there is one.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "position": 2,
                "id": "4711",
                "state": "failed",
                "comment": None,
                "error": {
                    "type": "urn:ouvidor:unfit_comment",
                    "title": "A value cannot be accepted",
                    "status": 422,
                    "detail": "The comment has no text.",
                },
            }
        }
    )

    position: int
    id: str | None
    state: State
    comment: CommentOut | None = None
    error: Refusal | None = None


class ItemPage(BaseModel):
    """One page of a job's comments, in order; `last_id`, the position of the last, is the next page's `after`."""

    object: Literal["list"] = "list"
    data: list[ItemOut]
    first_id: int | None
    last_id: int | None
    has_more: bool


@dataclass(frozen=True)
class Place:
    """Which items of a job are wanted: `limit` of them after the position `after` (0: from the first)."""

    after: int = 0
    limit: int = 20


async def list_items(session: AsyncSession, project: Project, job_id: UUID, place: Place) -> ItemPage:
    """A page of the comments of a job of the project, in the order in which they came.

    Raises:
        UnknownJob: the project has none of this id.
    """
    own = (CommentJob.project_id == project.id, CommentJob.id == job_id)
    if (await session.execute(select(CommentJob.id).where(*own))).scalar_one_or_none() is None:
        raise UnknownJob
    _, taxonomy = await active_taxonomy(session, project)
    query = (
        select(CommentItem, Comment)
        .outerjoin(Comment, Comment.id == CommentItem.comment_id)
        .where(CommentItem.job_id == job_id, CommentItem.position > place.after)
        .order_by(CommentItem.position)
        .limit(place.limit + 1)
    )
    rows = (await session.execute(query)).all()
    data = [
        ItemOut(
            position=item.position,
            id=comment.external_id if comment else item.external_id,
            state=item.state,  # pyright: ignore[reportArgumentType] - the table allows no other
            comment=comment_out(comment, taxonomy) if comment and item.state == "done" else None,
            error=_refusal(item) if item.state == "failed" else None,
        )
        for item, comment in rows[: place.limit]
    ]
    first, last = (data[0].position, data[-1].position) if data else (None, None)
    return ItemPage(data=data, first_id=first, last_id=last, has_more=len(rows) > place.limit)


async def numbered_positions(session: AsyncSession, job_id: UUID, positions: Sequence[int]) -> set[int]:
    """Those of these positions of a job whose ids came as numbers."""
    numbered = (CommentItem.job_id == job_id, CommentItem.position.in_(positions), CommentItem.numbered)
    return set(await session.scalars(select(CommentItem.position).where(*numbered)))


def _refusal(item: CommentItem) -> Refusal:
    return Refusal.of(Unfit(item.external_id, item.status or UNKNOWN, item.reason or ""))
