"""Routes of the desk: the queue, taking over, answering, giving back, and what changes while one looks."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, ConfigDict, Field

from ouvidor.accounts.access import BearerDep, Caller, PeopleOnly, caller_of, requires
from ouvidor.accounts.idempotency import clean_key
from ouvidor.accounts.permissions import Permission
from ouvidor.accounts.presence import answering_members, set_away
from ouvidor.conversations.desk import LONGEST_REPLY, claim, close, pass_on, release, reopen, reply
from ouvidor.conversations.inbox import inbox_counts
from ouvidor.conversations.read import (
    ConversationFilter,
    ConversationPage,
    ConversationSummary,
    MessageOut,
    list_conversations,
)
from ouvidor.conversations.stream import no_sign, signs_of_life, stream
from ouvidor.conversations.suggest import Suggestion, suggest
from ouvidor.errors import OuvidorError
from ouvidor.inputs import StorableText
from ouvidor.problems import problem_responses
from ouvidor.runtime import Runtime, RuntimeDep

router = APIRouter()

Reader = Annotated[Caller, requires(Permission.CONVERSATIONS_READ)]
Answerer = Annotated[Caller, requires(Permission.CONVERSATIONS_REPLY)]
DEED_ERRORS = problem_responses(401, 403, 404, 409, 422)


class ClaimIn(BaseModel):
    """How to claim; without a body nobody is displaced."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"take_over": False}})

    take_over: bool = Field(default=False, description="Take it from another person (`conversations:manage`).")


class PassOnIn(BaseModel):
    """Who answers from here on."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"to": "01970000-0000-7000-8000-000000000000"}}
    )

    to: UUID = Field(description="The `user_id` of a member who may answer customers, as `/api/v1/presence` tells.")


class ReplyIn(BaseModel):
    """What to tell the customer."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"text": "I have refunded the second charge."}}
    )

    text: StorableText = Field(min_length=1, max_length=LONGEST_REPLY)


class InboxOut(BaseModel):
    """How many conversations wait for a person, how many the caller holds, and how many do either (`open`)."""

    waiting: int
    mine: int
    open: int


class PresenceIn(BaseModel):
    """Whether the person takes new conversations."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"away": True}})

    away: bool


class PresenceOut(BaseModel):
    """A member who may answer customers; `there` if they do so now."""

    user_id: UUID
    name: str
    away: bool
    seen_at: datetime | None
    there: bool


class PresenceList(BaseModel):
    """Everybody who may answer customers, those who are there first."""

    data: list[PresenceOut]


@router.post(
    "/api/v1/conversations/{conversation_id}/claim", tags=["inbox"], summary="Take it over", responses=DEED_ERRORS
)
async def post_claim(
    rt: RuntimeDep, caller: Answerer, conversation_id: UUID, asked: ClaimIn | None = None
) -> ConversationSummary:
    """Answer this conversation from here on: the bot falls silent and the customer is told.

    Of many who claim at once one wins; the others get 409 with the winner's name.
    """
    return await claim(rt, caller, conversation_id, take_over=asked is not None and asked.take_over)


@router.post(
    "/api/v1/conversations/{conversation_id}/pass-on",
    tags=["inbox"],
    summary="Pass it on to a colleague",
    responses=DEED_ERRORS,
)
async def post_pass_on(rt: RuntimeDep, caller: Answerer, conversation_id: UUID, asked: PassOnIn) -> ConversationSummary:
    """The colleague answers from here on and the customer is told; who holds it may, and who manages conversations."""
    return await pass_on(rt, caller, conversation_id, asked.to)


@router.post(
    "/api/v1/conversations/{conversation_id}/reply",
    tags=["inbox"],
    summary="Reply to the customer",
    responses=DEED_ERRORS,
    status_code=201,
)
async def post_reply(
    rt: RuntimeDep,
    caller: Answerer,
    conversation_id: UUID,
    said: ReplyIn,
    idempotency_key: Annotated[str | None, Header(max_length=300)] = None,
) -> MessageOut:
    """Say this to the customer; only who holds the conversation may."""
    return await reply(rt, caller, conversation_id, said.text, key=clean_key(idempotency_key))


@router.post(
    "/api/v1/conversations/{conversation_id}/suggestion",
    tags=["inbox"],
    summary="Draft a reply",
    responses=problem_responses(401, 403, 404, 409, 422, 503),
)
async def post_suggestion(rt: RuntimeDep, caller: Answerer, conversation_id: UUID) -> Suggestion:
    """What the engine would answer to the customer's last words, with its sources; nothing is said or stored."""
    return await suggest(rt, caller, conversation_id)


@router.post(
    "/api/v1/conversations/{conversation_id}/release",
    tags=["inbox"],
    summary="Give it back to the bot",
    responses=DEED_ERRORS,
)
async def post_release(rt: RuntimeDep, caller: Answerer, conversation_id: UUID) -> ConversationSummary:
    """The bot answers again, in a new episode; the customer is told."""
    return await release(rt, caller, conversation_id)


@router.post("/api/v1/conversations/{conversation_id}/close", tags=["inbox"], summary="Close", responses=DEED_ERRORS)
async def post_close(rt: RuntimeDep, caller: Answerer, conversation_id: UUID) -> ConversationSummary:
    """End the conversation; the customer is told, and their next message begins a new episode with the bot."""
    return await close(rt, caller, conversation_id)


@router.post("/api/v1/conversations/{conversation_id}/reopen", tags=["inbox"], summary="Reopen", responses=DEED_ERRORS)
async def post_reopen(rt: RuntimeDep, caller: Answerer, conversation_id: UUID) -> ConversationSummary:
    """Take up a closed conversation as a new episode; the caller holds it and the customer is told."""
    return await reopen(rt, caller, conversation_id)


@router.get(
    "/api/v1/handovers", tags=["inbox"], summary="Who waits for a person", responses=problem_responses(401, 403, 422)
)
async def get_handovers(
    rt: RuntimeDep, caller: Reader, after: UUID | None = None, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> ConversationPage:
    """The conversations that were handed over and that nobody has claimed, the longest waiting first."""
    wanted = ConversationFilter(status="waiting", order="longest_waiting")
    async with rt.db.read() as session:
        return await list_conversations(session, caller.project.id, wanted, after=after, limit=limit)


@router.get("/api/v1/inbox", tags=["inbox"], summary="Counts", responses=problem_responses(401, 403))
async def get_inbox(rt: RuntimeDep, caller: Reader) -> InboxOut:
    """How much there is to do."""
    async with rt.db.read() as session:
        counts = await inbox_counts(session, caller.project.id, caller.id)
    return InboxOut.model_validate(counts, from_attributes=True)


@router.get(
    "/api/v1/inbox/events",
    tags=["inbox"],
    summary="Follow changes",
    responses=problem_responses(401, 403),
    response_class=EventSourceResponse,
)
async def get_events(
    request: Request, rt: RuntimeDep, caller: Reader, credentials: BearerDep
) -> AsyncGenerator[ServerSentEvent]:
    """Server-sent events `message`, `status`, `erased` and `missed` of the project's conversations, as they happen.

    A comment every ten seconds keeps the stream open; it ends when the credential ends. `missed` means that events
    were lost: read everything anew, as after each connection. While a person who may answer has it open, they count
    as being there.
    """
    text = credentials.credentials if credentials else ""

    async def still_allowed() -> bool:
        return await _may_still_read(request, rt, text)

    answers = caller.actor.kind == "user" and caller.may(Permission.CONVERSATIONS_REPLY)
    on_beat = signs_of_life(rt, caller.project.id, caller.id) if answers else no_sign
    async with aclosing(stream(rt, caller.project.id, still_allowed, on_beat)) as events:
        async for event in events:
            yield event


@router.get("/api/v1/presence", tags=["inbox"], summary="Who is there", responses=problem_responses(401, 403))
async def get_presence(rt: RuntimeDep, caller: Reader) -> PresenceList:
    """Everybody who may answer customers, those who are there first."""
    return await _presence(rt, caller)


@router.put("/api/v1/presence", tags=["inbox"], summary="Be there, or away", responses=problem_responses(401, 403, 422))
async def put_presence(rt: RuntimeDep, caller: Answerer, told: PresenceIn) -> PresenceList:
    """Say whether you take new conversations; for persons, since a program is never counted as being there."""
    if caller.actor.kind != "user":
        raise PeopleOnly
    async with rt.db.begin() as session:
        await set_away(session, caller.project.id, caller.id, rt.clock(), away=told.away)
    return await _presence(rt, caller)


async def _presence(rt: Runtime, caller: Caller) -> PresenceList:
    async with rt.db.read() as session:
        members = await answering_members(session, caller.project.id, rt.clock())
    return PresenceList(data=[PresenceOut.model_validate(member, from_attributes=True) for member in members])


async def _may_still_read(request: Request, rt: Runtime, text: str) -> bool:
    try:
        caller = await caller_of(request, rt, text)
    except OuvidorError:
        return False
    return caller.may(Permission.CONVERSATIONS_READ)
