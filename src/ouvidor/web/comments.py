"""The comments of a project: a list to search, narrow, export and correct, and each one to read."""

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request, Response

from ouvidor.accounts.models import Project
from ouvidor.accounts.permissions import Permission
from ouvidor.errors import Conflict, NotFound, Unprocessable
from ouvidor.feedback.finding.export_answer import comments_file
from ouvidor.feedback.finding.find import LostPlace, find
from ouvidor.feedback.finding.menus import Menus, read_menus
from ouvidor.feedback.finding.similar import found_ids, similar_to
from ouvidor.feedback.finding.views import TooManyViews, UnfitView, ViewOut, delete_view, list_views, save_view, tidy
from ouvidor.feedback.finding.wanted import CommentFilter
from ouvidor.feedback.in_use import active_taxonomy
from ouvidor.feedback.learning.correcting import correct, take_back
from ouvidor.feedback.learning.correcting_many import MOST, TooMany, correct_many, take_back_many
from ouvidor.feedback.learning.waiting import progress_of
from ouvidor.feedback.read import CommentOut, UnknownComment, comment_out, history_of, read_comment
from ouvidor.feedback.remove import remove_comment
from ouvidor.feedback.taxonomy import Taxonomy
from ouvidor.inputs import StorableText
from ouvidor.runtime import Runtime, RuntimeDep
from ouvidor.web.answers import go_to, show
from ouvidor.web.categories import CategoryView, category_view, category_views
from ouvidor.web.comment_chips import chips_of
from ouvidor.web.comment_filters import CommentFilters, FiltersDep, filters_in
from ouvidor.web.contexts.comments import (
    AskedField,
    CommentPage,
    CommentRow,
    CommentsPage,
    FieldLink,
    HistoryRow,
    Link,
    SavedView,
)
from ouvidor.web.frames import frame_of
from ouvidor.web.render import Renderer
from ouvidor.web.visits import Member, member_with

PAGE_LENGTH = 15
DENSE_LENGTH = 20
"""So many rows without their tags and fields: a page weighs less than 100 kB either way."""
WITHIN = "comments"
"""From the list, where one of its comments is."""
NOBODY = UUID(int=0)
"""No comment has this id: a search that finds nothing must not stand for all comments."""
SIMILAR = 8
OFFERED = 5
ASKED_FIELDS = 6
"""So many fields have a place of their own among the filters; the others are chosen by name."""

router = APIRouter(include_in_schema=False)

Reader = Annotated[Member, member_with(Permission.COMMENTS_READ)]
Corrector = Annotated[Member, member_with(Permission.COMMENTS_CORRECT)]
Manager = Annotated[Member, member_with(Permission.COMMENTS_MANAGE)]
Short = Annotated[str, Query(max_length=40)]
Typed = Annotated[StorableText, Form(max_length=200)]
Ticked = Annotated[tuple[UUID, ...], Form(max_length=DENSE_LENGTH)]
Narrowed = Annotated[StorableText, Form(max_length=4_000)]


@router.get("/projects/{project}/comments")
async def get_comments(
    request: Request,
    rt: RuntimeDep,
    member: Reader,
    filters: FiltersDep,
    after: UUID | None = None,
    done: Short = "",
    count: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    kept: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    deed: Short = "",
    trouble: Short = "",
) -> Response:
    """A page of the project's comments under the filters; one whose place is lost begins anew."""
    project, q, wanted = member.project, filters["q"], filters.wanted()
    mode, order = filters.mode, filters.order
    length = DENSE_LENGTH if filters["rows"] else PAGE_LENGTH
    try:
        found = await find(rt, project, wanted, q, mode=mode, order=order, after=after, limit=length)
    except (LostPlace, UnknownComment):
        return go_to(_back(member, filters.address()))
    frame = frame_of(request, rt, member, "comments")
    renderer: Renderer = request.app.state.renderer
    async with rt.db.read() as session:
        _, taxonomy = await active_taxonomy(session, project)
        menus = await read_menus(session, project.id)
        views = await list_views(session, project.id)
        waiting = (await progress_of(session, project.id, rt.clock())).waiting
    categories, base = category_views(taxonomy, frame.language), f"/projects/{project.name}/comments"
    rows = tuple(row_of(WITHIN, filters, one, categories, one.similarity) for one in found.data)
    asked, others = _asked(menus, filters)
    page = CommentsPage(
        frame=frame,
        told=filters.shown(),
        query=filters.address(),
        addresses=_addresses("", filters, {row.category.code for row in rows}),
        categories=tuple(categories.values()),
        menus=menus,
        asked=asked,
        others=others,
        chips=chips_of(renderer.words[frame.language], base, filters, categories),
        views=_views(base, filters, views),
        rows=rows,
        total=found.total,
        least=found.total_is_least,
        order=filters.order or ("relevance" if q else "newest"),
        by=found.by,
        no_words=found.no_words,
        after=str(found.last_id) if found.has_more else "",
        continued=after is not None,
        bare=not (rows or filters.narrowed or after or menus.languages),
        waiting=waiting,
        done=done,
        count=count,
        kept=kept,
        deed=deed,
        trouble=trouble,
    )
    return show(request, page)


@router.get("/projects/{project}/comments/export.csv")
async def get_csv(rt: RuntimeDep, member: Reader, filters: FiltersDep) -> Response:
    """All comments that the filters find as CSV, streamed."""
    return comments_file(rt, member.project, filters.wanted(), filters["q"], mode=filters.mode)


@router.post("/projects/{project}/comments/correct")
async def post_many(
    rt: RuntimeDep,
    member: Corrector,
    id: Ticked = (),  # noqa: A002 - the field's name in the form
    which: Annotated[Literal["ticked", "found"], Form()] = "ticked",
    category: Typed = "",
    query: Narrowed = "",
) -> Response:
    """Correct the ticked comments, or all that the filters find, to one category."""
    if which == "ticked" and not id:
        return go_to(_back(member, query, trouble="none-ticked"))
    try:
        wanted = (
            CommentFilter(ids=tuple(id)) if which == "ticked" else await _chosen(rt, member.project, filters_in(query))
        )
        said = await correct_many(rt, member.project, wanted, category, actor=member.person.actor)
    except TooMany:
        return go_to(_back(member, query, trouble="too-many"))
    except Unprocessable:
        return go_to(_back(member, query, trouble="no-category"))
    told = {"count": str(said.corrected), "kept": str(said.kept or "")}
    told |= {"deed": str(said.deed)} if said.corrected else {}
    return go_to(_back(member, query, done="corrected", **told))


@router.post("/projects/{project}/comments/take-back")
async def post_take_back(rt: RuntimeDep, member: Corrector, deed: Typed = "", query: Narrowed = "") -> Response:
    """Take back what was just said of many comments."""
    try:
        anyones = member.may(Permission.COMMENTS_MANAGE)
        taken = await take_back_many(rt, member.project, UUID(deed), actor=member.person.actor, anyones=anyones)
    except (ValueError, Conflict, NotFound):
        return go_to(_back(member, query, trouble="gone"))
    return go_to(_back(member, query, done="taken-back", count=str(taken.taken_back)))


@router.post("/projects/{project}/comments/views")
async def post_view(rt: RuntimeDep, member: Corrector, name: Typed = "", query: Narrowed = "") -> Response:
    """Save filters under a name."""
    try:
        async with rt.db.begin() as session:
            await save_view(session, member.project.id, name, query, member.person.actor, rt.clock())
    except (UnfitView, TooManyViews) as refused:
        return go_to(_back(member, query, trouble="view" if isinstance(refused, UnfitView) else "views"))
    return go_to(_back(member, query, done="saved"))


@router.post("/projects/{project}/comments/views/{view_id}/delete")
async def post_view_away(rt: RuntimeDep, member: Corrector, view_id: UUID) -> Response:
    """Forget a saved view."""
    async with rt.db.begin() as session:
        await delete_view(session, member.project.id, view_id, member.person.actor, rt.clock())
    return go_to(_back(member, "", done="deleted"))


@router.get("/projects/{project}/comments/{comment_id}")
async def get_comment(
    request: Request,
    rt: RuntimeDep,
    member: Reader,
    comment_id: UUID,
    filters: FiltersDep,
    done: Short = "",
    trouble: Short = "",
) -> Response:
    """One comment with its history and others like it; the filters lead back to the list it was found in."""
    project, base = member.project, f"/projects/{member.project.name}/comments"
    frame = frame_of(request, rt, member, "comments")
    async with rt.db.read() as session:
        _, taxonomy = await active_taxonomy(session, project)
        comment = comment_out(await read_comment(session, project.id, comment_id), taxonomy)
        history = await history_of(session, project.id, comment_id)
        waiting = (await progress_of(session, project.id, rt.clock())).waiting
    categories = category_views(taxonomy, frame.language)
    similar = await _similar(rt, project, comment_id, taxonomy)
    page = CommentPage(
        frame=frame,
        row=row_of(base, filters, comment, categories),
        given=category_view(categories, comment.given_category),
        categories=tuple(categories.values()),
        history=tuple(HistoryRow(each, category_view(categories, each.category)) for each in history),
        similar=tuple(row_of(base, CommentFilters(), one, categories, near) for one, near in similar),
        back=_back(member, filters.address()),
        query=filters.address(),
        waiting=waiting,
        done=done,
        trouble=trouble,
    )
    return show(request, page)


@router.post("/projects/{project}/comments/{comment_id}/correct")
async def post_correction(
    rt: RuntimeDep,
    member: Corrector,
    comment_id: UUID,
    category: Typed = "",
    instead_of: Typed = "",
    query: Narrowed = "",
) -> Response:
    """Say what the comment is; the AI's value was seen."""
    actor, stood = member.person.actor, instead_of or None
    try:
        await correct(rt, member.project, comment_id, category, actor=actor, seen=True, instead_of=stood)
    except Conflict:
        return go_to(_one(member, query, comment_id, trouble="meanwhile"))
    except Unprocessable:
        return go_to(_one(member, query, comment_id, trouble="no-category"))
    return go_to(_one(member, query, comment_id, done="corrected"))


@router.post("/projects/{project}/comments/{comment_id}/take-back")
async def post_one_back(rt: RuntimeDep, member: Corrector, comment_id: UUID, query: Narrowed = "") -> Response:
    """Take back what was said last of the comment."""
    anyones = member.may(Permission.COMMENTS_MANAGE)
    try:
        await take_back(rt, member.project, comment_id, actor=member.person.actor, anyones=anyones)
    except Conflict:
        return go_to(_one(member, query, comment_id, trouble="not-yours"))
    return go_to(_one(member, query, comment_id, done="taken-back"))


@router.post("/projects/{project}/comments/{comment_id}/delete")
async def post_away(
    rt: RuntimeDep, member: Manager, comment_id: UUID, typed: Typed = "", query: Narrowed = ""
) -> Response:
    """Delete the comment, once its id was typed."""
    async with rt.db.read() as session:
        comment = await read_comment(session, member.project.id, comment_id)
    if typed.strip() != comment.external_id:
        return go_to(_one(member, query, comment_id, trouble="not-typed"))
    await remove_comment(rt, member.project, comment_id, member.person.actor)
    return go_to(_back(member, query, done="removed"))


def row_of(
    base: str,
    filters: CommentFilters,
    comment: CommentOut,
    categories: Mapping[str, CategoryView],
    similarity: float | None = None,
) -> CommentRow:
    """The comment as a row; its tags and fields lead to the comments that have the same, under the filters.

    Its own address begins with `base`; within the list (`comments`) addresses are short ones, as there are many.
    """
    kept, found = filters.address(), "" if base == WITHIN else base
    return CommentRow(
        address=f"{base}/{comment.id}?{kept}" if kept else f"{base}/{comment.id}",
        comment=comment,
        category=category_view(categories, comment.category),
        tags=tuple(Link(tag.code, f"{found}?{filters.address(tag=tag.code)}", tag.explanation) for tag in comment.tags),
        fields=tuple(
            FieldLink(name, value, f"{found}?{filters.with_field(name, value).address()}")
            for name, value in comment.fields.items()
        ),
        similarity=None if similarity is None else round(100 * similarity),
    )


async def _chosen(rt: Runtime, project: Project, filters: CommentFilters) -> CommentFilter:
    """All comments that the filters and the search find.

    Raises:
        TooMany: there are more than can be corrected at once.
    """
    if not filters["q"]:
        return filters.wanted()
    ids = await found_ids(rt, project, filters.wanted(), filters["q"], mode=filters.mode, most=MOST + 1)
    if len(ids) > MOST:
        raise TooMany
    return CommentFilter(ids=tuple(ids) or (NOBODY,))


async def _similar(
    rt: Runtime, project: Project, comment_id: UUID, taxonomy: Taxonomy
) -> list[tuple[CommentOut, float]]:
    async with rt.db.read() as session:
        near = await similar_to(session, rt, project.id, comment_id, limit=SIMILAR)
    return [(comment_out(one.comment, taxonomy), one.similarity) for one in near]


def _asked(menus: Menus, filters: CommentFilters) -> tuple[tuple[AskedField, ...], tuple[str, ...]]:
    """The fields with a place of their own among the filters, those in force and the commonest; and the others."""
    chosen = dict(filters.fields)
    values = {menu.name: tuple(choice.value for choice in menu.values) for menu in menus.fields}
    common = sorted(menus.fields, key=lambda menu: -sum(choice.comments for choice in menu.values))
    names = list(dict.fromkeys([*chosen, *(menu.name for menu in common)]))
    first = names[: max(ASKED_FIELDS, len(chosen))]
    asked = (AskedField(name, chosen.get(name, ""), values.get(name, ())[:OFFERED]) for name in sorted(first))
    return tuple(asked), tuple(sorted(set(names) - set(first)))


def _addresses(base: str, filters: CommentFilters, codes: Collection[str]) -> dict[str, str]:
    """Where the list leads under one change more, by `name=value`."""
    changes = [("order", order) for order in ("newest", "oldest", "unsure", "confident")]
    changes += [("rows", "dense"), ("rows", ""), *(("category", code) for code in codes)]
    return {f"{name}={value}": f"{base}?{filters.address(**{name: value})}" for name, value in changes}


def _views(base: str, filters: CommentFilters, views: Sequence[ViewOut]) -> tuple[SavedView, ...]:
    here = tidy(filters.address())
    return tuple(
        SavedView(view.id, view.name, f"{base}?{view.query}" if view.query else base, current=view.query == here)
        for view in views
    )


def _back(member: Member, query: str, **told: str) -> str:
    """The list under these filters, with what there is to tell."""
    return _address(f"/projects/{member.project.name}/comments", query, told)


def _one(member: Member, query: str, comment_id: UUID, **told: str) -> str:
    """A comment of that list, with what there is to tell."""
    return _address(f"/projects/{member.project.name}/comments/{comment_id}", query, told)


def _address(path: str, query: str, told: Mapping[str, str]) -> str:
    parts = [filters_in(query).address(), urlencode({name: value for name, value in told.items() if value})]
    query = "&".join(part for part in parts if part)
    return f"{path}?{query}" if query else path
