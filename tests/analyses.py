"""Conversations to be analysed, and verdicts of scripted models, for the tests of the analysis."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select

from ouvidor.accounts.models import Project
from ouvidor.analysis.models import Analysis, AnalysisItem, AnalysisMonth
from ouvidor.conversations.models import Conversation, Message
from ouvidor.db import new_id
from ouvidor.runtime import Runtime

TALK = (
    ("customer", "Olá, quero reservar um quarto para 12 de março."),
    ("bot", "A diária custa R$ 340. Posso reservar?"),
    ("customer", "Sim, obrigada!"),
    ("bot", "Reservado, Sra. Souza. Até lá!"),
)


def verdict(**changed: Any) -> dict[str, Any]:
    """What a model that behaves says."""
    return {
        "satisfaction": 8,
        "sentiment": "positive",
        "resolved": "yes",
        "goal_reached": "yes",
        "effort": 2,
        "language": "pt",
        "topics": ["reserva"],
        "summary": [{"text": "A cliente reservou um quarto.", "at": [1, 4]}],
        "improvements": [{"text": "Confirmar a data.", "at": [2, 99]}],
        "faults": [],
        "evidence": {"satisfaction": [3], "sentiment": [3], "resolved": [4], "goal": [4], "effort": []},
        "confidence": 0.8,
        **changed,
    }


async def add_talks(
    rt: Runtime,
    project: Project,
    count: int = 1,
    *,
    lines: Sequence[tuple[str, str]] = TALK,
    minutes_ago: float = 60,
    **changed: Any,
) -> list[UUID]:
    """So many conversations, each of these lines, silent since then; by default imported, and so due at once."""
    at = rt.clock() - timedelta(minutes=minutes_ago)
    ids = [new_id() for _ in range(count)]
    known = {"origin": "imported", "status": "closed", "created_at": at, "last_message_at": at} | changed
    talks = [
        {"id": one, "project_id": project.id, "helpdesk_id": f"h-{one}", "messages": len(lines), **known} for one in ids
    ]
    messages = [
        {
            "id": new_id(),
            "project_id": project.id,
            "conversation_id": one,
            "position": position,
            "role": "USER" if author == "customer" else "AGENT",
            "author": author,
            "content": content,
            "created_at": at,
        }
        for one in ids
        for position, (author, content) in enumerate(lines, start=1)
    ]
    async with rt.db.begin() as session:
        await session.execute(insert(Conversation), talks)
        if messages:
            await session.execute(insert(Message), messages)
    return ids


async def grow(rt: Runtime, talk_id: UUID, author: str = "customer", content: str = "Mais uma coisa…") -> None:
    """One more message."""
    async with rt.db.begin() as session:
        talk = await session.get_one(Conversation, talk_id)
        talk.messages += 1
        talk.last_message_at = rt.clock()
        session.add(
            Message(
                project_id=talk.project_id,
                conversation_id=talk_id,
                position=talk.messages,
                role="USER" if author == "customer" else "AGENT",
                author=author,
                content=content,
                created_at=rt.clock(),
            )
        )


async def analyses(rt: Runtime, project: Project) -> list[Analysis]:
    async with rt.db.read() as session:
        query = select(Analysis).where(Analysis.project_id == project.id).order_by(Analysis.created_at, Analysis.id)
        return list((await session.execute(query)).scalars())


async def items(rt: Runtime, project: Project) -> list[AnalysisItem]:
    async with rt.db.read() as session:
        query = select(AnalysisItem).where(AnalysisItem.project_id == project.id).order_by(AnalysisItem.conversation_id)
        return list((await session.execute(query)).scalars())


async def month(rt: Runtime, project: Project) -> AnalysisMonth | None:
    async with rt.db.read() as session:
        query = select(AnalysisMonth).where(AnalysisMonth.project_id == project.id)
        return (await session.execute(query)).scalar_one_or_none()
