"""The SQL of a turn: what opens it and what closes it is read in one statement and written in one.

A session's unit of work would send the same rows in five statements of its own making, at several times the cost.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.agent.answer import Reply
from ouvidor.conversations.models import Conversation, Message, Turn
from ouvidor.db import driver_of, new_id
from ouvidor.live import CHANNEL, Change, payload

COLUMNS = ", ".join(f"conversation.{column.name}" for column in Conversation.__table__.columns)

# Nothing comes back where there is one already, also if it was begun at this moment.
BEGIN = f"""
insert into conversation (id, project_id, origin, helpdesk_id, status, episode, clarifications, messages, turns,
                          created_at, last_message_at)
values (%(id)s, %(project)s, 'live', %(helpdesk)s, 'bot', 1, 0, 0, 0, %(now)s, %(now)s)
on conflict do nothing returning {COLUMNS}
"""  # noqa: S608 - our own names

NAMED = f"""
select {COLUMNS} from conversation
where project_id = %(project)s and origin = 'live' and helpdesk_id = %(helpdesk)s for update
"""  # noqa: S608 - our own names

# Both rows are locked, the conversation first: what is read of the turn must be as new as the lock.
OF_TURN = f"""
select {COLUMNS}, turn.state as turn_state, turn.started_at as turn_started_at
from conversation join turn on turn.conversation_id = conversation.id
where turn.project_id = %(project)s and turn.id = %(turn)s for update
"""  # noqa: S608 - our own names

MOVED = """
moved as (
    update conversation
    set status = %(status)s, episode = %(episode)s, clarifications = %(clarifications)s, messages = %(messages)s,
        turns = %(turns)s, newest_turn_id = %(newest_turn_id)s, language = %(language)s, customer_id = %(customer_id)s,
        waiting_since = %(waiting_since)s, handover_reason = %(handover_reason)s, last_message_at = %(last_message_at)s
    where id = %(id)s
)"""

SAID = """
said as (
    insert into message (id, project_id, conversation_id, turn_id, position, role, author, content, verified,
                         created_at)
    select said.id, %(project_id)s, %(id)s, %(turn)s, position, role, author, content, verified, %(now)s
    from json_to_recordset(%(said)s) as said (id uuid, position int, role text, author text, content text,
                                              verified boolean)
)"""

TOLD = """
select pg_notify(%(channel)s, told) from unnest(%(told)s::text[]) as told
"""

OPEN = f"""
with {MOVED},
begun as (
    insert into turn (id, project_id, conversation_id, number, episode, state, findings, trimmed_messages,
                      trimmed_sections, started_at)
    values (%(turn)s, %(project_id)s, %(id)s, %(turns)s, %(episode)s, 'running', '[]', %(trimmed_messages)s, 0, %(now)s)
), {SAID} {TOLD}
"""  # noqa: S608 - our own names

CLOSE = f"""
with {MOVED}, {SAID},
answered as (
    update turn
    set state = 'answered', answered_at = %(now)s, move = %(move)s, reason = %(reason)s, language = %(language)s,
        confidence = %(confidence)s, gate = %(gate)s, clarifications = %(clarifications)s, model = %(model)s,
        prompt_version = %(prompt_version)s, prompt_label = %(prompt_label)s, searched_for = %(searched_for)s,
        withheld = %(withheld)s, findings = %(findings)s, degraded = %(degraded)s,
        trimmed_messages = trimmed_messages + %(messages_left_out)s, trimmed_sections = %(sections_left_out)s
    where id = %(turn)s
),
shown as (
    insert into shown_section (turn_id, rank, project_id, section_id, heading, content, tier, score, cited, tags)
    select %(turn)s, rank, %(project_id)s, section.id, heading, shown.content, shown.tier, score, cited, shown.tags
    from json_to_recordset(%(shown)s) as shown (rank int, section_id uuid, heading text, content text, tier text,
                                                score float8, cited boolean, tags text[])
         left join section on section.id = section_id
) {TOLD}
"""  # noqa: S608 - our own names


@dataclass(frozen=True)
class LockedTurn:
    """A turn's conversation, locked until the transaction ends, and how the turn stands.

    No session watches the conversation: what is changed of it is stored by `store_opened` and `store_closed`.
    """

    conversation: Conversation
    state: str
    started_at: datetime


async def begin_conversation(
    session: AsyncSession, project_id: UUID, helpdesk_id: str, now: datetime
) -> Conversation | None:
    """A new conversation, locked; None where there is one of this helpdesk id already."""
    values = {"id": new_id(), "project": project_id, "helpdesk": helpdesk_id, "now": now}
    row = await _run(session, BEGIN, values)
    return None if row is None else Conversation(**row)


async def lock_conversation(session: AsyncSession, project_id: UUID, helpdesk_id: str) -> Conversation | None:
    """The conversation of this helpdesk id, locked until the transaction ends; as of `LockedTurn` nobody watches it."""
    row = await _run(session, NAMED, {"project": project_id, "helpdesk": helpdesk_id})
    return None if row is None else Conversation(**row)


async def lock_turn(session: AsyncSession, project_id: UUID, turn_id: UUID) -> LockedTurn | None:
    """The turn with its conversation; None where they were erased."""
    row = await _run(session, OF_TURN, {"project": project_id, "turn": turn_id})
    if row is None:
        return None
    state, started_at = row.pop("turn_state"), row.pop("turn_started_at")
    return LockedTurn(Conversation(**row), state, started_at)


async def store_opened(
    session: AsyncSession, conversation: Conversation, turn: Turn, said: Sequence[Message], changes: Sequence[Change]
) -> None:
    """Write a new turn with its messages and what it changed of the conversation, and tell who listens."""
    values = {"turn": turn.id, "trimmed_messages": turn.trimmed_messages, "now": turn.started_at}
    await _run(session, OPEN, values | _moved(conversation) | _said(said) | _told(conversation, changes))


async def store_closed(
    session: AsyncSession,
    conversation: Conversation,
    turn_id: UUID,
    reply: Reply,
    said: Message,
    changes: Sequence[Change],
) -> None:
    """Write the reply to a turn with the sections it was shown, and tell who listens."""
    values = {"turn": turn_id, "now": said.created_at, "shown": _shown(reply)} | _replied(reply)
    await _run(session, CLOSE, values | _moved(conversation) | _said([said]) | _told(conversation, changes))


async def _run(session: AsyncSession, statement: str, values: Mapping[str, Any]) -> dict[str, Any] | None:
    """The first row, if the statement gives any."""
    async with driver_of(session).cursor(binary=True, row_factory=dict_row) as cursor:
        await cursor.execute(statement.encode(), values)
        return await cursor.fetchone()


def _moved(conversation: Conversation) -> dict[str, Any]:
    return {column.name: getattr(conversation, column.name) for column in Conversation.__table__.columns}


def _said(messages: Sequence[Message]) -> dict[str, str]:
    rows = [
        {
            "id": str(message.id),
            "position": message.position,
            "role": message.role,
            "author": message.author,
            "content": message.content,
            "verified": message.verified,
        }
        for message in messages
    ]
    return {"said": json.dumps(rows)}


def _told(conversation: Conversation, changes: Sequence[Change]) -> dict[str, Any]:
    return {"channel": CHANNEL, "told": [payload(conversation.project_id, change) for change in changes]}


def _replied(reply: Reply) -> dict[str, Any]:
    return {
        "move": reply.decision.move,
        "reason": reply.decision.reason,
        "confidence": reply.confidence,
        "gate": reply.gate,
        "model": reply.model,
        "prompt_version": reply.prompt_version,
        "prompt_label": reply.prompt_label or None,
        "searched_for": reply.searched_for,
        "withheld": reply.withheld,
        "findings": json.dumps([asdict(finding) for finding in reply.findings]),
        "degraded": reply.degraded,
        "messages_left_out": reply.messages_left_out,
        "sections_left_out": reply.sections_left_out,
    }


def _shown(reply: Reply) -> str:
    rows = [
        {
            "rank": rank,
            "section_id": str(section.id),
            "heading": section.heading,
            "content": section.content,
            "tier": section.tier,
            "score": section.score,
            "cited": rank in reply.cited,
            "tags": section.tags,
        }
        for rank, section in enumerate(reply.sections)
    ]
    return json.dumps(rows)
