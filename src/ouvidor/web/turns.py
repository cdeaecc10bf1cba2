"""The turns of a conversation as the pages show them, and all that is kept of the selected one."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.models import Project
from ouvidor.agent.policy import Move
from ouvidor.conversations.models import Author, Conversation, Message, ShownSection, Turn, TurnState
from ouvidor.monitoring.of_turn import calls_of_turn
from ouvidor.web.citations import ReplyPart, reply_parts
from ouvidor.web.contexts.talk import FindingView, Outcome, SourceView, TurnView
from ouvidor.web.sections import heading_of

WINDOW = 50
OUTCOMES: dict[str, Outcome] = {
    TurnState.RUNNING: "running",
    TurnState.LOST: "lost",
    TurnState.FAILED: "failed",
    TurnState.SILENT: "silent",
    Move.ANSWER: "answer",
    Move.CLARIFY: "clarify",
    Move.HANDOVER: "handover",
}


async def window_of_turns(session: AsyncSession, conversation: Conversation, wanted: int) -> Sequence[Turn]:
    """Up to `WINDOW` turns in order: the newest, or those round turn `wanted` where that is older."""
    newest = max(1, conversation.turns - WINDOW + 1)
    first = newest if not 1 <= wanted < newest else max(1, wanted - WINDOW // 2)
    own = (Turn.project_id == conversation.project_id, Turn.conversation_id == conversation.id)
    query = select(Turn).where(*own, Turn.number >= first).order_by(Turn.number).limit(WINDOW)
    return (await session.execute(query)).scalars().all()


async def turn_views(session: AsyncSession, project: Project, rows: Sequence[Turn]) -> list[TurnView]:
    """These turns of the project with their messages, without their sources."""
    ids = [row.id for row in rows]
    messages = await _messages(session, project, ids)
    columns = select(ShownSection.turn_id, ShownSection.rank, ShownSection.cited)
    shown = columns.where(ShownSection.project_id == project.id, ShownSection.turn_id.in_(ids))
    cited: dict[UUID, list[int]] = {row.id: [] for row in rows}
    retrieved = dict.fromkeys(ids, 0)
    for part in await session.execute(shown.order_by(ShownSection.rank)):
        retrieved[part.turn_id] += 1
        if part.cited:
            cited[part.turn_id].append(part.rank + 1)
    views = (replace(_view(project, row, messages[row.id], cited[row.id]), retrieved=retrieved[row.id]) for row in rows)
    return _mark_episodes(list(views))


async def _messages(session: AsyncSession, project: Project, turns: Sequence[UUID]) -> dict[UUID, list[Message]]:
    """What customer and bot said in each turn; persons and notices stand by themselves."""
    of_turns = (Message.project_id == project.id, Message.turn_id.in_(turns), Message.verified)
    talking = Message.author.in_((Author.CUSTOMER, Author.BOT))
    query = select(Message).where(*of_turns, talking).order_by(Message.position)
    messages: dict[UUID, list[Message]] = {turn: [] for turn in turns}
    for message in (await session.execute(query)).scalars():
        if message.turn_id is not None:
            messages[message.turn_id].append(message)
    return messages


def _mark_episodes(views: Sequence[TurnView]) -> list[TurnView]:
    """Mark each turn that follows one of another episode; a turn without messages stands where the last one stood."""
    marked: list[TurnView] = []
    for view in views:
        before = marked[-1] if marked else view
        place = view.position or before.position
        marked.append(replace(view, position=place, opens_episode=view.episode != before.episode))
    return marked


def _view(project: Project, row: Turn, messages: Sequence[Message], cited: Sequence[int]) -> TurnView:
    reply = next((message for message in messages if message.author == Author.BOT), None)
    took = row.answered_at and (row.answered_at - row.started_at).total_seconds() * 1000
    return TurnView(
        number=row.number,
        at=row.started_at,
        said="\n".join(message.content for message in messages if message.author == Author.CUSTOMER),
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
        position=messages[0].position if messages else 0,
        episode=row.episode,
        prompt=row.prompt_label or "",
        searched_for=row.searched_for or "",
        withheld=row.withheld or "",
        findings=tuple(FindingView(finding.get("kind", ""), finding.get("what", "")) for finding in row.findings),
        degraded=row.degraded or "",
    )


def _reply(text: str, cited: Sequence[int], move: str | None) -> tuple[ReplyPart, ...]:
    """Where the transfer phrase follows an answer, the citations stand before it."""
    answer, gap, transfer = text.rpartition("\n\n")
    if move == Move.HANDOVER and gap:
        return (*reply_parts(answer, cited), ReplyPart(text=gap + transfer))
    return reply_parts(text, () if move == Move.HANDOVER else cited)


async def selected_turn(
    session: AsyncSession, rows: Sequence[Turn], views: Sequence[TurnView], wanted: int, message_id: UUID | None
) -> TurnView | None:
    """Turn `wanted` with its sources, else that of the message, else the newest on which the bot was not silent."""
    if not rows:
        return None
    spoken = (index for index in range(len(views) - 1, -1, -1) if views[index].outcome != "silent")
    by_message = (index for index, view in enumerate(views) if message_id and view.message_id == str(message_id))
    by_number = (index for index, view in enumerate(views) if view.number == wanted)
    index = next(by_number, next(by_message, next(spoken, len(rows) - 1)))
    of_it = (ShownSection.project_id == rows[index].project_id, ShownSection.turn_id == rows[index].id)
    query = select(ShownSection).where(*of_it).order_by(ShownSection.rank)
    gate = rows[index].gate or 0.0
    sources = tuple(_source(section, gate) for section in (await session.execute(query)).scalars())
    calls = await calls_of_turn(session, rows[index].project_id, rows[index].id)
    return replace(views[index], sources=sources, calls=calls)


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
