"""`POST /conversations/completions` (the published contract) and our own reading routes."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request
from pydantic import AwareDatetime, BaseModel, Field

from ouvidor.accounts.access import Caller, own_project, requires
from ouvidor.accounts.idempotency import clean_key
from ouvidor.accounts.permissions import Permission
from ouvidor.agent.policy import Reason
from ouvidor.conversations.complete import Ask
from ouvidor.conversations.history import Line
from ouvidor.conversations.making import complete_while_there
from ouvidor.conversations.read import (
    ConversationFilter,
    ConversationOut,
    ConversationPage,
    Order,
    TurnOut,
    WantedStatus,
    list_conversations,
    read_conversation,
    read_turns,
)
from ouvidor.conversations.wire import Completion, CompletionRequest
from ouvidor.errors import Unprocessable
from ouvidor.inputs import StorableText
from ouvidor.problems import json_only, problem_responses
from ouvidor.runtime import RuntimeDep
from ouvidor.text import Language

router = APIRouter()

FilterText = Annotated[StorableText | None, Field(min_length=1, max_length=200)]

Answerer = Annotated[Caller, requires(Permission.ANSWER)]
Reader = Annotated[Caller, requires(Permission.CONVERSATIONS_READ)]


class ListQuery(BaseModel):
    """What a list of conversations is narrowed to, its order and its page; parameters not listed here are ignored."""

    status: WantedStatus | None = Field(None, description="`open` means waiting for a person or held by one.")
    holder_id: UUID | None = Field(None, description="The user or API key that holds it.")
    helpdesk_id: FilterText = Field(None, description="Its id in your helpdesk.")
    customer_id: FilterText = Field(None, description="Who the customer is in your system.")
    unit: FilterText = Field(None, description="The shop, hotel or branch that it is about.")
    origin: Literal["live", "imported"] | None = Field(None, description="Held here, or brought in from elsewhere.")
    q: FilterText = Field(
        None,
        description="Words of any message, as in a web search (quotes, `or`, `-word`), without regard to letter case "
        "and accents; or a helpdesk id or its beginning.",
    )
    language: Language | None = None
    reason: Reason | None = Field(None, description="Why it was handed over last.")
    since: AwareDatetime | None = Field(None, description="With a newest message at this time or later.")
    until: AwareDatetime | None = Field(None, description="With a newest message before this time.")
    order: Order = "newest"
    after: UUID | None = Field(None, description="The last id of the page before.")
    limit: int = Field(20, ge=1, le=100)

    def wanted(self) -> ConversationFilter:
        """The filter without the page."""
        return ConversationFilter(**self.model_dump(exclude={"after", "limit"}))


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
    stands before them is held against what is stored. Closing the connection gives the reply up; the messages stay.
    """
    project = own_project(caller, asked.projectName)
    request.state.project = project
    lines = tuple(Line(message.role, message.content) for message in asked.messages)
    if lines[-1].role != "USER":
        raise Unprocessable("The last message must be the customer's (role USER): there is nothing to answer.")
    ask = Ask(asked.helpdeskId, lines, clean_key(idempotency_key), await request.body(), asked.customerId)
    return await complete_while_there(rt, project, ask, request)


@router.get("/api/v1/conversations", tags=["conversations"], summary="List", responses=problem_responses(401, 403, 422))
async def get_conversations(
    rt: RuntimeDep,
    caller: Reader,
    asked: Annotated[ListQuery, Query()],
) -> ConversationPage:
    """The project's conversations that fit all that is asked for, the newest first or the longest waiting first."""
    async with rt.db.read() as session:
        return await list_conversations(
            session, caller.project.id, asked.wanted(), after=asked.after, limit=asked.limit
        )


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
