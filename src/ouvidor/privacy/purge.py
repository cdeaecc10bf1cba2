"""What goes when conversations go: every row of ours that holds a word of them or names them."""

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CursorResult, Executable, delete, or_, select, text, update
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.conversations.models import Conversation, Message, ShownSection, Turn
from ouvidor.live import MISSED, Change, announce
from ouvidor.monitoring.models import EngineCall
from ouvidor.privacy.counts import ErasedCounts
from ouvidor.privacy.models import DataExport

CHUNK = 200
TOLD_ONE_BY_ONE = 50
UUID_PATTERN = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

STORED_ANSWERS = text(
    """
    delete from idempotency_key as kept where project_id = :project_id and (
        subject_id = any(:ids) or exists (
            select from regexp_matches(kept.answer::text, :pattern, 'g') as found where found[1]::uuid = any(:ids)))
    """
)
"""Answers kept for resends: those about one of the ids, and those that mention one."""

JOBS = text(
    """
    delete from jobs.procrastinate_jobs as job where status <> 'doing' and exists (
        select from regexp_matches(concat_ws(' ', args::text, lock, queueing_lock), :pattern, 'g') as found
        where found[1]::uuid = any(:ids))
    """
)
"""Jobs that wait or are over and name one of the ids."""


async def purge(session: AsyncSession, project_id: UUID, conversation_ids: Sequence[UUID]) -> ErasedCounts:
    """Delete these conversations of the project, all that hangs on them, and every copy; tell who is looking on.

    A turn or a message that is being written first is waited for and goes as well.
    """
    locked = (
        select(Conversation.id, Conversation.helpdesk_id, Conversation.customer_id)
        .where(Conversation.project_id == project_id, Conversation.id.in_(conversation_ids))
        .order_by(Conversation.id)
        .with_for_update()
    )
    rows = (await session.execute(locked)).all()
    if not rows:
        return ErasedCounts()
    ids = [row.id for row in rows]
    turns = list((await session.execute(select(Turn.id).where(Turn.conversation_id.in_(ids)))).scalars())
    messages = list((await session.execute(select(Message.id).where(Message.conversation_id.in_(ids)))).scalars())
    names = {row.helpdesk_id for row in rows} | {row.customer_id for row in rows if row.customer_id is not None}
    exports = await _remove_exports(session, project_id, ids, names)
    about = {"ids": [*ids, *turns, *messages, *exports], "pattern": UUID_PATTERN}
    answers = await _gone(session, STORED_ANSWERS, project_id=project_id, **about)
    jobs = await _gone(session, JOBS, **about)
    calls = await _strip_calls(session, project_id, ids, turns)
    sections = await _gone(session, delete(ShownSection).where(ShownSection.turn_id.in_(turns)))
    for table in (Message, Turn):
        await _gone(session, delete(table).where(table.conversation_id.in_(ids)))
    await _gone(session, delete(Conversation).where(Conversation.id.in_(ids)))
    await _tell(session, project_id, ids)
    return ErasedCounts(
        conversations=len(ids),
        messages=len(messages),
        turns=len(turns),
        sections=sections,
        answers=answers,
        exports=len(exports),
        jobs=jobs,
        calls=calls,
    )


async def _gone(session: AsyncSession, deletion: Executable, **values: Any) -> int:
    """How many rows this deletes or changes; objects that the session has read stay as they are."""
    options = {"synchronize_session": False}
    result = await session.execute(deletion, values, execution_options=options)
    return cast("CursorResult[Any]", result).rowcount


async def _remove_exports(session: AsyncSession, project_id: UUID, ids: list[UUID], names: set[str]) -> list[UUID]:
    """Exports that hold one of the conversations, or are of a customer who had one."""
    query = delete(DataExport).where(
        DataExport.project_id == project_id,
        or_(
            DataExport.conversation_ids.overlap(array(ids)),
            (DataExport.kind == "conversation") & DataExport.subject.in_([str(one) for one in ids]),
            (DataExport.kind == "customer") & DataExport.subject.in_(names),
        ),
    )
    return list((await session.execute(query.returning(DataExport.id))).scalars())


async def _strip_calls(session: AsyncSession, project_id: UUID, ids: list[UUID], turns: list[UUID]) -> int:
    """Take words and names from the records of engine calls; those still on their way find no conversation any more."""
    about = or_(EngineCall.conversation_id.in_(ids), EngineCall.turn_id.in_(turns))
    nothing = {"conversation_id": None, "turn_id": None, "prompt": None, "answer": None}
    return await _gone(session, update(EngineCall).where(EngineCall.project_id == project_id, about).values(nothing))


async def _tell(session: AsyncSession, project_id: UUID, ids: list[UUID]) -> None:
    """Announce what is gone; where it is much, that all is to be read anew."""
    changes = [Change("erased", one) for one in ids] if len(ids) <= TOLD_ONE_BY_ONE else [MISSED]
    for change in changes:
        await announce(session, project_id, change)
