"""Projects, keys and sections for tests, made through the product's own deeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from ouvidor.accounts.keys import issue_key
from ouvidor.accounts.models import Project
from ouvidor.accounts.permissions import KEY_SCOPES
from ouvidor.accounts.projects import create_project
from ouvidor.accounts.rules import Mode
from ouvidor.analysis.models import Analysis
from ouvidor.conversations.models import Conversation, Message
from ouvidor.db import new_id
from ouvidor.knowledge.ingest import section_input
from ouvidor.knowledge.store import ImportReport, import_sections
from ouvidor.runtime import Runtime

HOTEL = (
    {
        "id": "breakfast",
        "question": "What time is breakfast?",
        "answer": "Breakfast is served from 6:30 to 10:00, on Sundays until 11:00.",
        "phrasings": ["when can I have breakfast", "breakfast hours"],
    },
    {
        "id": "pets",
        "question": "Do you accept pets?",
        "answer": "Dogs and cats up to 10 kg are welcome for 20 dollars a night.",
        "phrasings": ["can I bring my dog"],
    },
    {
        "id": "parking",
        "question": "Is there parking?",
        "answer": "The garage has 80 places and costs 15 dollars a day.",
        "phrasings": ["where can I leave my car"],
    },
    {
        "id": "double-charge",
        "question": "I was charged twice for my stay. What now?",
        "answer": "Keep both receipts. A specialist of the billing team checks the double charge within two days.",
        "type": "N2",
        "phrasings": ["double charge on my card"],
    },
    {
        "id": "pool",
        "question": "When is the pool open?",
        "answer": "The pool is open from 8:00 to 22:00; children need company.",
        "phrasings": ["pool hours"],
    },
)


@dataclass(frozen=True)
class Tenant:
    """A project and a key of it that may do everything."""

    project: Project
    key: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


@dataclass(frozen=True)
class Site:
    """The tenant that a test uses, and another that must see nothing of it."""

    own: Tenant
    other: Tenant


async def build_tenant(rt: Runtime, name: str, mode: Mode = Mode.BOTH, **rules: Any) -> Tenant:
    async with rt.db.begin() as session:
        project = await create_project(session, name, title=name.title(), now=rt.clock(), mode=mode)
        for rule, value in rules.items():
            setattr(project, rule, value)
        key = await issue_key(session, project, label="test", now=rt.clock(), scopes=KEY_SCOPES)
    return Tenant(project, key.text)


async def build_site(rt: Runtime) -> Site:
    site = Site(await build_tenant(rt, "seaside"), await build_tenant(rt, "elsewhere"))
    await add_sections(rt, site.own.project, HOTEL)
    return site


async def add_sections(rt: Runtime, project: Project, sections: Sequence[dict[str, Any]]) -> ImportReport:
    rows = [(number, section_input(row)) for number, row in enumerate(sections, start=1)]
    return await import_sections(rt, project, rows)


TALK = (
    ("customer", "How much is a double room on the 15th?"),
    ("bot", "Good afternoon! How many guests?"),
    ("customer", "Two. And is parking extra?"),
    ("bot", "A double room costs R$ 480."),
    ("customer", "You did not say what parking costs!"),
    ("bot", "Parking costs R$ 35 a day."),
)


async def build_talk(
    rt: Runtime,
    project: Project,
    helpdesk: str,
    *,
    at: datetime | None = None,
    said: Sequence[tuple[str, str]] = TALK,
    **columns: Any,
) -> UUID:
    """An imported conversation of a minute a message, whose first message came at `at`."""
    begun = at or rt.clock() - timedelta(days=1)
    told: dict[str, Any] = {"origin": "imported", "status": "closed", "unit": None, "messages": len(said)}
    ends = begun + timedelta(minutes=len(said))
    talk = Conversation(
        id=new_id(),
        project_id=project.id,
        helpdesk_id=helpdesk,
        created_at=begun,
        last_message_at=ends,
        **(told | columns),
    )
    async with rt.db.begin() as session:
        session.add(talk)
        await session.flush()
        for position, (author, content) in enumerate(said, start=1):
            session.add(
                Message(
                    project_id=project.id,
                    conversation_id=talk.id,
                    position=position,
                    role="USER" if author == "customer" else "AGENT",
                    author=author,
                    content=content,
                    created_at=begun + timedelta(minutes=position),
                )
            )
    return talk.id


async def build_analysis(
    rt: Runtime,
    project: Project,
    helpdesk: str,
    *,
    at: datetime | None = None,
    unit: str | None = None,
    faults: Sequence[str] = (),
    talk: UUID | None = None,
    said: Sequence[tuple[str, str]] = TALK,
    **columns: Any,
) -> UUID:
    """The analysis of a conversation, made with it unless `talk` names one; `columns` differ from the usual."""
    begun = at or rt.clock() - timedelta(days=1)
    talk = talk or await build_talk(rt, project, helpdesk, at=begun, unit=unit, said=said)
    usual: dict[str, Any] = {
        "covers": len(said),
        "version": "analysis 1",
        "model": "gpt-5-mini",
        "satisfaction": 7,
        "sentiment": "neutral",
        "resolved": "yes",
        "goal_reached": "unknown",
        "effort": 3,
        "language": "en",
        "topics": ["parking"],
        "fault_kinds": sorted(set(faults)),
        "faults": [{"kind": kind, "what": "What parking costs.", "at": [3, 4]} for kind in faults],
        "summary": [{"text": "The guest asked for a double room and parking, R$ 480 and R$ 35.", "at": [1, 4, 6]}],
        "improvements": [{"text": "Answer the question of message 3 at once.", "at": [4]}],
        "evidence": {"satisfaction": [5], "sentiment": [5], "resolved": [6], "goal": [6], "effort": [3, 5]},
        "confidence": 0.8,
        "handed_over": False,
        "input_tokens": 1000,
        "output_tokens": 200,
        "input_price": Decimal("0.25"),
        "output_price": Decimal(2),
        "cost": Decimal("0.00065"),
        "began_at": begun,
        "ended_at": begun + timedelta(minutes=6),
        "created_at": begun + timedelta(minutes=40),
    }
    analysis = Analysis(id=new_id(), project_id=project.id, conversation_id=talk, unit=unit, **(usual | columns))
    async with rt.db.begin() as session:
        session.add(analysis)
    return analysis.id
