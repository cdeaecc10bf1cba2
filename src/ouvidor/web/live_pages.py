"""What keeps the inbox and the chat page as the server has them: streams that say that something changed, not what."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from ouvidor.accounts.models import Project
from ouvidor.accounts.permissions import Permission
from ouvidor.conversations.stream import ChangeOut, no_sign, signs_of_life, stream
from ouvidor.errors import Forbidden
from ouvidor.inputs import StorableText
from ouvidor.runtime import Runtime, RuntimeDep
from ouvidor.web.timeline import conversation_of
from ouvidor.web.visits import Member, member_with, read_person

router = APIRouter(include_in_schema=False)

Reader = Annotated[Member, member_with(Permission.CONVERSATIONS_READ)]
Player = Annotated[Member, member_with(Permission.ANSWER)]


@router.get("/projects/{project}/inbox/events", response_class=EventSourceResponse)
async def get_inbox_events(
    request: Request, rt: RuntimeDep, member: Reader, idle: str = ""
) -> AsyncGenerator[ServerSentEvent]:
    """Every change in the project's conversations. An open inbox is a sign of life of those who may answer.

    It is none where the page says that nobody touched it for long.
    """

    async def allowed() -> bool:
        return await _still(request, rt, member, Permission.CONVERSATIONS_READ)

    answers = member.may(Permission.CONVERSATIONS_REPLY) and not idle
    sign = signs_of_life(rt, member.project.id, member.person.user.id) if answers else no_sign
    async with aclosing(stream(rt, member.project.id, allowed, sign)) as events:
        async for event in events:
            yield _bare(event)


@router.get("/projects/{project}/chat/events", response_class=EventSourceResponse)
async def get_chat_events(
    request: Request,
    rt: RuntimeDep,
    member: Player,
    helpdesk: Annotated[StorableText, Query(min_length=1, max_length=200)],
) -> AsyncGenerator[ServerSentEvent]:
    """The changes of one conversation, which need not have begun."""
    known: UUID | None = None

    async def allowed() -> bool:
        return await _still(request, rt, member, Permission.ANSWER)

    async with aclosing(stream(rt, member.project.id, allowed, no_sign)) as events:
        async for event in events:
            changed = event.data.conversation_id if isinstance(event.data, ChangeOut) else None
            if changed is not None and known is None:
                known = await _conversation_id(rt, member.project, helpdesk)
            if changed is None or changed == known:
                yield _bare(event)


def _bare(event: ServerSentEvent) -> ServerSentEvent:
    """That something changed: the page fetches itself, so it needs to hear no more."""
    return event if event.data is None else ServerSentEvent(event="change", data="")


async def _still(request: Request, rt: Runtime, member: Member, permission: Permission) -> bool:
    """Whether this browser is still signed in as a member who may see this."""
    try:
        person = await read_person(request, rt)
    except Forbidden:
        return False
    if person is None or person.user.id != member.person.user.id:
        return False
    return any(
        place.project.id == member.project.id and Member(person, place).may(permission) for place in person.places
    )


async def _conversation_id(rt: Runtime, project: Project, helpdesk: str) -> UUID | None:
    async with rt.db.read() as session:
        conversation = await conversation_of(session, project, helpdesk=helpdesk)
    return conversation.id if conversation else None
