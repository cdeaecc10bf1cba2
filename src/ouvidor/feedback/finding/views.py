"""Choices of filters that people saved under a name, for all of a project."""

from datetime import datetime
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import Actor, note
from ouvidor.db import new_id
from ouvidor.errors import Conflict, NotFound, Unprocessable
from ouvidor.feedback.models import CommentView

MOST_VIEWS = 100
LONGEST_NAME = 80
LONGEST_QUERY = 2_000
MOST_PARTS = 100
PLACE = frozenset({"after", "limit", "form_token"})
"""Parts of an address that tell the place in a list, not what is in it."""


class UnknownView(NotFound):
    """This project has no saved view with that id."""


class TooManyViews(Conflict):
    """This project has 100 saved views; delete one of them first."""


class UnfitView(Unprocessable):
    """A view needs a name of at most 80 characters and filters of at most 2,000."""


class ViewOut(BaseModel):
    """A saved view: `query` is the query string of an address, without a place in the list."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "id": "0199f3a1-c2d4-7e0f-8a51-b0c9d3e4f5a6",
                "name": "Criticism of the app",
                "query": "category=criticism&q=app",
                "saved_by": "Ana",
                "created_at": "2026-11-21T09:00:00Z",
            }
        },
    )

    id: UUID
    name: str
    query: str
    saved_by: str
    created_at: datetime = Field(description="When these filters were saved.")


async def list_views(session: AsyncSession, project_id: UUID) -> list[ViewOut]:
    """All saved views of the project, in the order of their names."""
    query = select(CommentView).where(CommentView.project_id == project_id)
    rows = (await session.execute(query.order_by(func.lower(CommentView.name), CommentView.id))).scalars()
    return [ViewOut.model_validate(row) for row in rows]


async def save_view(
    session: AsyncSession, project_id: UUID, name: str, query: str, actor: Actor, now: datetime
) -> ViewOut:
    """Save these filters under the name; those that had it are replaced.

    Raises:
        UnfitView: no name, or too long.
        TooManyViews: there are 100 of other names.
    """
    name, query = " ".join(name.split()), tidy(query)
    if not 0 < len(name) <= LONGEST_NAME or len(query) > LONGEST_QUERY:
        raise UnfitView
    others = select(func.count()).where(CommentView.project_id == project_id, CommentView.name != name)
    if (await session.execute(others)).scalar_one() >= MOST_VIEWS:
        raise TooManyViews
    saved = {"query": query, "saved_by": actor.name, "created_at": now}
    statement = insert(CommentView).values(id=new_id(), project_id=project_id, name=name, **saved)
    replaced = statement.on_conflict_do_update(index_elements=["project_id", "name"], set_=saved)
    view = (await session.execute(replaced.returning(CommentView))).scalar_one()
    await note(session, actor, "comment_view.saved", at=now, project_id=project_id, name=name)
    return ViewOut.model_validate(view)


async def delete_view(session: AsyncSession, project_id: UUID, view_id: UUID, actor: Actor, now: datetime) -> None:
    """Forget a saved view; no comment changes.

    Raises:
        UnknownView: the project has none of this id.
    """
    mine = (CommentView.project_id == project_id, CommentView.id == view_id)
    view = (await session.execute(select(CommentView).where(*mine))).scalar_one_or_none()
    if view is None:
        raise UnknownView
    await session.delete(view)
    await note(session, actor, "comment_view.deleted", at=now, project_id=project_id, name=view.name)


def tidy(query: str) -> str:
    """A query string without empty parts, and without the place in the list.

    Raises:
        UnfitView: it has over 100 parts.
    """
    try:
        parts = parse_qsl(query.removeprefix("?"), max_num_fields=MOST_PARTS)
    except ValueError:
        raise UnfitView from None
    return urlencode([(name, value) for name, value in parts if name not in PLACE])
