"""The demo's past: conversations of the last eight weeks, written by us, brought in as an import would bring them."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any

from sqlalchemy import select

from ouvidor.accounts.audit import SYSTEM
from ouvidor.accounts.models import Project
from ouvidor.conversations.imported import ConversationRow, Told
from ouvidor.conversations.imports import import_conversations
from ouvidor.conversations.models import Author, Conversation, Origin
from ouvidor.runtime import Runtime

EVENING = 22
"""The hour (UTC; 19 h in São Paulo) from which the rows count back, so that a “bom dia” is said in the morning."""


async def has_history(rt: Runtime, project: Project) -> bool:
    """Whether the project has any imported conversation."""
    own = (Conversation.project_id == project.id, Conversation.origin == Origin.IMPORTED)
    async with rt.db.read() as session:
        return (await session.execute(select(Conversation.id).where(*own).limit(1))).first() is not None


async def load_history(rt: Runtime, project: Project) -> None:
    """Bring in the company's past conversations, all or none."""
    evening = rt.clock().replace(hour=EVENING, minute=0, second=0, microsecond=0)
    until = evening if evening <= rt.clock() else evening - timedelta(days=1)
    await import_conversations(rt, project, [_row(talk, until) for talk in past_talks(project.name)], actor=SYSTEM)


def past_talks(company: str) -> Iterator[dict[str, Any]]:
    """The rows of the company's file: id, unit, days_ago, and turns of role, text and seconds after the one before."""
    text = (files("ouvidor.demo") / company / "history.jsonl").read_text("utf-8")
    yield from map(json.loads, text.splitlines())


def _row(talk: dict[str, Any], until: datetime) -> ConversationRow:
    at = until - timedelta(days=talk["days_ago"])
    said: list[Told] = []
    for turn in talk["turns"]:
        at += timedelta(seconds=turn["after"])
        said.append(Told(Author(turn["role"]), turn["text"], at))
    return ConversationRow(talk["id"], talk["id"], tuple(said), talk["unit"])
