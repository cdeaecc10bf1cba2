"""The demo companies: written by us, loaded once, with a login and keys that are random per installation."""

import json
import secrets
from dataclasses import asdict, dataclass
from importlib.resources import as_file, files
from pathlib import Path

from sqlalchemy import select

from ouvidor.accounts.keys import issue_key
from ouvidor.accounts.models import Project
from ouvidor.accounts.projects import create_project
from ouvidor.accounts.users import create_user, join_project
from ouvidor.knowledge.ingest import read_sections
from ouvidor.knowledge.store import import_sections
from ouvidor.runtime import Runtime


@dataclass(frozen=True)
class Company:
    """A demo company: its project's name, its title, and how its bot presents itself."""

    name: str
    title: str
    persona: str
    languages: tuple[str, ...]
    question: str


COMPANIES = (
    Company(
        "ventara",
        "Ventara Motors",
        "the assistant of Ventara Motors",
        ("en", "pt"),
        "How long does it take to charge a Trek at home?",
    ),
    Company(
        "maresia",
        "Rede Maresia de hotéis",
        "o assistente da Rede Maresia",
        ("pt", "en"),
        "Posso levar meu cachorro?",
    ),
)
USERNAME = "demo"


@dataclass(frozen=True)
class DemoAccess:
    """How to enter the demo: a login for the pages, and an API key for each company."""

    username: str
    password: str
    keys: dict[str, str]


async def load_demo(rt: Runtime) -> DemoAccess:
    """Load the companies that are missing; what a second run finds unchanged stays as it is.

    The login and the keys are kept in the data folder (0600) so that each start can show them.
    """
    access = _remembered(rt)
    fresh = access is None or not await _all_there(rt)
    if fresh:
        access = await _create(rt)
        _remember(rt, access)
    assert access is not None
    for company in COMPANIES:
        async with rt.db.read() as session:
            project = (await session.execute(select(Project).where(Project.name == company.name))).scalar_one()
        with as_file(files("ouvidor.demo") / company.name / "knowledge.jsonl") as path:
            await import_sections(rt, project, read_sections(path))
    return access


async def _all_there(rt: Runtime) -> bool:
    async with rt.db.read() as session:
        names = set((await session.execute(select(Project.name).where(Project.demo))).scalars())
    return names == {company.name for company in COMPANIES}


async def _create(rt: Runtime) -> DemoAccess:
    now, password = rt.clock(), secrets.token_urlsafe(9)
    keys: dict[str, str] = {}
    async with rt.db.begin() as session:
        user = await create_user(session, USERNAME, password, now=now, demo=True)
        for company in COMPANIES:
            project = await create_project(
                session, company.name, title=company.title, now=now, persona=company.persona, demo=True
            )
            project.languages = list(company.languages)
            await join_project(session, user.id, project.id)
            keys[company.name] = (await issue_key(session, project, label="demo", now=now, demo=True)).text
    return DemoAccess(USERNAME, password, keys)


def _path(rt: Runtime) -> Path:
    return rt.settings.data_dir / "demo-access.json"


def _remembered(rt: Runtime) -> DemoAccess | None:
    try:
        return DemoAccess(**json.loads(_path(rt).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _remember(rt: Runtime, access: DemoAccess) -> None:
    path = _path(rt)
    path.touch(mode=0o600)
    path.write_text(json.dumps(asdict(access)))
