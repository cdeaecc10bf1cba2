"""Changing the taxonomy and the rules of a project's comments, in forms that need no script."""

import re
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from ouvidor.accounts.permissions import Permission
from ouvidor.feedback.rules import change_rules, read_rules
from ouvidor.feedback.taxonomies.draft import UnacceptableTaxonomy, draft_of
from ouvidor.feedback.taxonomies.moves import order_preview
from ouvidor.feedback.taxonomies.versions import (
    MOST_VERSIONS,
    SavedMeanwhile,
    active_version,
    newest_version,
    read_version,
    save_taxonomy,
)
from ouvidor.runtime import Runtime, RuntimeDep
from ouvidor.web.answers import go_to, show
from ouvidor.web.contexts.taxonomy import CategoryFields, TaxonomyEditPage
from ouvidor.web.frames import frame_of
from ouvidor.web.rule_fields import FIELDS, rules_held, rules_typed
from ouvidor.web.taxonomy import taxonomy_address, taxonomy_page
from ouvidor.web.taxonomy_form import (
    NO_FIELDS,
    categories_typed,
    draft_typed,
    fields_of,
    of_all,
    tag_lines,
    tag_troubles,
    with_troubles,
)
from ouvidor.web.taxonomy_views import version_row
from ouvidor.web.visits import Member, member_with

router = APIRouter(include_in_schema=False)

Manager = Annotated[Member, member_with(Permission.COMMENTS_MANAGE)]


@router.get("/projects/{project}/comments/taxonomy/edit")
async def get_edit(
    request: Request,
    rt: RuntimeDep,
    member: Manager,
    source: Annotated[int | None, Query(alias="from", ge=0, le=MOST_VERSIONS)] = None,
) -> Response:
    """The form for a new version, begun from the one in use, or from another."""
    async with rt.db.read() as session:
        chosen = (
            await active_version(session, member.project)
            if source is None
            else await read_version(session, member.project, source)
        )
        newest = await newest_version(session, member.project)
    draft = draft_of(chosen.taxonomy)
    page = TaxonomyEditPage(
        frame=frame_of(request, rt, member, "comments"),
        categories=tuple(fields_of(draft)),
        tags=tag_lines(draft.tags),
        language=draft.language,
        source=chosen.number,
        based_on=newest.number,
    )
    return show(request, page)


@router.post("/projects/{project}/comments/taxonomy/edit")
async def post_edit(request: Request, rt: RuntimeDep, member: Manager) -> Response:
    """Add or take away a row, or keep what was typed as the next version; what cannot be kept comes back."""
    typed = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    page = _typed_page(request, rt, member, typed)
    deed = typed.get("do", "save")
    if deed == "add":
        return show(request, replace(page, categories=(*page.categories, NO_FIELDS)))
    if taken := re.fullmatch(r"remove-(\d{1,3})", deed):
        kept = [one for place, one in enumerate(page.categories) if place != int(taken[1])]
        return show(request, replace(page, categories=tuple(kept)))
    return await _save(request, rt, member, page)


@router.post("/projects/{project}/comments/rules")
async def post_rules(request: Request, rt: RuntimeDep, member: Manager) -> Response:
    """Change what waits for a person, the budget, and who classifies; what cannot be read comes back."""
    typed = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    project = member.project
    async with rt.db.read() as session:
        before = await read_rules(session, project.id)
    rules, wrong = rules_typed(typed, before)
    if wrong:
        frame = frame_of(request, rt, member, "comments")
        shown = rules_held(before, frame.language) | {name: typed[name] for name in FIELDS if name in typed}
        page = await taxonomy_page(request, rt, member, typed=shown, wrong=wrong)
        return show(request, replace(page, frame=replace(page.frame, address=taxonomy_address(project))), 422)
    async with rt.db.begin() as session:
        await change_rules(session, project.id, rules, member.person.actor, rt.clock())
    return go_to(f"{taxonomy_address(project)}?done=rules#rules")


async def _save(request: Request, rt: Runtime, member: Member, page: TaxonomyEditPage) -> Response:
    project, actor = member.project, member.person.actor
    draft = draft_typed(page.categories, page.tags, page.language)
    try:
        saved = await save_taxonomy(rt, project, draft, based_on=page.based_on, actor=actor)
    except UnacceptableTaxonomy as refused:
        found = replace(
            page,
            categories=with_troubles(page.categories, refused.troubles),
            troubles=of_all(refused.troubles),
            tag_troubles=tag_troubles(page.tags, refused.troubles),
        )
        return show(request, found, refused.status)
    except SavedMeanwhile as refused:
        newer = version_row(refused.version)
        return show(request, replace(page, newer=newer, based_on=newer.number), refused.status)
    if saved.made:
        await order_preview(rt, project, saved.version.number, actor=actor)
    done = "saved" if saved.made else "known"
    return go_to(f"{taxonomy_address(project)}/versions/{saved.version.number}?done={done}")


def _typed_page(request: Request, rt: Runtime, member: Member, typed: dict[str, str]) -> TaxonomyEditPage:
    frame = frame_of(request, rt, member, "comments")
    categories: list[CategoryFields] = categories_typed(typed)
    return TaxonomyEditPage(
        frame=replace(frame, address=f"{taxonomy_address(member.project)}/edit"),
        categories=tuple(categories),
        tags=typed.get("tags", "").replace("\r\n", "\n"),
        language="en" if typed.get("language") == "en" else "pt",
        source=_number(typed.get("source", "")),
        based_on=_number(typed.get("based_on", "")),
    )


def _number(text: str) -> int:
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else 0
