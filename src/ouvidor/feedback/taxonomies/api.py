"""Our own routes of the taxonomy: what comments are sorted into, its versions, what another one would move."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from ouvidor.accounts.access import Caller, requires
from ouvidor.accounts.permissions import Permission
from ouvidor.feedback.taxonomies.draft import MOST_EXAMPLES, CategoryDraft, Draft, TagDraft
from ouvidor.feedback.taxonomies.moves import Preview, order_preview, read_preview
from ouvidor.feedback.taxonomies.versions import (
    MOST_VERSIONS,
    Activated,
    Version,
    activate_taxonomy,
    active_version,
    list_versions,
    read_version,
    save_taxonomy,
)
from ouvidor.feedback.taxonomy import MOST_CATEGORIES, MOST_TAGS, Taxonomy
from ouvidor.problems import problem_responses
from ouvidor.runtime import RuntimeDep
from ouvidor.text import Language

router = APIRouter(prefix="/api/v1/comments/taxonomy", tags=["comments"])

Reader = Annotated[Caller, requires(Permission.COMMENTS_READ)]
Manager = Annotated[Caller, requires(Permission.COMMENTS_MANAGE)]
Number = Annotated[int, Path(ge=0, le=MOST_VERSIONS, description="The version's number; 0 is the default.")]
Text = Annotated[str, Field(max_length=10_000)]
TAXONOMY: JsonDict = {
    "categories": [
        {
            "code": "delivery",
            "names": {"pt": "Entrega", "en": "Delivery"},
            "description": "Whether and when the parcel comes.",
            "examples": ["Cadê meu pedido?", "Chegou antes do prazo", "O correio deixou na portaria errada"],
        },
        {"code": "product", "names": {"pt": "Produto", "en": "Product"}, "description": "", "examples": []},
    ],
    "tags": [{"code": "feat_autotune", "explanation": "Praise or blame of the voice effect.", "examples": []}],
    "language": "pt",
}
VERSION: JsonDict = {
    "number": 3,
    "active": True,
    "saved_by": "Marina Reis",
    "created_at": "2026-11-21T12:00:00Z",
    "taxonomy": TAXONOMY,
}
PREVIEW: JsonDict = {
    "state": "done",
    "ordered_by": "Marina Reis",
    "ordered_at": "2026-11-21T12:00:00Z",
    "finished_at": "2026-11-21T12:00:06Z",
    "against": 2,
    "done": 2000,
    "of": 2000,
    "learnt": 41,
    "learnt_until": "2026-11-20T17:12:00Z",
    "trained": True,
    "by_model": False,
    "moves": {
        "total": 48211,
        "sampled": 2000,
        "cells": [{"was": "criticism", "becomes": "delivery", "count": 212, "about": 5110}],
        "examples": [
            {
                "comment": "0199f3a1-c2d4-7e0f-8a51-b0c9d3e4f5a6",
                "was": "criticism",
                "becomes": "delivery",
                "confidence_was": 0.71,
                "confidence": 0.93,
            }
        ],
        "corrections_kept": 37,
        "corrections_lost": {"spam": 4},
        "tags_gone": [{"code": "feat_autotune", "comments": 120}],
        "tags_added": [{"code": "frete_gratis", "comments": 96}],
    },
}


class CategoryIn(BaseModel):
    """A category; without a code it gets one made of its name."""

    model_config = ConfigDict(extra="forbid")

    code: Text = ""
    names: dict[Language, Text]
    description: Text = ""
    examples: list[Text] = Field(default=[], max_length=2 * MOST_EXAMPLES)


class TagIn(BaseModel):
    """A tag: its code and what it means."""

    model_config = ConfigDict(extra="forbid")

    code: Text
    explanation: Text = ""
    examples: list[Text] = Field(default=[], max_length=2 * MOST_EXAMPLES)


class TaxonomyIn(BaseModel):
    """A taxonomy to keep as the next version; `language` is that of the codes of new tags."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {**TAXONOMY, "based_on": 2}})

    categories: list[CategoryIn] = Field(max_length=2 * MOST_CATEGORIES)
    tags: list[TagIn] = Field(default=[], max_length=2 * MOST_TAGS)
    language: Language = "pt"
    based_on: int | None = Field(
        default=None,
        ge=0,
        le=MOST_VERSIONS,
        description="The newest version that you have read, 0 where none was saved yet; null: whatever it is.",
    )

    def draft(self) -> Draft:
        """What was sent, to be checked."""
        return Draft(
            tuple(CategoryDraft(one.code, one.names, one.description, tuple(one.examples)) for one in self.categories),
            tuple(TagDraft(one.code, one.explanation, tuple(one.examples)) for one in self.tags),
            self.language,
        )


class VersionOut(BaseModel):
    """A version of the taxonomy; the default is number 0, without a moment at which it was saved."""

    model_config = ConfigDict(json_schema_extra={"example": VERSION})

    number: int
    active: bool
    saved_by: str
    created_at: datetime | None
    taxonomy: Taxonomy

    @classmethod
    def of(cls, version: Version) -> "VersionOut":
        """From what the deeds know."""
        return cls(
            number=version.number,
            active=version.active,
            saved_by=version.saved_by,
            created_at=version.at,
            taxonomy=version.taxonomy,
        )


class VersionLine(BaseModel):
    """A version in a list, without what it holds but for how much that is."""

    number: int
    active: bool
    saved_by: str
    created_at: datetime | None
    categories: int
    tags: int


class VersionsOut(BaseModel):
    """Versions, the newest first; `last_number` is the next page's `after`."""

    object: Literal["list"] = "list"
    data: list[VersionLine]
    last_number: int | None
    has_more: bool


class PreviewOut(Preview):
    """What a version would move, once `state` is `done`; until then, how many comments were tried so far."""

    model_config = ConfigDict(json_schema_extra={"example": PREVIEW})


class ActivationIn(BaseModel):
    """Whether to classify again what is there."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"again": True}})

    again: bool = Field(
        default=False, description="Classify all comments again, by a job; persons' words stay. Needs a preview."
    )


class ActivatedOut(BaseModel):
    """The version in use now, the one before, and the job that re-classifies, if there is one."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"number": 3, "before": 2, "job_id": "0199f3a1-c2d4-7e0f-8a51-b0c9d3e4f5a6", "changed": True}
        }
    )

    number: int
    before: int
    job_id: UUID | None
    changed: bool

    @classmethod
    def of(cls, done: Activated) -> "ActivatedOut":
        """From the report of the deed."""
        number = done.version.number
        return cls(number=number, before=done.before, job_id=done.job, changed=number != done.before)


@router.get("", summary="Read the taxonomy", responses=problem_responses(401, 403))
async def get_taxonomy(rt: RuntimeDep, caller: Reader) -> VersionOut:
    """What comments are sorted into: the version in use."""
    async with rt.db.read() as session:
        return VersionOut.of(await active_version(session, caller.project))


@router.post("", summary="Save a taxonomy", status_code=201, responses=problem_responses(400, 401, 403, 409, 422))
async def post_taxonomy(rt: RuntimeDep, caller: Manager, written: TaxonomyIn, response: Response) -> VersionOut:
    """Keep a taxonomy as the next version; nothing is classified by it before it is activated.

    What was saved before keeps its number (200). Where somebody saved a version since `based_on`, 409 tells who.
    """
    saved = await save_taxonomy(rt, caller.project, written.draft(), based_on=written.based_on, actor=caller.actor)
    response.status_code = 201 if saved.made else 200
    return VersionOut.of(saved.version)


@router.get("/versions", summary="List versions", responses=problem_responses(401, 403, 422))
async def get_versions(
    rt: RuntimeDep,
    caller: Reader,
    after: Annotated[
        int | None, Query(ge=0, le=MOST_VERSIONS, description="The last number of the page before.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=100, description="Entries on a page, at most.")] = 20,
) -> VersionsOut:
    """The versions, the newest first; the default, which nobody saved, is the last."""
    async with rt.db.read() as session:
        found = await list_versions(session, caller.project, after=after, limit=limit + 1)
    lines = [
        VersionLine(
            number=one.number,
            active=one.active,
            saved_by=one.saved_by,
            created_at=one.at,
            categories=len(one.taxonomy.categories),
            tags=len(one.taxonomy.tags),
        )
        for one in found[:limit]
    ]
    return VersionsOut(data=lines, last_number=lines[-1].number if lines else None, has_more=len(found) > limit)


@router.get("/versions/{version}", summary="Read a version", responses=problem_responses(401, 403, 404, 422))
async def get_version(rt: RuntimeDep, caller: Reader, version: Number) -> VersionOut:
    """One version: what comments that name its number were sorted by."""
    async with rt.db.read() as session:
        return VersionOut.of(await read_version(session, caller.project, version))


@router.post(
    "/versions/{version}/preview",
    summary="Order a preview",
    status_code=202,
    responses=problem_responses(401, 403, 404, 422),
)
async def post_preview(rt: RuntimeDep, caller: Manager, version: Number) -> PreviewOut:
    """Have up to 2,000 comments, drawn by chance, classified with this version on trial; nothing is stored of them."""
    ordered = await order_preview(rt, caller.project, version, actor=caller.actor)
    return PreviewOut.model_validate(ordered.model_dump())


@router.get("/versions/{version}/preview", summary="Read a preview", responses=problem_responses(401, 403, 404, 422))
async def get_preview(rt: RuntimeDep, caller: Reader, version: Number) -> PreviewOut:
    """What this version would move, or how far finding out is."""
    async with rt.db.read() as session:
        return PreviewOut.model_validate((await read_preview(session, caller.project, version)).model_dump())


@router.post(
    "/versions/{version}/activate", summary="Activate", responses=problem_responses(400, 401, 403, 404, 409, 422)
)
async def post_activation(rt: RuntimeDep, caller: Manager, version: Number, wanted: ActivationIn) -> ActivatedOut:
    """Sort by this version from now on; with `again` also what is there, once a preview has told what that moves."""
    return ActivatedOut.of(await activate_taxonomy(rt, caller.project, version, again=wanted.again, actor=caller.actor))
