"""Finding conversations by words of their messages, or by the id they have in the helpdesk."""

from uuid import UUID

from sqlalchemy import ColumnElement, Select, select, text

from ouvidor.conversations.models import Author, Conversation, Message

FOLDED = "translate(lower({}), 'áàâãäéèêëíìîïóòôõöúùûüçñ', 'aaaaaeeeeiiiiooooouuuucn')"
SAYS = (
    f"to_tsvector('simple', {FOLDED.format('message.content')})"
    f" @@ websearch_to_tsquery('simple', {FOLDED.format('cast(:q as text)')})"
)
"""The left side is word for word that of the index ix_message_words, which would not be used otherwise."""


def said_in(project_id: UUID, q: str) -> Select[UUID]:
    """Ids of the project's conversations in which customer, bot or person said this; notices are nobody's words."""
    own = (Message.project_id == project_id, Message.author != Author.SYSTEM)
    return select(Message.conversation_id).where(*own, text(SAYS).bindparams(q=q))


def named_like(q: str) -> ColumnElement[bool]:
    """Whether the conversation's helpdesk id is this or begins so."""
    return Conversation.helpdesk_id.startswith(q, autoescape=True)
