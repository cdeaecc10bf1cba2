"""Routes that find and read comments, and the views of them that people saved."""

from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response, StreamingResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ouvidor.accounts.access import Caller, requires
from ouvidor.accounts.paging import After, Limit
from ouvidor.accounts.permissions import Permission
from ouvidor.feedback.classification import Sentiment
from ouvidor.feedback.finding.export import Form
from ouvidor.feedback.finding.export_answer import comments_file
from ouvidor.feedback.finding.find import CommentPage, Mode, Order, find
from ouvidor.feedback.finding.menus import Menus, read_menus
from ouvidor.feedback.finding.views import LONGEST_NAME, LONGEST_QUERY, ViewOut, delete_view, list_views, save_view
from ouvidor.feedback.finding.wanted import CommentFilter
from ouvidor.feedback.in_use import active_taxonomy
from ouvidor.feedback.read import ClassificationOut, CommentOut, comment_out, history_of, read_comment
from ouvidor.feedback.told import MAX_FIELD_CHARACTERS, MAX_FIELD_NAME_CHARACTERS, MAX_ID_CHARACTERS
from ouvidor.inputs import Moment, StorableText
from ouvidor.problems import problem_responses
from ouvidor.runtime import RuntimeDep

router = APIRouter(prefix="/api/v1/comments", tags=["comments"])

Reader = Annotated[Caller, requires(Permission.COMMENTS_READ)]
Keeper = Annotated[Caller, requires(Permission.COMMENTS_CORRECT)]
ERRORS = problem_responses(401, 403, 422)
ONE = problem_responses(401, 403, 404, 422)

MOST_PAIRS = 10
MOST_IDS = 100
LONGEST_SEARCH = 500


def _pair(text: str) -> str:
    """The text itself.

    Raises:
        ValueError: it is not a name, an equals sign and a value.
    """
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise ValueError("Write a field as its name, an equals sign and its value, such as artista=Lia Serpa")
    return text


Code = Annotated[StorableText | None, Query(max_length=60)]
FieldText = Annotated[StorableText | None, Query(max_length=MAX_FIELD_CHARACTERS)]
Pair = Annotated[
    StorableText,
    Field(max_length=MAX_FIELD_NAME_CHARACTERS + 1 + MAX_FIELD_CHARACTERS),
    AfterValidator(_pair),
]
ExternalId = Annotated[StorableText, Field(max_length=MAX_ID_CHARACTERS)]
Share = Annotated[float | None, Query(ge=0, le=1)]
Search = Annotated[
    StorableText,
    Query(max_length=LONGEST_SEARCH, description='Words, in whatever form; what is in "quotes" must stand so.'),
]


@dataclass(frozen=True)
class Filters:
    """What is wanted, from the query: the names are those of `CommentFilter`."""

    category: Annotated[StorableText | None, Query(max_length=60, description="A code of the taxonomy.")] = None
    given_category: Annotated[StorableText | None, Query(max_length=60, description="What the AI gave.")] = None
    tag: Code = None
    field: Annotated[
        tuple[Pair, ...], Query(max_length=MOST_PAIRS, description="name=value; all of several must hold.")
    ] = ()
    artist: FieldText = None
    album: FieldText = None
    sentiment: Sentiment | None = None
    language: Annotated[StorableText | None, Query(max_length=2)] = None
    since: Annotated[Moment | None, Query(description="Written then or later.")] = None
    until: Annotated[Moment | None, Query(description="Written before then.")] = None
    least: Annotated[float | None, Query(ge=0, le=1, description="Least confidence.")] = None
    most: Annotated[float | None, Query(ge=0, le=1, description="Most confidence.")] = None
    corrected: Annotated[bool | None, Query(description="Whether a person has corrected it.")] = None
    waiting: Annotated[bool | None, Query(description="Whether a person is to look at it.")] = None
    job: Annotated[UUID | None, Query(description="Those that came with this job.")] = None
    external_id: Annotated[tuple[ExternalId, ...], Query(max_length=MOST_IDS, description="Your ids.")] = ()

    def wanted(self) -> CommentFilter:
        """The filters as lists and exports take them."""
        pairs = (pair.partition("=") for pair in self.field)
        return CommentFilter(
            category=self.category,
            given_category=self.given_category,
            tag=self.tag,
            fields=tuple((name, value) for name, _, value in pairs),
            artist=self.artist,
            album=self.album,
            sentiment=self.sentiment,
            language=self.language,
            since=self.since,
            until=self.until,
            least=self.least,
            most=self.most,
            corrected=self.corrected,
            waiting=self.waiting,
            job=self.job,
            external_ids=self.external_id,
        )


FiltersDep = Annotated[Filters, Depends(Filters)]
ModeParam = Annotated[
    Mode, Query(description="`auto` blends words and meaning, and goes by meaning where no comment has the words.")
]


class HistoryOut(BaseModel):
    """Every classification that a comment ever had, the newest first."""

    object: Literal["list"] = "list"
    data: list[ClassificationOut]


class ViewsOut(BaseModel):
    """The saved views of a project, in the order of their names."""

    object: Literal["list"] = "list"
    data: list[ViewOut]


class ViewIn(BaseModel):
    """A name, and the query string of the list that it stands for."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"name": "Criticism of the app", "query": "category=criticism&q=app"}},
    )

    name: StorableText = Field(min_length=1, max_length=LONGEST_NAME)
    query: StorableText = Field(max_length=LONGEST_QUERY)


@router.get("", summary="List and search", responses=ONE)
async def get_comments(
    rt: RuntimeDep,
    caller: Reader,
    filters: FiltersDep,
    q: Search = "",
    mode: ModeParam = "auto",
    order: Order | None = None,
    after: After = None,
    limit: Limit = 20,
) -> CommentPage:
    """The comments under the filters, the newest first, or with `q` the most relevant.

    `confident` and `unsure` order by the confidence. Where no comment has all the words, those nearest in meaning are
    given instead, and `no_words` says so.
    """
    return await find(rt, caller.project, filters.wanted(), q, mode=mode, order=order, after=after, limit=limit)


@router.get(
    "/export",
    summary="Export as CSV",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {}}}, **ERRORS},
)
async def get_export(
    rt: RuntimeDep, caller: Reader, filters: FiltersDep, q: Search = "", mode: ModeParam = "auto", form: Form = "full"
) -> StreamingResponse:
    """All comments under the filters that answer `q`, the newest first, streamed.

    `full` has a column for each field; `contract` is the short form of `/api/comentarios/export`. Cells that a
    spreadsheet would run as a formula begin with an apostrophe, which our import takes away.
    """
    return comments_file(rt, caller.project, filters.wanted(), q, mode=mode, form=form)


@router.get("/fields", summary="What can be filtered by", responses=ERRORS)
async def get_fields(rt: RuntimeDep, caller: Reader) -> Menus:
    """The fields, tags and languages of the newest 5,000 comments, with their most frequent values."""
    async with rt.db.read() as session:
        return await read_menus(session, caller.project.id)


@router.get("/views", summary="List saved views", responses=ERRORS)
async def get_views(rt: RuntimeDep, caller: Reader) -> ViewsOut:
    """Filters that people of the project saved under a name; send `query` to the list as it is."""
    async with rt.db.read() as session:
        return ViewsOut(data=await list_views(session, caller.project.id))


@router.put("/views", summary="Save a view", responses=problem_responses(400, 401, 403, 409, 422))
async def put_view(rt: RuntimeDep, caller: Keeper, view: ViewIn) -> ViewOut:
    """Save filters under a name for all of the project; those that had the name are replaced."""
    async with rt.db.begin() as session:
        return await save_view(session, caller.project.id, view.name, view.query, caller.actor, rt.clock())


@router.delete("/views/{view_id}", summary="Delete a view", status_code=204, responses=ONE)
async def delete_one_view(rt: RuntimeDep, caller: Keeper, view_id: UUID) -> Response:
    """Forget a saved view; no comment changes."""
    async with rt.db.begin() as session:
        await delete_view(session, caller.project.id, view_id, caller.actor, rt.clock())
    return Response(status_code=204)


@router.get("/{comment_id}", summary="Read one", responses=ONE)
async def get_comment(rt: RuntimeDep, caller: Reader, comment_id: UUID) -> CommentOut:
    """One comment with what it is sorted into now."""
    async with rt.db.read() as session:
        _, taxonomy = await active_taxonomy(session, caller.project)
        return comment_out(await read_comment(session, caller.project.id, comment_id), taxonomy)


@router.get("/{comment_id}/history", summary="Its classifications", responses=ONE)
async def get_history(rt: RuntimeDep, caller: Reader, comment_id: UUID) -> HistoryOut:
    """Every classification that the comment ever had: by whom, with which version, by which taxonomy."""
    async with rt.db.read() as session:
        comment = await read_comment(session, caller.project.id, comment_id)
        return HistoryOut(data=await history_of(session, caller.project.id, comment.id))
