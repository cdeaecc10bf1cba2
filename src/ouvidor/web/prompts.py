"""The pages of a project's prompts: read, edit, compare, activate, go back."""

from dataclasses import replace
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import Project
from ouvidor.accounts.permissions import Permission
from ouvidor.engines.local import LOCAL
from ouvidor.inputs import StorableText, storable
from ouvidor.prompts.catalogue import PROMPTS, Prompt, prompt_named
from ouvidor.prompts.diff import compare
from ouvidor.prompts.models import PromptVersion
from ouvidor.prompts.render import FILTERS, Trouble, UnacceptablePrompt, clean, compiled
from ouvidor.prompts.store import (
    LONGEST_NOTE,
    MOST_VERSIONS,
    NothingBefore,
    Wanted,
    activate_prompt,
    active_version,
    count_versions,
    label,
    list_versions,
    read_version,
    save_prompt,
    version_before,
)
from ouvidor.runtime import Runtime, RuntimeDep
from ouvidor.web.answers import go_to, show
from ouvidor.web.contexts.prompts import (
    Comparison,
    PromptEditPage,
    PromptLink,
    PromptsPage,
    PromptVersionPage,
    TroubleView,
    VersionView,
)
from ouvidor.web.rules import settings_address, settings_frame
from ouvidor.web.visits import Member, member_with

PAGE_LENGTH = 10
MOST_COMPARED = 30
EXCERPT = 160
SHOWN_DIGEST = 8
Named = Annotated[StorableText, Field(min_length=1, max_length=60)]
Against = UUID | Literal["", "reading", "active", "default"]
"""What to show of a version: its text, the same as a model reads it, or what changed to it from another."""
Done = Annotated[str, Query(max_length=20)]

router = APIRouter(include_in_schema=False)

Reader = Annotated[Member, member_with(Permission.PROMPTS_READ)]
Writer = Annotated[Member, member_with(Permission.PROMPTS_WRITE)]


class VersionForm(BaseModel):
    """A text to keep; `source` is the label of what it was begun from."""

    prompt: Named
    text: str = ""
    note: str = Field(default="", max_length=2000)
    activate: Literal["", "1"] = ""
    source: str = Field(default="", max_length=200)

    @property
    def wrong_note(self) -> bool:
        """Whether the note cannot be kept."""
        try:
            return len(storable(self.note)) > LONGEST_NOTE
        except ValueError:
            return True


class ActivationForm(BaseModel):
    """What to use: a number, `default` or `previous`."""

    prompt: Named
    version: Annotated[int, Field(ge=1, le=MOST_VERSIONS)] | Literal["default", "previous"]


@router.get("/projects/{project}/settings/prompts")
async def get_prompts(
    request: Request,
    rt: RuntimeDep,
    member: Reader,
    name: Annotated[StorableText, Query(alias="prompt", max_length=60)] = "reply",
    after: UUID | None = None,
    done: Done = "",
) -> Response:
    """The text in use, and the versions that were saved."""
    prompt = prompt_named(name)
    project = member.project
    async with rt.db.read() as session:
        links = [await _link(session, project, each) for each in PROMPTS.values()]
        active = await active_version(session, project.id, name)
        rows = await list_versions(session, project.id, name, after=after, limit=PAGE_LENGTH + 1)
        total = await count_versions(session, project.id, name)
        previous = await _previous(session, project, prompt)
    text = prompt.text if active is None else active.text
    page = PromptsPage(
        frame=settings_frame(request, rt, member, "prompts"),
        prompts=tuple(links),
        name=name,
        active=_view(prompt, active, active),
        text=text,
        model="" if rt.engine.name == LOCAL else rt.engine.name,
        shipped=_view(prompt, None, active),
        versions=tuple(_view(prompt, row, active) for row in rows[:PAGE_LENGTH]),
        total=total,
        previous=previous,
        begun=str(after or ""),
        after=str(rows[PAGE_LENGTH - 1].id) if len(rows) > PAGE_LENGTH else "",
        done=done,
    )
    return show(request, page)


@router.get("/projects/{project}/settings/prompts/edit")
async def get_prompt_edit(
    request: Request,
    rt: RuntimeDep,
    member: Writer,
    name: Annotated[StorableText, Query(alias="prompt", max_length=60)] = "reply",
    source: Annotated[UUID | Literal["", "default"], Query(alias="from")] = "",
) -> Response:
    """The form for a new version, begun from the text in use, or from another one."""
    prompt = prompt_named(name)
    async with rt.db.read() as session:
        if isinstance(source, UUID):
            version = await read_version(session, member.project.id, source)
            prompt = prompt_named(version.name)
        else:
            version = None if source == "default" else await active_version(session, member.project.id, name)
    text = prompt.text if version is None else version.text
    return show(request, _edit_page(request, rt, member, prompt, text, label(prompt, version)))


@router.get("/projects/{project}/settings/prompts/default")
async def get_shipped_prompt(
    request: Request,
    rt: RuntimeDep,
    member: Reader,
    name: Annotated[StorableText, Query(alias="prompt", max_length=60)] = "reply",
    against: Annotated[Against, Query()] = "",
) -> Response:
    """The shipped text, or what changed to it."""
    return show(request, await _version_page(request, rt, member, prompt_named(name), None, against))


@router.get("/projects/{project}/settings/prompts/{version_id}")
async def get_prompt_version(
    request: Request,
    rt: RuntimeDep,
    member: Reader,
    version_id: UUID,
    against: Annotated[Against, Query()] = "",
    done: Done = "",
) -> Response:
    """A version with its text, or what changed to it from another text."""
    async with rt.db.read() as session:
        version = await read_version(session, member.project.id, version_id)
    page = await _version_page(request, rt, member, prompt_named(version.name), version, against)
    return show(request, replace(page, done=done))


@router.post("/projects/{project}/settings/prompts")
async def post_prompt(
    request: Request, rt: RuntimeDep, member: Writer, form: Annotated[VersionForm, Form()]
) -> Response:
    """Keep a text as the next version; what cannot be kept comes back, with what is wrong in which line."""
    prompt, activate = prompt_named(form.prompt), form.activate == "1"
    troubles: tuple[Trouble, ...] = ()
    if not form.wrong_note:
        try:
            saved = await save_prompt(
                rt,
                member.project,
                prompt.name,
                form.text,
                note=form.note,
                activate=activate,
                actor=member.person.actor,
            )
        except UnacceptablePrompt as refused:
            troubles = refused.troubles
        else:
            done = "activated" if activate else "saved" if saved.made else "known"
            base = settings_address(member.project, "prompts")
            return go_to(
                f"{base}?prompt={prompt.name}&done=activated" if activate else f"{base}/{saved.version.id}?done={done}"
            )
    page = _edit_page(request, rt, member, prompt, form.text.replace("\r\n", "\n"), form.source)
    lines = clean(form.text).split("\n")
    page = replace(
        page,
        note=form.note,
        activate=activate,
        wrong_note=form.wrong_note,
        troubles=tuple(_trouble_view(trouble, lines) for trouble in troubles),
    )
    return show(request, page, 422)


@router.post("/projects/{project}/settings/prompts/activate")
async def post_prompt_activation(rt: RuntimeDep, member: Writer, form: Annotated[ActivationForm, Form()]) -> Response:
    """Use another version from the next message on."""
    wanted: Wanted = form.version
    done = await activate_prompt(rt, member.project, form.prompt, wanted, actor=member.person.actor)
    base = settings_address(member.project, "prompts")
    return go_to(f"{base}?prompt={done.prompt.name}&done={'activated' if done.changed else 'same'}")


async def _version_page(
    request: Request,
    rt: Runtime,
    member: Member,
    prompt: Prompt,
    version: PromptVersion | None,
    against: Against,
) -> PromptVersionPage:
    project = member.project
    async with rt.db.read() as session:
        active = await active_version(session, project.id, prompt.name)
        others = await list_versions(session, project.id, prompt.name, limit=MOST_COMPARED)
        if isinstance(against, UUID):
            other = await read_version(session, project.id, against)
        else:
            other = active if against == "active" else None
    own = version and version.id
    comparisons = [Comparison("active", label(prompt, active))] if (active and active.id) != own else []
    comparisons += [Comparison(str(row.id), label(prompt, row)) for row in others if row.id != own and row != active]
    comparisons += [Comparison("default", prompt.default_label)] if version is not None and active is not None else []
    text = prompt.text if version is None else version.text
    before = prompt.text if other is None else other.text
    compared = against not in {"", "reading"}
    return PromptVersionPage(
        frame=settings_frame(request, rt, member, "prompts"),
        name=prompt.name,
        version=_view(prompt, version, active),
        text=_read_as(project, prompt, text) if against == "reading" else text,
        comparisons=tuple(comparisons),
        against=str(against),
        before=label(prompt, other) if compared else "",
        lines=compare(before, text) if compared else (),
    )


def _edit_page(request: Request, rt: Runtime, member: Member, prompt: Prompt, text: str, source: str) -> PromptEditPage:
    return PromptEditPage(
        frame=settings_frame(request, rt, member, "prompts"),
        name=prompt.name,
        source=source,
        text=text,
        variables=tuple((variable.name, variable.longest) for variable in prompt.variables),
        filters=tuple(FILTERS),
    )


async def _link(session: AsyncSession, project: Project, prompt: Prompt) -> PromptLink:
    return PromptLink(prompt.name, label(prompt, await active_version(session, project.id, prompt.name)))


async def _previous(session: AsyncSession, project: Project, prompt: Prompt) -> str:
    try:
        return label(prompt, await version_before(session, project.id, prompt.name))
    except NothingBefore:
        return ""


def _view(prompt: Prompt, version: PromptVersion | None, active: PromptVersion | None) -> VersionView:
    in_use = (version and version.id) == (active and active.id)
    if version is None:
        return VersionView("", 0, prompt.default_label, prompt.digest[:SHOWN_DIGEST], active=in_use)
    return VersionView(
        id=str(version.id),
        number=version.number,
        label=label(prompt, version),
        digest=version.digest[:SHOWN_DIGEST],
        note=version.note,
        author=version.author_name,
        at=version.created_at,
        active=in_use,
    )


def _read_as(project: Project, prompt: Prompt, text: str) -> str:
    """The text as a model reads it for this project, or nothing where an update no longer understands it."""
    told = {"company": project.title, "persona": project.persona, "language": project.languages[0]}
    try:
        return compiled(text, prompt.longest).render({name: told.get(name, "") for name in prompt.longest})
    except UnacceptablePrompt:
        return ""


def _trouble_view(trouble: Trouble, lines: list[str]) -> TroubleView:
    excerpt = lines[trouble.line - 1] if trouble.line <= len(lines) else ""
    return TroubleView(trouble.line, excerpt.strip()[:EXCERPT], trouble.kind, trouble.what)
