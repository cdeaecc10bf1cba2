"""Our own routes of prompts: which there are, their versions, what changed, which one is in use."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.access import Caller, requires
from ouvidor.accounts.paging import After, Limit, Page
from ouvidor.accounts.permissions import Permission
from ouvidor.inputs import StorableText
from ouvidor.problems import problem_responses
from ouvidor.prompts.catalogue import PROMPTS, Prompt, label_of, prompt_named
from ouvidor.prompts.diff import compare
from ouvidor.prompts.models import PromptVersion
from ouvidor.prompts.render import MOST_CHARACTERS
from ouvidor.prompts.store import (
    LONGEST_NOTE,
    MOST_VERSIONS,
    Activated,
    Saved,
    activate_prompt,
    active_version,
    label,
    list_versions,
    read_version,
    save_prompt,
)
from ouvidor.runtime import RuntimeDep

router = APIRouter(prefix="/api/v1/prompts", tags=["prompts"])

Reader = Annotated[Caller, requires(Permission.PROMPTS_READ)]
Writer = Annotated[Caller, requires(Permission.PROMPTS_WRITE)]
PromptName = Annotated[StorableText, Field(max_length=60, description="Such as `reply`.")]
VERSION: JsonDict = {
    "id": "0199f3a1-c2d4-7e0f-8a51-b0c9d3e4f5a6",
    "name": "reply",
    "number": 3,
    "label": "reply 3",
    "digest": "9f2c4e…",
    "note": "Shorter answers",
    "author": "Marina Reis",
    "created_at": "2026-11-21T12:00:00Z",
}
ACTIVE: JsonDict = {"label": "reply 3", "version_id": VERSION["id"], "number": 3, "digest": "9f2c4e…"}


class VariableOut(BaseModel):
    """What the text may name as `{{ name }}`; the value has at most `longest` characters."""

    name: str
    meaning: str
    longest: int


class ActiveOut(BaseModel):
    """The text in use, by the label that results carry; without a `version_id` it is the shipped one."""

    model_config = ConfigDict(json_schema_extra={"example": ACTIVE})

    label: str
    version_id: UUID | None
    number: int | None
    digest: str

    @classmethod
    def of(cls, prompt: Prompt, version: PromptVersion | None) -> "ActiveOut":
        """From the table's row, or the shipped text where there is none."""
        if version is None:
            return cls(label=label(prompt, None), version_id=None, number=None, digest=prompt.digest)
        return cls(label=label(prompt, version), version_id=version.id, number=version.number, digest=version.digest)


class PromptOut(BaseModel):
    """A prompt: what it is for, what it may name, the text in use and the one that is shipped."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "name": "reply",
                "purpose": "How the bot answers customers.",
                "variables": [{"name": "company", "meaning": "The project's title.", "longest": 120}],
                "active": ACTIVE,
                "text": "You answer the customers of {{ company }} …",
                "default_label": "reply default 1a2b3c4d",
                "default_text": "You answer the customers of {{ company }} …",
            }
        }
    )

    name: str
    purpose: str
    variables: list[VariableOut]
    active: ActiveOut
    text: str
    default_label: str
    default_text: str


class PromptsOut(BaseModel):
    """All prompts, with what is in use in the project."""

    object: Literal["list"] = "list"
    data: list[PromptOut]


class VersionOut(BaseModel):
    """A saved version without its text; `digest` is the SHA-256 of the text."""

    model_config = ConfigDict(json_schema_extra={"example": VERSION})

    id: UUID
    name: str
    number: int
    label: str
    digest: str
    note: str
    author: str
    created_at: datetime

    @classmethod
    def of(cls, row: PromptVersion) -> "VersionOut":
        """From the table's row."""
        return cls(
            id=row.id,
            name=row.name,
            number=row.number,
            label=label_of(row.name, row.number),
            digest=row.digest,
            note=row.note,
            author=row.author_name,
            created_at=row.created_at,
        )


class VersionTextOut(BaseModel):
    """A saved version with its text, and whether it is in use."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"version": VERSION, "active": True, "text": "You answer the customers of {{ company }} …"}
        }
    )

    version: VersionOut
    active: bool
    text: str


class VersionIn(BaseModel):
    """A text to keep as the next version."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "name": "reply",
                "text": "You answer the customers of {{ company }}. …",
                "note": "Shorter answers",
                "activate": False,
            }
        },
    )

    name: PromptName
    text: StorableText = Field(max_length=2 * MOST_CHARACTERS)
    note: StorableText = Field(default="", max_length=LONGEST_NOTE, description="What is different, for colleagues.")
    activate: bool = Field(default=False, description="Use it from the next message on.")


class ActivationIn(BaseModel):
    """Which version to use."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"name": "reply", "version": "previous"}})

    name: PromptName
    version: Annotated[int, Field(ge=1, le=MOST_VERSIONS)] | Literal["default", "previous"] = Field(
        description="A number; `default`, the shipped text; `previous`, what was in use before."
    )


class ActivatedOut(BaseModel):
    """What is in use now, and what was before; the same where nothing changed."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"active": ACTIVE, "before": {**ACTIVE, "label": "reply 2", "number": 2}, "changed": True}
        }
    )

    active: ActiveOut
    before: ActiveOut
    changed: bool

    @classmethod
    def of(cls, done: Activated) -> "ActivatedOut":
        """From the report of the deed."""
        active, before = (ActiveOut.of(done.prompt, version) for version in (done.version, done.before))
        return cls(active=active, before=before, changed=done.changed)


class DiffLineOut(BaseModel):
    """A line of a comparison with its number in either text, null where it is not there.

    A `gap` stands for `skipped` lines that are the same in both.
    """

    kind: Literal["same", "removed", "added", "gap"]
    before: int | None = None
    after: int | None = None
    text: str = ""
    skipped: int = 0


class DiffOut(BaseModel):
    """What changed from one text to the other."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "before": "reply 2",
                "after": "reply 3",
                "lines": [
                    {"kind": "removed", "before": 3, "after": None, "text": "Answer at length.", "skipped": 0},
                    {"kind": "added", "before": None, "after": 3, "text": "Answer briefly.", "skipped": 0},
                ],
            }
        }
    )

    before: str
    after: str
    lines: list[DiffLineOut]


@router.get("", summary="List prompts", responses=problem_responses(401, 403))
async def get_prompts(rt: RuntimeDep, caller: Reader) -> PromptsOut:
    """Every prompt of the product with the text that this project uses."""
    async with rt.db.read() as session:
        return PromptsOut(data=[await _prompt_out(session, caller, prompt) for prompt in PROMPTS.values()])


@router.get("/versions", summary="List versions", responses=problem_responses(401, 403, 404, 422))
async def get_versions(
    rt: RuntimeDep,
    caller: Reader,
    name: Annotated[PromptName, Query()] = "reply",
    after: After = None,
    limit: Limit = 20,
) -> Page[VersionOut]:
    """The saved versions of one prompt, the newest first, without their texts."""
    async with rt.db.read() as session:
        rows = await list_versions(session, caller.project.id, name, after=after, limit=limit + 1)
    return Page[VersionOut].of(rows, lambda row: row.id, VersionOut.of, after=after, limit=limit)


@router.post(
    "/versions", summary="Save a version", status_code=201, responses=problem_responses(400, 401, 403, 404, 422)
)
async def post_version(rt: RuntimeDep, caller: Writer, written: VersionIn, response: Response) -> VersionOut:
    """Keep a text as the next version; it never changes afterwards.

    A text that was saved before keeps its number (200), so a request may be sent again. What a prompt may not hold is
    refused with a fault for each line.
    """
    saved: Saved = await save_prompt(
        rt,
        caller.project,
        written.name,
        written.text,
        note=written.note,
        activate=written.activate,
        actor=caller.actor,
    )
    response.status_code = 201 if saved.made else 200
    return VersionOut.of(saved.version)


@router.get("/versions/{version_id}", summary="Read a version", responses=problem_responses(401, 403, 404, 422))
async def get_version(rt: RuntimeDep, caller: Reader, version_id: UUID) -> VersionTextOut:
    """One version with its text: what results that carry its id were written by."""
    async with rt.db.read() as session:
        row = await read_version(session, caller.project.id, version_id)
        active = await active_version(session, caller.project.id, row.name)
    return VersionTextOut(version=VersionOut.of(row), active=active is not None and active.id == row.id, text=row.text)


@router.get("/versions/{version_id}/diff", summary="Compare", responses=problem_responses(401, 403, 404, 422))
async def get_version_diff(
    rt: RuntimeDep,
    caller: Reader,
    version_id: UUID,
    against: Annotated[
        UUID | Literal["active", "default"],
        Query(description="The text before: another version's id, `active`, or `default` (the shipped text)."),
    ] = "active",
) -> DiffOut:
    """What changed from another text to this version, line by line."""
    async with rt.db.read() as session:
        row = await read_version(session, caller.project.id, version_id)
        if isinstance(against, UUID):
            other = await read_version(session, caller.project.id, against)
        else:
            other = None if against == "default" else await active_version(session, caller.project.id, row.name)
    prompt = prompt_named(row.name)
    lines = [
        DiffLineOut(kind="gap", skipped=line.before)
        if line.kind == "gap"
        else DiffLineOut(kind=line.kind, before=line.before or None, after=line.after or None, text=line.text)
        for line in compare(prompt.text if other is None else other.text, row.text)
    ]
    return DiffOut(before=label(prompt, other), after=label(prompt, row), lines=lines)


@router.post("/activate", summary="Activate", responses=problem_responses(400, 401, 403, 404, 409, 422))
async def post_activation(rt: RuntimeDep, caller: Writer, wanted: ActivationIn) -> ActivatedOut:
    """Use another version, the shipped text, or what was in use before; from the next message on.

    What is in use already stays, and nothing is noted. Going back twice leads two versions back.
    """
    return ActivatedOut.of(await activate_prompt(rt, caller.project, wanted.name, wanted.version, actor=caller.actor))


async def _prompt_out(session: AsyncSession, caller: Caller, prompt: Prompt) -> PromptOut:
    version = await active_version(session, caller.project.id, prompt.name)
    return PromptOut(
        name=prompt.name,
        purpose=prompt.purpose,
        variables=[VariableOut(name=v.name, meaning=v.meaning, longest=v.longest) for v in prompt.variables],
        active=ActiveOut.of(prompt, version),
        text=prompt.text if version is None else version.text,
        default_label=prompt.default_label,
        default_text=prompt.text,
    )
