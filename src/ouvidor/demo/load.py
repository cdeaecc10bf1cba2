"""The demo companies: written by us, loaded once, with a login and keys that are random per installation."""

import json
import secrets
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from importlib.resources import as_file, files
from pathlib import Path

from sqlalchemy import select

from ouvidor.accounts.audit import SYSTEM, Actor
from ouvidor.accounts.keys import UnknownApiKey, holder_of, issue_key, revoke_demo_keys
from ouvidor.accounts.models import Project
from ouvidor.accounts.passwords import hash_password
from ouvidor.accounts.permissions import USUAL_SCOPES, Permission, Role
from ouvidor.accounts.projects import create_project, project_named
from ouvidor.accounts.users import actor_of, demo_user, join_project
from ouvidor.demo.comments import LABEL
from ouvidor.demo.comments_load import load_comments
from ouvidor.demo.history import has_history, load_history
from ouvidor.demo.talks import Past, has_talks, play_talks
from ouvidor.knowledge.index import index_knowledge
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
    goal: str


COMPANIES = (
    Company(
        "ventara",
        "Ventara Motors",
        "the assistant of Ventara Motors",
        ("en", "pt"),
        "How long does it take to charge a Trek at home?",
        "The matter was settled or an appointment was booked.",
    ),
    Company(
        "maresia",
        "Rede Maresia de hotéis",
        "o assistente da Rede Maresia",
        ("pt", "en"),
        "Posso levar meu cachorro?",
        "A reserva foi fechada.",
    ),
)
"""Those that answer customers from knowledge."""
RECORDS = Company(
    "aurora", LABEL, "o assistente do Selo Aurora", ("pt", "en"), "Quando sai o próximo álbum da Lia Serpa?", ""
)
"""A record label that is written to; it has comments and no knowledge."""
EVERY = (*COMPANIES, RECORDS)
USERNAME = "demo"
SCOPES = (*USUAL_SCOPES, Permission.ANALYSES_READ, Permission.COMMENTS_READ, Permission.COMMENTS_WRITE)
COLLEAGUE, COLLEAGUE_NAME = "ana.prado", "Ana Prado"
AGE = timedelta(days=58)
"""How long before its first start a company began: earlier than its first conversation."""


@dataclass(frozen=True)
class DemoAccess:
    """How to enter the demo: a login for the pages, and an API key for each company."""

    username: str
    password: str
    keys: dict[str, str]


async def load_demo(rt: Runtime) -> DemoAccess:
    """Load the companies that are missing, with conversations or comments; what a second run finds stays as it is.

    Vectors are waited for, so that the first answer is a good one. The login and the keys are kept in the data folder
    (0600) so that each start can show them. Where that file is gone, a new password and new keys take the place of the
    old ones.
    """
    access = _remembered(rt)
    if access is None or not await _in_force(rt, access):
        access = await _grant(rt)
        _remember(rt, access)
    for company in COMPANIES:
        async with rt.db.read() as session:
            project = await project_named(session, company.name)
        talked = await has_talks(rt, project)
        then = rt if talked else replace(rt, clock=Past(project.created_at))
        agent = await _colleague(then, project)
        with as_file(files("ouvidor.demo") / company.name / "knowledge.jsonl") as path:
            await import_sections(then, project, read_sections(path), actor=SYSTEM)
        await index_knowledge(rt, project.id)
        if not talked:
            await play_talks(rt, project, agent)
        if not await has_history(rt, project):
            await load_history(rt, project)
    async with rt.db.read() as session:
        records = await project_named(session, RECORDS.name)
    await load_comments(rt, records)
    return access


async def _colleague(rt: Runtime, project: Project) -> Actor:
    """The agent whom the demo's conversations are answered by; nobody knows a password of theirs."""
    now = rt.clock()
    unknown = await hash_password(secrets.token_urlsafe(24))
    async with rt.db.begin() as session:
        user = await demo_user(session, COLLEAGUE, unknown, now)
        user.name = COLLEAGUE_NAME
        await join_project(session, user.id, project.id, Role.AGENT, now)
    return actor_of(user)


async def _in_force(rt: Runtime, access: DemoAccess) -> bool:
    """Whether this database knows the keys; the data folder may have served another one."""
    try:
        async with rt.db.statements() as connection:
            for name, key in access.keys.items():
                if (await holder_of(connection, key, rt.clock())).project.name != name:
                    return False
    except UnknownApiKey:
        return False
    return access.keys.keys() == {company.name for company in EVERY}


async def _grant(rt: Runtime) -> DemoAccess:
    """Make what is missing of user and projects; password and keys are new in any case."""
    now, password = rt.clock(), secrets.token_urlsafe(9)
    keys: dict[str, str] = {}
    hashed = await hash_password(password)
    async with rt.db.begin() as session:
        user = await demo_user(session, USERNAME, hashed, now)
        user.operator = True
        for company in EVERY:
            project = (await session.execute(select(Project).where(Project.name == company.name))).scalar_one_or_none()
            since = now
            if project is None:
                since = now - AGE
                project = await create_project(
                    session,
                    company.name,
                    title=company.title,
                    now=since,
                    persona=company.persona,
                    demo=True,
                    actor=SYSTEM,
                )
                project.languages = list(company.languages)
                project.analysis_goal = company.goal
            await revoke_demo_keys(session, project, now)
            await join_project(session, user.id, project.id, Role.OWNER, since)
            issued = await issue_key(session, project, label="demo", now=since, scopes=SCOPES, demo=True, actor=SYSTEM)
            keys[company.name] = issued.text
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
