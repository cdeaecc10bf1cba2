"""Projects, keys and sections for tests, made through the product's own deeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ouvidor.accounts.keys import issue_key
from ouvidor.accounts.models import Project
from ouvidor.accounts.permissions import KEY_SCOPES
from ouvidor.accounts.projects import create_project
from ouvidor.accounts.rules import Mode
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
