"""The published routes of comments (`/api/comentarios`): names and shapes are the contract's, the work is ours."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Literal, cast
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, PlainValidator
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.access import Caller, requires
from ouvidor.accounts.idempotency import clean_key
from ouvidor.accounts.issued_once import MarkedRequest
from ouvidor.accounts.models import Project
from ouvidor.accounts.paging import Limit
from ouvidor.accounts.permissions import Permission
from ouvidor.compat.comment_wire import (
    ONE,
    AcceptedJob,
    JobItem,
    JobItems,
    ListedComment,
    ListPage,
    RefusedComment,
    SentComment,
    SortedComment,
    answer_of,
    sent_as,
    told_of,
)
from ouvidor.errors import Unprocessable
from ouvidor.feedback.finding.export_answer import comments_file
from ouvidor.feedback.finding.find import Order, find
from ouvidor.feedback.finding.wanted import CommentFilter
from ouvidor.feedback.in_use import active_taxonomy
from ouvidor.feedback.intake.sending import Sent, send
from ouvidor.feedback.jobs.control import read_job
from ouvidor.feedback.jobs.items import AfterPosition, Place, list_items, numbered_positions
from ouvidor.feedback.models import Comment
from ouvidor.feedback.read import UnknownComment
from ouvidor.feedback.refusals import refusal_of
from ouvidor.feedback.taxonomy import Code, Taxonomy
from ouvidor.feedback.told import MAX_ID_CHARACTERS, Unfit
from ouvidor.inputs import StorableText
from ouvidor.problems import json_only, problem_responses
from ouvidor.runtime import Runtime, RuntimeDep
from ouvidor.text import fold

router = APIRouter(prefix="/api/comentarios", tags=["published: comments"])

ROUTE = "POST /api/comentarios"
ACCEPTED = 202
FILE = "id,texto,categoria,tags,confianca,created_at,updated_at\r\n"
ORDERS: dict[str, Order] = {"asc": "unsure", "desc": "confident"}

Reader = Annotated[Caller, requires(Permission.COMMENTS_READ)]
Writer = Annotated[Caller, requires(Permission.COMMENTS_WRITE)]
FilterText = Annotated[StorableText | None, Field(max_length=200)]


def _as_sent(value: Any) -> object:
    return value


Sending = Annotated[
    object,
    PlainValidator(_as_sent, json_schema_input_type=SentComment | list[SentComment]),
    Body(openapi_examples={"one": {"value": ONE}, "a list": {"value": [ONE, {"texto": "Quando sai a turnê?"}]}}),
]
"""One comment or a list, unread: each is read on its own, so that a broken one keeps no other out."""


class UnknownCategory(Unprocessable):
    """The project has no such category."""


class Filters(BaseModel):
    """What a list or a file is narrowed to; all must hold. Empty parameters and those not listed here are ignored."""

    model_config = ConfigDict(extra="ignore")

    categoria: FilterText = Field(None, description="Name or code, without regard to letter case and accents.")
    tag: FilterText = Field(None, description="Code of a tag.")
    artista: FilterText = Field(None, description="Artist, as it was sent (`artista` or `artist`).")
    album: FilterText = Field(None, description="Album, as it was sent.")
    q: FilterText = Field(None, description="Words that all stand in the text, in any form; a phrase in quotes.")

    def wanted(self, taxonomy: Taxonomy) -> CommentFilter:
        """The filter without the words.

        Raises:
            UnknownCategory: the taxonomy has no such category.
        """
        return CommentFilter(
            category=_code_of(self.categoria, taxonomy),
            tag=_given(self.tag),
            artist=_given(self.artista),
            album=_given(self.album),
        )


class ListQuery(Filters):
    """Filters, order and page."""

    ordem: Literal["asc", "desc"] | None = Field(None, description="By `confianca`; without it the newest come first.")
    after: FilterText = Field(None, max_length=MAX_ID_CHARACTERS, description="The last id of the page before.")
    limit: int = Field(20, ge=1, le=100, description="Entries on a page, at most.")


@router.post(
    "",
    status_code=201,
    summary="Classify comments",
    dependencies=[Depends(json_only)],
    responses={
        201: {"description": "A comment, or one answer for each of the list, in order."},
        ACCEPTED: {"model": AcceptedJob, "description": "Over 100: a job; `Location` tells where to ask for it."},
    }
    | problem_responses(400, 401, 403, 404, 409, 413, 415, 422, 503),
)
async def post_comments(
    request: Request,
    response: Response,
    rt: RuntimeDep,
    caller: Writer,
    sent: Sending,
    idempotency_key: Annotated[str | None, Header(max_length=300)] = None,
) -> SortedComment | list[SortedComment | RefusedComment] | AcceptedJob:
    """Classify and store a comment, or a list of them: up to 100 at once, more as a job.

    In a list each comment has its own result or its own `erro`; order and duplicates are kept. An id with the same text
    gives the result that is stored; with another text it is a 409, of that comment alone.
    """
    marked = MarkedRequest(ROUTE, clean_key(idempotency_key), await request.body())
    several = isinstance(sent, list)
    values = cast("list[object]", sent) if several else [sent]
    came = await _send(rt, caller, values, marked)
    if came.job is not None:
        response.status_code = ACCEPTED
        response.headers["Location"] = f"{router.prefix}/jobs/{came.job}"
        return await _job(rt, caller.project, came.job)
    if several:
        return [answer_of(result, value) for result, value in zip(came.results, values, strict=True)]
    (result,) = came.results
    if isinstance(result, Unfit):
        raise refusal_of(result)
    return SortedComment.of(result, sent_as(sent))


@router.get("", summary="List comments", responses=problem_responses(401, 403, 404, 422))
async def get_comments(rt: RuntimeDep, caller: Reader, asked: Annotated[ListQuery, Query()]) -> ListPage:
    """The comments under the filters, the newest first."""
    project = caller.project
    async with rt.db.read() as session:
        _, taxonomy = await active_taxonomy(session, project)
        after = await _id_of(session, project, _given(asked.after))
    order: Order = ORDERS[asked.ordem] if asked.ordem else "newest"
    found = await find(
        rt, project, asked.wanted(taxonomy), asked.q or "", mode="words", order=order, after=after, limit=asked.limit
    )
    data = [ListedComment.listed(one) for one in found.data]
    first, last = (data[0].id, data[-1].id) if data else (None, None)
    return ListPage(data=data, first_id=first, last_id=last, has_more=found.has_more)


@router.get(
    "/export",
    summary="Export comments",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {"example": FILE}}}} | problem_responses(401, 403, 422),
)
async def get_export(rt: RuntimeDep, caller: Reader, asked: Annotated[Filters, Query()]) -> StreamingResponse:
    """The comments under the filters as CSV, the newest first, written as they are read.

    Columns: id, texto, categoria, tags (codes), confianca, created_at, updated_at. A text that a spreadsheet would run
    as a formula begins with an apostrophe.
    """
    project = caller.project
    async with rt.db.read() as session:
        _, taxonomy = await active_taxonomy(session, project)
    return comments_file(rt, project, asked.wanted(taxonomy), asked.q or "", mode="words", form="contract")


@router.get("/jobs/{job_id}", summary="Read a job", responses=problem_responses(401, 403, 404, 422))
async def get_job(rt: RuntimeDep, caller: Reader, job_id: UUID) -> AcceptedJob:
    """How far a job is: `pending`, `running`, `done` or `failed`; ask again until it is one of the last two."""
    return await _job(rt, caller.project, job_id)


@router.get("/jobs/{job_id}/itens", summary="Results of a job", responses=problem_responses(401, 403, 404, 422))
async def get_items(
    rt: RuntimeDep,
    caller: Reader,
    job_id: UUID,
    after: AfterPosition = 0,
    limit: Limit = 20,
) -> JobItems:
    """What became of each comment of a job, in the order in which they were sent, duplicates included."""
    async with rt.db.read() as session:
        page = await list_items(session, caller.project, job_id, Place(after, limit))
        numbered = await numbered_positions(session, job_id, [item.position for item in page.data])
    data = [JobItem.of(item, numbered=item.position in numbered) for item in page.data]
    return JobItems(data=data, first_id=page.first_id, last_id=page.last_id, has_more=page.has_more)


async def _send(rt: Runtime, caller: Caller, values: Sequence[object], marked: MarkedRequest) -> Sent:
    """Many are read in a thread of their own."""
    now = rt.clock()
    items = await asyncio.to_thread(lambda: [told_of(value, now) for value in values])
    return await send(rt, caller.project, items, marked, caller.actor)


async def _job(rt: Runtime, project: Project, job_id: UUID) -> AcceptedJob:
    async with rt.db.read() as session:
        return AcceptedJob.of(await read_job(session, project.id, job_id, rt.clock()))


async def _id_of(session: AsyncSession, project: Project, external_id: str | None) -> UUID | None:
    """Our id of the comment after which a page begins.

    Raises:
        UnknownComment: the project has none of this id.
    """
    if external_id is None:
        return None
    own = (Comment.project_id == project.id, Comment.external_id == external_id)
    found = (await session.execute(select(Comment.id).where(*own))).scalar_one_or_none()
    if found is None:
        raise UnknownComment
    return found


def _code_of(name: str | None, taxonomy: Taxonomy) -> Code | None:
    wanted = fold((name or "").strip())
    if not wanted:
        return None
    for category in taxonomy.categories:
        if wanted in {category.code, *(fold(one) for one in category.names.values())}:
            return category.code
    names = ", ".join(category.name(taxonomy.language) for category in taxonomy.categories)
    raise UnknownCategory(f"The project has no such category; there are {names}.")


def _given(text: str | None) -> str | None:
    return (text or "").strip() or None
