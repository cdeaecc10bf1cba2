"""A conversation as the chat page shows it: a window of its turns, and all that is kept of the selected one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import Project
from ouvidor.agent.policy import Move
from ouvidor.conversations.models import Conversation, Message, ShownSection, Turn, TurnState
from ouvidor.web.citations import ReplyPart, reply_parts
from ouvidor.web.contexts.talk import ConversationStatus, Outcome, SourceView, TurnView
from ouvidor.web.sections import heading_of

WINDOW = 50
STATUSES: tuple[ConversationStatus, ...] = ("bot", "waiting", "person", "closed")
OUTCOMES: dict[str, Outcome] = {
    TurnState.RUNNING: "running",
    TurnState.LOST: "lost",
    TurnState.FAILED: "failed",
    TurnState.SILENT: "silent",
    Move.ANSWER: "answer",
    Move.CLARIFY: "clarify",
    Move.HANDOVER: "handover",
}


@dataclass(frozen=True)
class Talk:
    """Part of a conversation: its turns in order, of which `last` is the number of the newest there is.

    `earlier` and `later` are turns to jump to outside the window, 0 where there is nothing.
    """

    status: ConversationStatus = "bot"
    turns: tuple[TurnView, ...] = ()
    selected: TurnView | None = None
    last: int = 0
    earlier: int = 0
    later: int = 0


async def read_talk(
    session: AsyncSession, project: Project, helpdesk: str, *, wanted: int = 0, message_id: UUID | None = None
) -> Talk:
    """The conversation of this helpdesk id; selected is turn `wanted`, else that of the message, else the newest."""
    mine = (Conversation.project_id == project.id, Conversation.helpdesk_id == helpdesk)
    conversation = (await session.execute(select(Conversation).where(*mine))).scalar_one_or_none()
    if conversation is None:
        return Talk()
    last = conversation.turns
    first = _first_shown(last, wanted)
    shown = (Turn.project_id == project.id, Turn.conversation_id == conversation.id, Turn.number >= first)
    rows = (await session.execute(select(Turn).where(*shown).order_by(Turn.number).limit(WINDOW))).scalars().all()
    views = await _views(session, project, rows)
    return Talk(
        status=next(status for status in STATUSES if status == conversation.status),
        turns=tuple(views),
        selected=await _selected(session, rows, views, wanted, message_id),
        last=last,
        earlier=first - 1,
        later=last if first + len(rows) <= last else 0,
    )


def _first_shown(last: int, wanted: int) -> int:
    newest = max(1, last - WINDOW + 1)
    return newest if not 1 <= wanted < newest else max(1, wanted - WINDOW // 2)


async def _views(session: AsyncSession, project: Project, rows: Sequence[Turn]) -> list[TurnView]:
    ids = [row.id for row in rows]
    said = (Message.project_id == project.id, Message.turn_id.in_(ids), Message.verified)
    query = select(Message).where(*said).order_by(Message.position)
    messages: dict[UUID, list[Message]] = {row.id: [] for row in rows}
    for message in (await session.execute(query)).scalars():
        if message.turn_id is not None:
            messages[message.turn_id].append(message)
    columns = select(ShownSection.turn_id, ShownSection.rank, ShownSection.cited)
    shown = columns.where(ShownSection.project_id == project.id, ShownSection.turn_id.in_(ids))
    cited: dict[UUID, list[int]] = {row.id: [] for row in rows}
    retrieved = dict.fromkeys(ids, 0)
    for part in await session.execute(shown.order_by(ShownSection.rank)):
        retrieved[part.turn_id] += 1
        if part.cited:
            cited[part.turn_id].append(part.rank + 1)
    return [replace(_view(project, row, messages[row.id], cited[row.id]), retrieved=retrieved[row.id]) for row in rows]


def _view(project: Project, row: Turn, messages: Sequence[Message], cited: Sequence[int]) -> TurnView:
    reply = next((message for message in messages if message.role == "AGENT"), None)
    took = row.answered_at and (row.answered_at - row.started_at).total_seconds() * 1000
    return TurnView(
        number=row.number,
        at=row.started_at,
        said="\n".join(message.content for message in messages if message.role == "USER"),
        reply=_reply(reply.content, cited, row.move) if reply else (),
        outcome=OUTCOMES[row.move or row.state],
        reason=row.reason or "",
        clarifications=row.clarifications or 0,
        cap=project.max_clarifications,
        language=row.language or "",
        milliseconds=took,
        confidence=row.confidence,
        gate=row.gate,
        model=row.model or "",
        message_id=str(reply.id) if reply else "",
    )


def _reply(text: str, cited: Sequence[int], move: str | None) -> tuple[ReplyPart, ...]:
    """Where the transfer phrase follows an answer, the citations stand before it."""
    answer, gap, transfer = text.rpartition("\n\n")
    if move == Move.HANDOVER and gap:
        return (*reply_parts(answer, cited), ReplyPart(text=gap + transfer))
    return reply_parts(text, () if move == Move.HANDOVER else cited)


async def _selected(
    session: AsyncSession, rows: Sequence[Turn], views: Sequence[TurnView], wanted: int, message_id: UUID | None
) -> TurnView | None:
    if not rows:
        return None
    by_message = (index for index, view in enumerate(views) if message_id and view.message_id == str(message_id))
    by_number = (index for index, view in enumerate(views) if view.number == wanted)
    index = next(by_number, next(by_message, len(rows) - 1))
    of_it = (ShownSection.project_id == rows[index].project_id, ShownSection.turn_id == rows[index].id)
    query = select(ShownSection).where(*of_it).order_by(ShownSection.rank)
    gate = rows[index].gate or 0.0
    sources = tuple(_source(section, gate) for section in (await session.execute(query)).scalars())
    return replace(views[index], sources=sources)


def _source(section: ShownSection, gate: float) -> SourceView:
    return SourceView(
        rank=section.rank + 1,
        section_id=str(section.section_id or ""),
        title=heading_of(section.heading, section.content),
        content=section.content,
        tier=section.tier,
        score=section.score,
        cited=section.cited,
        relevant=section.score >= gate,
    )
