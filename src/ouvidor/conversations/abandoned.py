"""Conversations whose person has left: the queue has them again, and the customer is told."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, and_, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import SYSTEM, Subject, note
from ouvidor.accounts.models import ApiKey, Membership, Project
from ouvidor.accounts.permissions import ANSWERING_ROLES, Permission
from ouvidor.accounts.presence import THERE_FOR
from ouvidor.agent.answer import transfer_phrase
from ouvidor.conversations.models import Conversation, Status
from ouvidor.conversations.speak import add_notice, announce_change
from ouvidor.runtime import Runtime


async def return_abandoned(rt: Runtime) -> int:
    """Put held conversations back into the queue where the customer waits for somebody who will not answer.

    That is who may answer no more, at once; and who is not there (see `ouvidor.accounts.presence`; API keys never are)
    once the customer has waited for the project's `hold_minutes`.

    Returns:
        How many were put back.
    """
    now = rt.clock()
    async with rt.db.read() as session:
        found = (await session.execute(_abandoned(now))).scalars().all()
    returned = 0
    for conversation_id in found:
        async with rt.db.begin() as session:
            returned += await _return(session, conversation_id, now)
    return returned


def _abandoned(now: datetime) -> Select[UUID]:
    member = (
        Membership.project_id == Conversation.project_id,
        Membership.user_id == Conversation.holder_id,
        Membership.role.in_(ANSWERING_ROLES),
    )
    key = (
        ApiKey.project_id == Conversation.project_id,
        ApiKey.id == Conversation.holder_id,
        ApiKey.scopes.contains([Permission.CONVERSATIONS_REPLY]),
        ApiKey.revoked_at.is_(None),
        or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > now),
    )
    there = exists().where(*member, ~Membership.away, Membership.seen_at > now - THERE_FOR)
    patience = func.make_interval(0, 0, 0, 0, 0, Project.hold_minutes)
    too_long = and_(Conversation.waiting_since <= now - patience, ~there)
    gone = and_(Conversation.waiting_since.is_not(None), ~exists().where(*member), ~exists().where(*key))
    return (
        select(Conversation.id)
        .join(Project, Project.id == Conversation.project_id)
        .where(Conversation.status == Status.PERSON, or_(too_long, gone))
        .order_by(Conversation.waiting_since)
    )


async def _return(session: AsyncSession, conversation_id: UUID, now: datetime) -> bool:
    """Whether the conversation was still abandoned when it was ours to change."""
    query = _abandoned(now).where(Conversation.id == conversation_id).with_for_update(of=Conversation)
    if (await session.execute(query)).scalar_one_or_none() is None:
        return False
    row = select(Conversation, Project).join(Project, Project.id == Conversation.project_id)
    conversation, project = (await session.execute(row.where(Conversation.id == conversation_id))).one()
    conversation.status = Status.WAITING
    conversation.holder_id = conversation.holder_name = None
    add_notice(session, project, conversation, await transfer_phrase(session, project, now), now)
    subject = Subject("conversation", conversation_id)
    await note(session, SYSTEM, "conversation.returned_to_queue", at=now, project_id=project.id, subject=subject)
    await announce_change(session, conversation, "message")
    await announce_change(session, conversation, "status")
    return True
