"""The chat page: a person of the project plays the customer and sees why each turn came out as it did."""

import json
import logging
import secrets
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import Project
from ouvidor.accounts.permissions import Permission
from ouvidor.conversations.complete import Ask
from ouvidor.conversations.history import Line
from ouvidor.conversations.making import Making, MakingResponse, complete_while_there
from ouvidor.conversations.wire import Completion
from ouvidor.errors import Forbidden, OuvidorError, Unprocessable
from ouvidor.inputs import StorableText
from ouvidor.knowledge.read import count_sections
from ouvidor.problems import as_ouvidor_error, problem_of
from ouvidor.runtime import Runtime, RuntimeDep
from ouvidor.web.answers import go_to, show, wants_page
from ouvidor.web.contexts.talk import ChatPage, TalkView, Trouble, TurnFragment
from ouvidor.web.frames import frame_of
from ouvidor.web.sections import suggested_questions
from ouvidor.web.timeline import conversation_of, read_timeline
from ouvidor.web.visits import Member, member_with

PLAYED = "chat-"
SIGN_SECONDS = 5.0
"""Between two signs of life while a reply is made."""
ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"

logger = logging.getLogger(__name__)
router = APIRouter(include_in_schema=False)

Player = Annotated[Member, member_with(Permission.ANSWER)]


class CustomersConversation(Forbidden):
    """This is a customer's conversation: it can be read here, not written to. Start a new one to try something out."""


class MessageForm(BaseModel):
    """What the composer sends: a message of one's own, or one of the suggested questions."""

    helpdesk: str = Field(min_length=1, max_length=200)
    key: str = Field(min_length=1, max_length=255)
    text: str = Field(default="", max_length=4000)
    suggestion: str = Field(default="", max_length=4000)

    def words(self) -> str:
        """What the customer says.

        Raises:
            Unprocessable: nothing.
        """
        said = (self.suggestion or self.text).replace("\r\n", "\n").strip()
        if not said:
            raise Unprocessable("The message is empty: write something first.")
        return said


@router.get("/projects/{project}/chat")
async def get_chat(
    request: Request,
    rt: RuntimeDep,
    member: Player,
    helpdesk: Annotated[StorableText, Query(max_length=200)] = "",
    turn: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    source: Annotated[int, Query(ge=0, le=50)] = 0,
) -> Response:
    """A new conversation, or that of a helpdesk id with one of its turns laid open."""
    return show(request, await _page(request, rt, member, helpdesk or new_helpdesk_id(), turn=turn, source=source))


@router.post("/projects/{project}/chat/messages")
async def post_message(
    request: Request, rt: RuntimeDep, member: Player, form: Annotated[MessageForm, Form()]
) -> Response:
    """Say something as the customer; a plain form goes back to the page, a script gets the new turn as a fragment.

    To a script that reads events it is told how far the reply has come, then the turn or what went wrong.
    """
    if "text/event-stream" in request.headers.get("accept", ""):
        making = Making(rt, member.project, _ask(form))
        return MakingResponse(making, _events(request, rt, member, form, making))
    try:
        said = await complete_while_there(rt, member.project, _ask(form), request)
    except Exception as error:
        if not wants_page(request):
            raise
        logger.info("A chat message got no reply; it goes back to its writer.", exc_info=error)
        return await _troubled(request, rt, member, form, as_ouvidor_error(error))
    if wants_page(request):
        return go_to(address_of(member.project, form.helpdesk))
    return show(request, await _fragment(request, rt, member, form.helpdesk, said))


def address_of(project: Project, helpdesk: str) -> str:
    """Where the chat page shows the conversation of this helpdesk id."""
    return f"/projects/{project.name}/chat?{urlencode({'helpdesk': helpdesk})}"


def new_helpdesk_id() -> str:
    """The id of a played conversation: easy to read out, 39 random bits."""
    return PLAYED + "".join(secrets.choice(ALPHABET) for _ in range(8))


def _ask(form: MessageForm) -> Ask:
    if not form.helpdesk.startswith(PLAYED):
        raise CustomersConversation
    words = form.words()
    return Ask(
        helpdesk_id=form.helpdesk,
        messages=(Line("USER", words),),
        idempotency_key=form.key,
        body=f"{form.helpdesk}\n{words}".encode(),
    )


async def _events(
    request: Request, rt: Runtime, member: Member, form: MessageForm, making: Making
) -> AsyncGenerator[str]:
    """`stage` as often as there is news, then `turn` with the fragment, or `problem`."""
    while (stage := await making.stage(SIGN_SECONDS)) or not making.done:
        yield _event("stage", stage) if stage else ": working\n\n"
    try:
        fragment = await _fragment(request, rt, member, form.helpdesk, making.outcome())
        yield _event("turn", bytes(show(request, fragment).body).decode())
    except Exception as raised:
        logger.info("A chat message got no reply; its writer is told.", exc_info=raised)
        yield _event("problem", problem_of(as_ouvidor_error(raised), request))


def _event(name: str, told: object) -> str:
    return f"event: {name}\ndata: {json.dumps(told)}\n\n"


async def _fragment(request: Request, rt: Runtime, member: Member, helpdesk: str, said: Completion) -> TurnFragment:
    async with rt.db.read() as session:
        conversation = await conversation_of(session, member.project, helpdesk=helpdesk)
        newest = conversation.turns if conversation and said.messageId is None else 0
        here = address_of(member.project, helpdesk)
        talk = await read_timeline(
            session, member.project, conversation, here, wanted=newest, message_id=said.messageId
        )
    if talk.selected is None:
        raise OuvidorError
    return TurnFragment(
        frame=frame_of(request, rt, member, "chat"),
        helpdesk=helpdesk,
        key=secrets.token_urlsafe(16),
        talk=replace(talk, opened=False),
        selected=talk.selected,
    )


async def _troubled(request: Request, rt: Runtime, member: Member, form: MessageForm, told: OuvidorError) -> Response:
    trouble = Trouble(
        status=told.status,
        detail=told.detail,
        request_id=getattr(request.state, "request_id", ""),
        text=form.suggestion or form.text,
        key=form.key,
    )
    return show(request, await _page(request, rt, member, form.helpdesk, trouble=trouble), told.status)


async def _page(
    request: Request,
    rt: Runtime,
    member: Member,
    helpdesk: str,
    *,
    turn: int = 0,
    source: int = 0,
    trouble: Trouble | None = None,
) -> ChatPage:
    async with rt.db.read() as session:
        conversation = await conversation_of(session, member.project, helpdesk=helpdesk)
        here = address_of(member.project, helpdesk)
        talk = await read_timeline(session, member.project, conversation, here, wanted=turn, source=source)
        sections = await count_sections(session, member.project.id)
        suggestions = await _suggestions(session, member.project, talk, helpdesk)
    return ChatPage(
        frame=frame_of(request, rt, member, "chat"),
        helpdesk=helpdesk,
        key=secrets.token_urlsafe(16),
        talk=talk,
        sections=sections,
        suggestions=suggestions,
        trouble=trouble,
        playable=helpdesk.startswith(PLAYED),
    )


async def _suggestions(session: AsyncSession, project: Project, talk: TalkView, helpdesk: str) -> tuple[str, ...]:
    return () if talk.items else await suggested_questions(session, project, helpdesk)
