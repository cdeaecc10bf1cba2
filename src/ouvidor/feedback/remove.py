"""A comment taken out, with whatever hangs on it."""

from uuid import UUID

from sqlalchemy import delete, update

from ouvidor.accounts.audit import Actor, Subject, note
from ouvidor.accounts.models import Project
from ouvidor.feedback.models import Comment, CommentItem
from ouvidor.feedback.read import UnknownComment
from ouvidor.runtime import Runtime


async def remove_comment(rt: Runtime, project: Project, comment_id: UUID, actor: Actor) -> None:
    """Delete a comment of the project with its vector and its history; its id may be given to another one.

    The job that it came with counts it still, without saying which it was.

    Raises:
        UnknownComment: the project has none of this id.
    """
    now, own = rt.clock(), (Comment.project_id == project.id, Comment.id == comment_id)
    async with rt.db.begin() as session:
        items = (CommentItem.project_id == project.id, CommentItem.comment_id == comment_id)
        await session.execute(update(CommentItem).where(*items).values(external_id=None, author=None, fields={}))
        gone = (await session.execute(delete(Comment).where(*own).returning(Comment.id))).scalar_one_or_none()
        if gone is None:
            raise UnknownComment
        about = Subject("comment", comment_id)
        await note(session, actor, "comment.removed", at=now, project_id=project.id, subject=about)
