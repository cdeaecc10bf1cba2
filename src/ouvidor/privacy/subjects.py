"""Whose data: one conversation, or every conversation and every comment of one customer."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, and_, false, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.conversations.models import Conversation
from ouvidor.errors import NotFound
from ouvidor.privacy.purge_comments import count_written_by

Kind = Literal["conversation", "customer"]
KINDS: tuple[Kind, ...] = ("conversation", "customer")


class NothingKept(NotFound):
    """Nothing is kept of a customer with that id; it may have been erased before."""


@dataclass(frozen=True)
class Kept:
    """How much is kept of somebody."""

    conversations: int
    messages: int
    comments: int = 0


def canonical(kind: Kind, subject: str) -> str:
    """The one spelling of an id: a conversation's as UUIDs are written, a customer's as it is."""
    conversation_id = _as_id(subject) if kind == "conversation" else None
    return subject if conversation_id is None else str(conversation_id)


def belongs_to(project_id: UUID, kind: Kind, subject: str) -> ColumnElement[bool]:
    """Which conversations are meant; a customer's are those of their customer id and of their helpdesk id."""
    own = Conversation.project_id == project_id
    if kind == "customer":
        return and_(own, or_(Conversation.customer_id == subject, Conversation.helpdesk_id == subject))
    conversation_id = _as_id(subject)
    return false() if conversation_id is None else and_(own, Conversation.id == conversation_id)


async def kept_of(session: AsyncSession, project_id: UUID, kind: Kind, subject: str) -> Kept:
    """How much the project keeps of this conversation or customer.

    Raises:
        NothingKept: nothing.
    """
    query = select(func.count(), func.coalesce(func.sum(Conversation.messages), 0)).select_from(Conversation)
    conversations, messages = (await session.execute(query.where(belongs_to(project_id, kind, subject)))).one()
    comments = await count_written_by(session, project_id, subject) if kind == "customer" else 0
    if not conversations and not comments:
        raise NothingKept("This project has no conversation with that id." if kind == "conversation" else None)
    return Kept(conversations, messages, comments)


def digest_of(secret: bytes, project_id: UUID, kind: Kind, subject: str) -> bytes:
    """HMAC-SHA256 of project, kind and id with the installation's secret: tells nothing to who does not know the id."""
    told = f"ouvidor.erasure\0{project_id}\0{kind}\0{canonical(kind, subject)}"
    return hmac.digest(secret, told.encode(), hashlib.sha256)


def _as_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
