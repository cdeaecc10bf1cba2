"""`POST /conversations/completions` (the published contract) and our own reading routes."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request

from ouvidor.accounts.access import Caller, own_project, requires
from ouvidor.accounts.idempotency import clean_key
from ouvidor.accounts.permissions import Permission
from ouvidor.conversations.complete import Ask, complete
from ouvidor.conversations.history import Line
from ouvidor.conversations.read import (
    ConversationOut,
    ConversationPage,
    TurnOut,
    list_conversations,
    read_conversation,
    read_turns,
)
from ouvidor.conversations.wire import Completion, CompletionRequest
from ouvidor.errors import OuvidorError, Unprocessable
from ouvidor.problems import problem_responses
from ouvidor.runtime import RuntimeDep

router = APIRouter()

Answerer = Annotated[Caller, requires(Permission.ANSWER)]
Reader = Annotated[Caller, requires(Permission.CONVERSATIONS_READ)]


class NotJson(OuvidorError):
    """Send the request as `Content-Type: application/json`."""

    status = 415


def json_only(request: Request) -> None:
    """Refuse other media types.

    Raises:
        NotJson: the body is declared as something else, or as nothing.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise NotJson


@router.post(
    "/conversations/completions",
    tags=["answers"],
    summary="Answer a customer",
    responses=problem_responses(400, 401, 403, 404, 405, 409, 415, 422, 429, 500, 503),
    dependencies=[Depends(json_only)],
)
async def post_completion(
    request: Request,
    rt: RuntimeDep,
    caller: Answerer,
    asked: CompletionRequest,
    idempotency_key: Annotated[str | None, Header(max_length=300)] = None,
) -> Completion:
    """Answer from the project's own knowledge with citations, ask back, or hand over to a person.

    The conversation is kept on the server under `helpdeskId`. The trailing USER messages of the request are new; what
    stands before them is held against what is stored.
    """
    project = own_project(caller, asked.projectName)
    request.state.project = project
    lines = tuple(Line(message.role, message.content) for message in asked.messages)
    if lines[-1].role != "USER":
        raise Unprocessable("The last message must be the customer's (role USER): there is nothing to answer.")
    ask = Ask(asked.helpdeskId, lines, clean_key(idempotency_key), await request.body())
    return await complete(rt, project, ask)


@router.get("/api/v1/conversations", tags=["conversations"], summary="List", responses=problem_responses(401, 403, 422))
async def get_conversations(
    rt: RuntimeDep,
    caller: Reader,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    status: Literal["bot", "waiting", "person", "closed"] | None = None,
) -> ConversationPage:
    """The project's conversations, the newest first; `after` is the last id of the page before."""
    async with rt.db.read() as session:
        return await list_conversations(session, caller.project.id, after=after, limit=limit, status=status)


@router.get(
    "/api/v1/conversations/{conversation_id}",
    tags=["conversations"],
    summary="Read one",
    responses=problem_responses(401, 403, 404, 422),
)
async def get_conversation(rt: RuntimeDep, caller: Reader, conversation_id: UUID) -> ConversationOut:
    """A conversation with its messages in order."""
    async with rt.db.read() as session:
        return await read_conversation(session, caller.project.id, conversation_id)


@router.get(
    "/api/v1/conversations/{conversation_id}/turns",
    tags=["conversations"],
    summary="Read its turns",
    responses=problem_responses(401, 403, 404, 422),
)
async def get_turns(rt: RuntimeDep, caller: Reader, conversation_id: UUID) -> list[TurnOut]:
    """Each turn's decision, its reason, and the sections it was shown."""
    async with rt.db.read() as session:
        return await read_turns(session, caller.project.id, conversation_id)
