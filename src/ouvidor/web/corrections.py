"""Comments that wait for a person, one at a time: one key says what it is and brings the next."""

from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request, Response
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.permissions import Permission
from ouvidor.errors import Conflict
from ouvidor.feedback.classification import Sentiment, TagGiven
from ouvidor.feedback.in_use import active_taxonomy
from ouvidor.feedback.learning.correcting import (
    AlreadyCorrected,
    TooManyTags,
    UnknownCategory,
    correct,
    list_again,
    skip,
    take_back,
)
from ouvidor.feedback.learning.trainings import learning_of
from ouvidor.feedback.learning.waiting import progress_of, waiting_at, waiting_out
from ouvidor.feedback.models import By, Waits
from ouvidor.feedback.read import UnknownComment, history_of, read_comment
from ouvidor.inputs import StorableText
from ouvidor.runtime import RuntimeDep
from ouvidor.text import fold
from ouvidor.web.answers import FRAGMENT_HEADER, go_to, show
from ouvidor.web.categories import CategoryView, category_view, category_views
from ouvidor.web.contexts.comments import HistoryRow
from ouvidor.web.contexts.corrections import CorrectionFragment, CorrectionsPage, Dispute, Just
from ouvidor.web.frames import frame_of
from ouvidor.web.visits import Member, member_with

router = APIRouter(include_in_schema=False)

Corrector = Annotated[Member, member_with(Permission.COMMENTS_CORRECT)]
Short = Annotated[str, Query(max_length=20)]
Typed = Annotated[StorableText, Form(max_length=400)]

Views = Mapping[str, CategoryView]


@router.get("/projects/{project}/comments/corrections")
async def get_corrections(
    request: Request,
    rt: RuntimeDep,
    member: Corrector,
    at: UUID | None = None,
    after: UUID | None = None,
    said: UUID | None = None,
    skipped: UUID | None = None,
    trouble: Short = "",
) -> Response:
    """The comment `at`, else the one behind `after`, else the first; and what was done just now."""
    project, frame = member.project, frame_of(request, rt, member, "comments")
    async with rt.db.read() as session:
        _, taxonomy = await active_taxonomy(session, project)
        views = category_views(taxonomy, frame.language)
        found = await waiting_at(session, project.id, at=at, after=after)
        progress = await progress_of(session, project.id, rt.clock())
        learning = await learning_of(session, project)
        blind = found is not None and found.comment.waits == Waits.BLIND
        history = await history_of(session, project.id, found.comment.id) if found and not blind else []
        just = await _just(session, project.id, views, said, skipped)
        dispute = await _dispute(session, project.id, views, after) if trouble == "meanwhile" and after else None
    comment = waiting_out(found.comment, taxonomy) if found else None
    kind = CorrectionFragment if FRAGMENT_HEADER in request.headers else CorrectionsPage
    page = kind(
        frame=frame,
        categories=tuple(views.values()),
        progress=progress,
        comment=comment,
        given=category_view(views, comment.given.category) if comment and comment.given else None,
        history=tuple(HistoryRow(each, category_view(views, each.category)) for each in history),
        before=found.before if found else None,
        behind=found.behind if found else None,
        just=just,
        dispute=dispute,
        trouble="" if trouble == "meanwhile" and dispute is None else trouble,
        suggested=learning.untried if learning.suggested and member.may(Permission.COMMENTS_MANAGE) else 0,
    )
    return show(request, page)


@router.post("/projects/{project}/comments/corrections/{comment_id}")
async def post_correction(
    rt: RuntimeDep,
    member: Corrector,
    comment_id: UUID,
    category: Typed = "",
    tags: Typed = "",
    tags_before: Typed = "",
    sentiment: Annotated[Literal["", "positive", "neutral", "negative"], Form()] = "",
) -> Response:
    """Say what the comment is, then go on to the next; tags that were not touched stay as they are."""
    feeling: Sentiment | None = sentiment or None
    try:
        said = None if tags == tags_before else _tags(tags)
        await correct(rt, member.project, comment_id, category, tags=said, sentiment=feeling, actor=member.person.actor)
    except AlreadyCorrected:
        return go_to(_address(member, after=comment_id, trouble="meanwhile"))
    except UnknownCategory:
        return go_to(_address(member, at=comment_id, trouble="category"))
    except (ValidationError, TooManyTags):
        return go_to(_address(member, at=comment_id, trouble="tags"))
    return go_to(_address(member, after=comment_id, said=comment_id))


@router.post("/projects/{project}/comments/corrections/{comment_id}/skip")
async def post_skip(rt: RuntimeDep, member: Corrector, comment_id: UUID) -> Response:
    """Take the comment off the list without a word."""
    await skip(rt, member.project, comment_id, actor=member.person.actor)
    return go_to(_address(member, after=comment_id, skipped=comment_id))


@router.post("/projects/{project}/comments/corrections/{comment_id}/undo")
async def post_undo(
    rt: RuntimeDep, member: Corrector, comment_id: UUID, what: Annotated[Literal["said", "skipped"], Form()] = "said"
) -> Response:
    """Take back what was just said, or put what was skipped back on the list; the comment is shown again."""
    try:
        if what == "skipped":
            await list_again(rt, member.project, comment_id, actor=member.person.actor)
        else:
            await take_back(rt, member.project, comment_id, actor=member.person.actor)
    except Conflict:
        return go_to(_address(member, after=comment_id, trouble="undone"))
    return go_to(_address(member, at=comment_id))


async def _just(
    session: AsyncSession, project_id: UUID, views: Views, said: UUID | None, skipped: UUID | None
) -> Just | None:
    """What was done just now, unless it was undone meanwhile, or the comment is gone."""
    which = said or skipped
    if which is None:
        return None
    try:
        comment = await read_comment(session, project_id, which)
    except UnknownComment:
        return None
    if said:
        return Just(which, category_view(views, comment.category)) if comment.corrected_at else None
    return Just(which, None) if comment.waits is None and comment.corrected_at is None else None


async def _dispute(session: AsyncSession, project_id: UUID, views: Views, comment_id: UUID) -> Dispute | None:
    every = await history_of(session, project_id, comment_id)
    said = next((one for one in every if one.by == By.PERSON and one.withdrawn_at is None), None)
    return Dispute(comment_id, said.person or "", category_view(views, said.category)) if said else None


def _tags(written: str) -> list[TagGiven]:
    """The tags of the field, each as a code.

    Raises:
        ValidationError: one of them cannot be a code.
    """
    parts = (part.strip().lstrip("#") for part in written.split(","))
    return [TagGiven(code="_".join(fold(part).split())) for part in parts if part]


def _address(member: Member, **query: UUID | str) -> str:
    base = f"/projects/{member.project.name}/comments/corrections"
    return f"{base}?{urlencode({name: str(value) for name, value in query.items()})}" if query else base
