"""The pages of a project's taxonomy: what is in use, its tags and versions, what another one would move."""

from collections.abc import Mapping
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Path, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import Project
from ouvidor.accounts.permissions import Permission
from ouvidor.engines.local import LOCAL
from ouvidor.errors import OuvidorError
from ouvidor.feedback.learning.waiting import progress_of
from ouvidor.feedback.models import Comment
from ouvidor.feedback.read import read_comments
from ouvidor.feedback.rules import read_rules
from ouvidor.feedback.taxonomies.changes import changes_between
from ouvidor.feedback.taxonomies.moves import Preview, UnknownPreview, order_preview, read_preview
from ouvidor.feedback.taxonomies.proposed import Proposed, ignore_tags, show_tags, tag_uses, take_tags
from ouvidor.feedback.taxonomies.versions import (
    MOST_VERSIONS,
    activate_taxonomy,
    active_version,
    list_versions,
    read_version,
)
from ouvidor.inputs import StorableText
from ouvidor.runtime import Runtime, RuntimeDep
from ouvidor.web.answers import go_to, show
from ouvidor.web.contexts.taxonomy import (
    ProgressView,
    ProposedLine,
    TagLine,
    TaxonomyFragment,
    TaxonomyPage,
    TaxonomyVersionPage,
)
from ouvidor.web.frames import frame_of
from ouvidor.web.rule_fields import rules_held
from ouvidor.web.taxonomy_views import category_lines, marks_of, moves_view, progress_view, version_row
from ouvidor.web.visits import Member, member_with

PAGE_LENGTH = 10
LONGEST_SHOWN = 240

router = APIRouter(include_in_schema=False)

Reader = Annotated[Member, member_with(Permission.COMMENTS_READ)]
Manager = Annotated[Member, member_with(Permission.COMMENTS_MANAGE)]
Number = Annotated[int, Path(ge=0, le=MOST_VERSIONS)]
Short = Annotated[str, Query(max_length=30)]
TagCode = Annotated[StorableText, Field(max_length=60)]


class TagsForm(BaseModel):
    """What to do with proposed tags: take or ignore these, or show them again."""

    take: list[TagCode] = Field(default=[], max_length=500)
    ignore: list[TagCode] = Field(default=[], max_length=500)
    show: list[TagCode] = Field(default=[], max_length=2_000)


class ActivationForm(BaseModel):
    """Whether to classify again what is there."""

    again: Literal["", "1"] = ""


@router.get("/projects/{project}/comments/taxonomy")
async def get_taxonomy(
    request: Request,
    rt: RuntimeDep,
    member: Reader,
    after: Annotated[int | None, Query(ge=0, le=MOST_VERSIONS)] = None,
    done: Short = "",
    trouble: Short = "",
) -> Response:
    """What comments are sorted into, tags that were proposed, the versions, and the rules."""
    page = await taxonomy_page(request, rt, member, after=after, done=done, trouble=trouble)
    return show(request, page)


@router.post("/projects/{project}/comments/taxonomy/tags")
async def post_tags(rt: RuntimeDep, member: Manager, form: Annotated[TagsForm, Form()]) -> Response:
    """Take proposed tags into the list, or have them shown no more."""
    base, actor = taxonomy_address(member.project), member.person.actor
    try:
        if form.take:
            await take_tags(rt, member.project, form.take, actor=actor)
        if form.ignore:
            await ignore_tags(rt, member.project, form.ignore, actor=actor)
        if form.show:
            await show_tags(rt, member.project, form.show, actor=actor)
    except OuvidorError as refused:
        return go_to(f"{base}?trouble={refused.code()}#tags")
    done = "taken" if form.take else "ignored" if form.ignore else "shown"
    return go_to(f"{base}?done={done}#tags")


@router.get("/projects/{project}/comments/taxonomy/versions/{version}")
async def get_version(
    request: Request,
    rt: RuntimeDep,
    member: Reader,
    version: Number,
    done: Short = "",
    job: UUID | None = None,
    trouble: Short = "",
) -> Response:
    """A version: what is different, what it would move, and how to put it to use."""
    project = member.project
    frame = frame_of(request, rt, member, "comments")
    async with rt.db.read() as session:
        shown, active = await read_version(session, project, version), await active_version(session, project)
        preview = await _preview(session, project, version)
        waiting = (await progress_of(session, project.id, rt.clock())).waiting
        own = select(func.count()).select_from(Comment).where(Comment.project_id == project.id)
        comments = await session.scalar(own) or 0
        moves = preview.moves if preview else None
        told = await read_comments(session, project.id, [one.comment for one in moves.examples] if moves else [])
    marks = marks_of(active.taxonomy, shown.taxonomy, frame.language)
    page = TaxonomyVersionPage(
        frame=frame,
        version=version_row(shown),
        active=active.number,
        changes=changes_between(active.taxonomy, shown.taxonomy),
        marks=marks,
        categories=category_lines(shown.taxonomy, frame.language),
        tags=shown.taxonomy.tags,
        comments=comments,
        progress=_progress(project, version, preview),
        moves=moves_view(preview, moves, marks, told, f"/projects/{project.name}/comments")
        if preview and moves
        else None,
        done=done,
        job=job,
        trouble=trouble,
        waiting=waiting,
    )
    return show(request, page)


@router.get("/projects/{project}/comments/taxonomy/versions/{version}/progress")
async def get_progress(request: Request, rt: RuntimeDep, member: Reader, version: Number) -> Response:
    """How far the preview is, by itself, for a page that stands open."""
    async with rt.db.read() as session:
        preview = await _preview(session, member.project, version)
    progress = _progress(member.project, version, preview)
    return show(request, TaxonomyFragment(frame_of(request, rt, member, "comments"), progress))


@router.post("/projects/{project}/comments/taxonomy/versions/{version}/preview")
async def post_preview(rt: RuntimeDep, member: Manager, version: Number) -> Response:
    """Find out what this version would move."""
    await order_preview(rt, member.project, version, actor=member.person.actor)
    return go_to(f"{taxonomy_address(member.project)}/versions/{version}#moves")


@router.post("/projects/{project}/comments/taxonomy/versions/{version}/activate")
async def post_activation(
    rt: RuntimeDep, member: Manager, version: Number, form: Annotated[ActivationForm, Form()]
) -> Response:
    """Sort by this version from now on and, if it is ticked, also what is there."""
    again, base = form.again == "1", f"{taxonomy_address(member.project)}/versions/{version}"
    try:
        done = await activate_taxonomy(rt, member.project, version, again=again, actor=member.person.actor)
    except OuvidorError as refused:
        if refused.status != 409:
            raise
        return go_to(f"{base}?trouble={refused.code()}")
    if done.job is not None:
        return go_to(f"{base}?done=again&job={done.job}")
    return go_to(f"{base}?done={'activated' if done.before != version else 'same'}")


async def taxonomy_page(
    request: Request,
    rt: Runtime,
    member: Member,
    *,
    after: int | None = None,
    done: str = "",
    trouble: str = "",
    typed: Mapping[str, str] | None = None,
    wrong: frozenset[str] = frozenset(),
) -> TaxonomyPage:
    """The first page of the taxonomy; `typed` are rules that were refused, `wrong` which of them."""
    project = member.project
    frame = frame_of(request, rt, member, "comments")
    async with rt.db.read() as session:
        active = await active_version(session, project)
        uses = await tag_uses(session, project, active.taxonomy)
        versions = await list_versions(session, project, after=after, limit=PAGE_LENGTH + 1)
        rules = await read_rules(session, project.id)
        waiting = (await progress_of(session, project.id, rt.clock())).waiting
    base = f"/projects/{project.name}/comments"
    shown = versions[:PAGE_LENGTH]
    return TaxonomyPage(
        frame=frame,
        version=version_row(active),
        categories=category_lines(active.taxonomy, frame.language),
        tags=tuple(TagLine(tag, uses.known.get(tag.code, 0)) for tag in active.taxonomy.tags),
        proposed=tuple(_proposed_line(one, base) for one in uses.proposed),
        ignored=uses.ignored,
        versions=tuple(version_row(one) for one in shown),
        rules=typed or rules_held(rules, frame.language),
        begun="" if after is None else str(after),
        after=str(shown[-1].number) if len(versions) > PAGE_LENGTH else "",
        wrong=wrong,
        model="" if rt.engine.name == LOCAL else rt.engine.name,
        done=done,
        trouble=trouble,
        waiting=waiting,
    )


def taxonomy_address(project: Project) -> str:
    """Where the taxonomy of a project is."""
    return f"/projects/{project.name}/comments/taxonomy"


async def _preview(session: AsyncSession, project: Project, number: int) -> Preview | None:
    try:
        return await read_preview(session, project, number)
    except UnknownPreview:
        return None


def _progress(project: Project, number: int, preview: Preview | None) -> ProgressView:
    return progress_view(f"{taxonomy_address(project)}/versions/{number}/progress", preview)


def _proposed_line(one: Proposed, base: str) -> ProposedLine:
    text = one.text if len(one.text) <= LONGEST_SHOWN else f"{one.text[:LONGEST_SHOWN].rstrip()}…"
    return ProposedLine(one.code, one.explanation, one.comments, text, f"{base}?tag={one.code}")
