"""The inbox: who waits for a person, the conversation one of them answers, and what can be done with it."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Header, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.access import Caller
from ouvidor.accounts.idempotency import KeyReused
from ouvidor.accounts.models import Project
from ouvidor.accounts.permissions import Permission
from ouvidor.accounts.presence import answering_members, note_presence, set_away
from ouvidor.conversations.desk import (
    LONGEST_REPLY,
    HeldByAnother,
    claim,
    close,
    pass_on,
    release,
    reopen,
    reply,
)
from ouvidor.conversations.inbox import inbox_counts
from ouvidor.conversations.read import ConversationFilter, UnknownConversation, list_conversations
from ouvidor.conversations.suggest import Suggestion, suggest
from ouvidor.errors import Conflict, OuvidorError
from ouvidor.problems import as_ouvidor_error
from ouvidor.runtime import Runtime, RuntimeDep
from ouvidor.web.answers import go_to, show, wants_page
from ouvidor.web.citations import MARK
from ouvidor.web.contexts.inbox import Colleague, Composer, DeskTrouble, InboxPage, Mode, SuggestionView, Tab
from ouvidor.web.contexts.talk import SourceView, TalkView
from ouvidor.web.frames import frame_of
from ouvidor.web.rows import conversation_rows
from ouvidor.web.sections import heading_of
from ouvidor.web.timeline import conversation_of, read_timeline
from ouvidor.web.visits import Member, member_with

LIST_LENGTH = 40

router = APIRouter(include_in_schema=False)

Reader = Annotated[Member, member_with(Permission.CONVERSATIONS_READ)]
Answerer = Annotated[Member, member_with(Permission.CONVERSATIONS_REPLY)]

Deed = Literal["claim", "take-over", "release", "close", "reopen"]


async def take_over(rt: Runtime, caller: Caller, conversation_id: UUID) -> object:
    """Claim, even from another person."""
    return await claim(rt, caller, conversation_id, take_over=True)


DEEDS: Mapping[Deed, Callable[[Runtime, Caller, UUID], Awaitable[object]]] = {
    "claim": claim,
    "take-over": take_over,
    "release": release,
    "close": close,
    "reopen": reopen,
}


TAKING: frozenset[Deed] = frozenset({"claim", "take-over", "reopen"})


@dataclass(frozen=True)
class Place:
    """Where in the inbox somebody is: the tab, the conversation chosen, one of its turns and sources laid open."""

    tab: Tab = "waiting"
    conversation: UUID | None = None
    turn: Annotated[int, Query(ge=0, le=1_000_000)] = 0
    source: Annotated[int, Query(ge=0, le=50)] = 0

    def address(self, project: Project) -> str:
        """The place without the turn."""
        chosen = {"conversation": self.conversation} if self.conversation else {}
        return f"/projects/{project.name}/inbox?{urlencode({'tab': self.tab, **chosen})}"


class DeskForm(BaseModel):
    """What every button sends: the tab to come back to."""

    tab: Tab = "waiting"


class ReplyForm(DeskForm):
    """What the composer sends; `key` marks a resend."""

    key: str = Field(min_length=1, max_length=255)
    text: str = Field(default="", max_length=LONGEST_REPLY)


class PassOnForm(DeskForm):
    """The colleague chosen."""

    to: UUID


class PresenceForm(DeskForm):
    """Whether the member takes conversations; `conversation` is the one that stands open."""

    away: Literal["", "yes"] = ""
    conversation: UUID | None = None


@router.get("/projects/{project}/inbox")
async def get_inbox(
    request: Request,
    rt: RuntimeDep,
    member: Reader,
    place: Annotated[Place, Depends(Place)],
    x_idle: Annotated[str, Header()] = "",
) -> Response:
    """The list of a tab, and the chosen conversation. Looking is a sign of life of those who may answer.

    It is none where the page fetches itself while nobody has touched it for long.
    """
    if member.may(Permission.CONVERSATIONS_REPLY) and not x_idle:
        async with rt.db.begin() as session:
            await note_presence(session, member.project.id, member.person.user.id, rt.clock())
    return show(request, await inbox_page(request, rt, member, place))


@router.post("/projects/{project}/inbox/presence")
async def post_presence(rt: RuntimeDep, member: Answerer, form: Annotated[PresenceForm, Form()]) -> Response:
    """The member takes no conversations for now, or does again."""
    async with rt.db.begin() as session:
        away = bool(form.away)
        await set_away(session, member.project.id, member.person.user.id, rt.clock(), away=away)
    return go_to(Place(form.tab, form.conversation).address(member.project))


@router.post("/projects/{project}/inbox/{conversation_id}/reply")
async def post_reply(
    request: Request, rt: RuntimeDep, member: Answerer, conversation_id: UUID, form: Annotated[ReplyForm, Form()]
) -> Response:
    """Say something to the customer; what cannot be sent comes back in the field with its resend mark."""
    place = Place(form.tab, conversation_id)
    try:
        await reply(rt, member.caller, conversation_id, form.text, key=form.key)
    except OuvidorError as error:
        key = new_key() if isinstance(error, KeyReused) else form.key
        return await _troubled(request, rt, member, place, error, Composer(key, form.text))
    return go_to(place.address(member.project))


@router.post("/projects/{project}/inbox/{conversation_id}/suggest")
async def post_suggest(
    request: Request, rt: RuntimeDep, member: Answerer, conversation_id: UUID, form: Annotated[ReplyForm, Form()]
) -> Response:
    """The page with a suggested reply in the field, below what stands there already."""
    place = Place(form.tab, conversation_id)
    try:
        found = await suggest(rt, member.caller, conversation_id)
    except Exception as error:
        if not wants_page(request):
            raise
        return await _troubled(request, rt, member, place, as_ouvidor_error(error), Composer(form.key, form.text))
    said = MARK.sub("", found.text).strip()
    text = "\n\n".join(part for part in (form.text.replace("\r\n", "\n").strip(), said) if part)
    composer = Composer(form.key, text, SuggestionView(said, _cited(found)))
    return show(request, await inbox_page(request, rt, member, place, composer=composer))


@router.post("/projects/{project}/inbox/{conversation_id}/pass-on")
async def post_pass_on(
    request: Request, rt: RuntimeDep, member: Answerer, conversation_id: UUID, form: Annotated[PassOnForm, Form()]
) -> Response:
    """A colleague answers from here on."""
    place = Place(form.tab, conversation_id)
    try:
        await pass_on(rt, member.caller, conversation_id, form.to)
    except OuvidorError as error:
        return await _troubled(request, rt, member, place, error, Composer(new_key()))
    return go_to(place.address(member.project))


@router.post("/projects/{project}/inbox/{conversation_id}/{deed}")
async def post_deed(
    request: Request,
    rt: RuntimeDep,
    member: Answerer,
    conversation_id: UUID,
    deed: Deed,
    form: Annotated[DeskForm, Form()],
) -> Response:
    """Take the conversation, take it from another, give it back to the bot, close or reopen it.

    Who takes one that waited goes on where it is listed now: among their own.
    """
    place = Place(form.tab, conversation_id)
    try:
        await DEEDS[deed](rt, member.caller, conversation_id)
    except OuvidorError as error:
        return await _troubled(request, rt, member, place, error, Composer(new_key()))
    if deed in TAKING and place.tab == "waiting":
        place = replace(place, tab="mine")
    return go_to(place.address(member.project))


def new_key() -> str:
    """The resend mark of a message not yet written."""
    return secrets.token_urlsafe(16)


async def _troubled(
    request: Request, rt: Runtime, member: Member, place: Place, error: OuvidorError, composer: Composer
) -> Response:
    """The page as it is now, with what went wrong and what was written."""
    if not wants_page(request) or isinstance(error, UnknownConversation):
        raise error
    page = await inbox_page(request, rt, member, place, composer=composer)
    trouble = DeskTrouble(
        kind="changed" if isinstance(error, Conflict) else "failed",
        status=error.status,
        detail=error.detail,
        request_id=getattr(request.state, "request_id", ""),
    )
    if isinstance(error, HeldByAnother) and page.talk and page.talk.holder:
        trouble = replace(trouble, kind="taken", name=page.talk.holder)
    return show(request, replace(page, trouble=trouble), error.status)


async def inbox_page(
    request: Request, rt: Runtime, member: Member, place: Place, *, composer: Composer | None = None
) -> InboxPage:
    """The inbox at this place, as it is now."""
    project, me = member.project, member.caller
    async with rt.db.read() as session:
        counts = await inbox_counts(session, project.id, me.id)
        listed = await list_conversations(session, project.id, _wanted(place.tab, me), after=None, limit=LIST_LENGTH)
        rows = await conversation_rows(
            session,
            project,
            listed.data,
            reader=me.id,
            address=lambda chosen: replace(place, conversation=chosen).address(project),
        )
        talk = await _talk(session, project, place)
        members = await answering_members(session, project.id, rt.clock())
    mode = _mode(me, talk)
    page = InboxPage(
        frame=frame_of(request, rt, member, "inbox"),
        tab=place.tab,
        waiting=counts.waiting,
        mine=counts.mine,
        open=counts.open,
        composer=composer or Composer(new_key()),
        rows=rows,
        talk=talk,
        mode=mode,
        away=any(found.away for found in members if found.user_id == me.id),
        colleagues=tuple(
            Colleague(found.name, found.there, found.away, str(found.user_id))
            for found in members
            if found.user_id != me.id
        ),
    )
    return replace(page, beyond=max(0, page.count(place.tab) - len(rows)) if listed.has_more else 0)


async def _talk(session: AsyncSession, project: Project, place: Place) -> TalkView | None:
    if place.conversation is None:
        return None
    conversation = await conversation_of(session, project, conversation_id=place.conversation)
    if conversation is None:
        raise UnknownConversation
    return await read_timeline(
        session, project, conversation, place.address(project), wanted=place.turn, source=place.source
    )


def _wanted(tab: Tab, me: Caller) -> ConversationFilter:
    if tab == "mine":
        return ConversationFilter(holder_id=me.id, order="longest_waiting")
    return ConversationFilter(status="waiting" if tab == "waiting" else "open", order="longest_waiting")


def _mode(me: Caller, talk: TalkView | None) -> Mode:
    """What this person may do with the chosen conversation."""
    if talk is None or talk.head is None or not me.may(Permission.CONVERSATIONS_REPLY):
        return "read"
    if talk.status == "closed":
        return "closed"
    if talk.status == "person":
        return "mine" if talk.head.holder_id == str(me.id) else "held"
    return "take"


def _cited(found: Suggestion) -> tuple[SourceView, ...]:
    """The sections that the suggestion rests on."""
    return tuple(
        SourceView(
            rank=rank + 1,
            section_id=str(section.section_id or ""),
            title=heading_of(section.heading, section.content),
            content=section.content,
            tier=section.tier,
            score=section.score,
            cited=True,
            relevant=section.score >= found.gate,
        )
        for rank, section in enumerate(found.sections)
        if section.cited
    )
