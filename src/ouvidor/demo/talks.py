"""The demo's conversations: played through the product's own deeds at moments of the last days, once."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from ouvidor.accounts.access import Caller
from ouvidor.accounts.audit import Actor
from ouvidor.accounts.models import Project
from ouvidor.accounts.permissions import PERMISSIONS, Role
from ouvidor.conversations.complete import Ask, complete
from ouvidor.conversations.desk import claim, close, reply
from ouvidor.conversations.history import Line
from ouvidor.conversations.models import Conversation, Origin
from ouvidor.runtime import Runtime

PAUSE = timedelta(seconds=50)


@dataclass
class Past:
    """A clock that starts in the past and is moved on between messages."""

    now: datetime

    def __call__(self) -> datetime:
        """The moment of the message that is being played."""
        return self.now


async def has_talks(rt: Runtime, project: Project) -> bool:
    """Whether the project has any conversation that was held here."""
    async with rt.db.read() as session:
        query = (
            select(func.count())
            .select_from(Conversation)
            .where(Conversation.project_id == project.id, Conversation.origin == Origin.LIVE)
        )
        return bool((await session.execute(query)).scalar_one())


async def play_talks(rt: Runtime, project: Project, agent: Actor) -> None:
    """Play the company's conversations, the oldest first. Its persons speak as `agent`."""
    caller = Caller(project, agent, PERMISSIONS[Role.AGENT])
    for talk in _talks(project.name):
        past = Past(rt.clock() - timedelta(hours=talk["hours_ago"]))
        await _play(replace(rt, clock=past), past, caller, talk)


def _talks(company: str) -> Iterator[dict[str, Any]]:
    text = (files("ouvidor.demo") / company / "conversations.jsonl").read_text("utf-8")
    yield from sorted(map(json.loads, text.splitlines()), key=lambda talk: -talk["hours_ago"])


async def _play(rt: Runtime, past: Past, caller: Caller, talk: dict[str, Any]) -> None:
    conversation_id: UUID | None = None
    for said in talk["said"]:
        past.now += PAUSE
        if "customer" in said:
            ask = Ask(talk["id"], (Line("USER", said["customer"]),), customer_id=talk["customer"])
            conversation_id = (await complete(rt, caller.project, ask)).conversationId
        elif conversation_id is not None:
            await claim(rt, caller, conversation_id)
            past.now += PAUSE
            await reply(rt, caller, conversation_id, said["person"])
    if talk.get("closed") and conversation_id is not None:
        past.now += PAUSE
        await close(rt, caller, conversation_id)
