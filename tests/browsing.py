"""A real browser on a served installation: fixtures for tests marked `browser`, which name this file as a plugin.

PYTEST_DONT_REWRITE: those tests import from here before pytest does.
"""

import asyncio
import json
import os
import shutil
import socket
import threading
from collections.abc import Generator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import get_args
from uuid import UUID, uuid4

import pytest
import uvicorn
from comment_factories import build_comment
from factories import HOTEL, add_sections, build_analysis, build_tenant
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright
from sqlalchemy import select

from ouvidor.accounts.access import Caller
from ouvidor.accounts.audit import Actor
from ouvidor.accounts.invitations import invite
from ouvidor.accounts.keys import issue_key, revoke_key
from ouvidor.accounts.members import change_role
from ouvidor.accounts.models import Project
from ouvidor.accounts.passwords import hash_password
from ouvidor.accounts.permissions import KEY_SCOPES, PERMISSIONS, USUAL_SCOPES, Permission, Role
from ouvidor.accounts.projects import ProjectChanges, change_project, project_named
from ouvidor.accounts.rules import Mode
from ouvidor.accounts.users import actor_of, create_user, join_project, user_named
from ouvidor.agent.follow_up import Rewritten
from ouvidor.agent.reply import Draft
from ouvidor.analysis.models import AnalysisItem, AnalysisRun
from ouvidor.analysis.verdict import FaultKind
from ouvidor.app import create_app
from ouvidor.conversations.complete import Ask, complete
from ouvidor.conversations.desk import claim, close, reply
from ouvidor.conversations.history import Line
from ouvidor.conversations.imported import ConversationRow, Told
from ouvidor.conversations.imports import import_conversations
from ouvidor.conversations.models import Author, Conversation, Message, Turn
from ouvidor.conversations.read import ConversationFilter, list_conversations
from ouvidor.db import new_id
from ouvidor.engines.base import Usage
from ouvidor.engines.calls import CallRecord
from ouvidor.engines.embeddings import NoEmbedder
from ouvidor.engines.scripted import Held, ScriptedEngine
from ouvidor.feedback.classifier import Trained, shipped
from ouvidor.feedback.finding.views import save_view
from ouvidor.feedback.intake.uploads import keep_upload
from ouvidor.feedback.learning.correcting import correct
from ouvidor.feedback.learning.waiting import list_waiting
from ouvidor.feedback.models import Comment, CommentItem, CommentJob, CommentModel
from ouvidor.feedback.taxonomies.draft import draft_of
from ouvidor.feedback.taxonomies.moves import Cell, Moved, Moves, OfTag, Preview, order_preview
from ouvidor.feedback.taxonomies.versions import row_of, save_taxonomy
from ouvidor.feedback.taxonomy import DEFAULT, Category, Tag, Taxonomy
from ouvidor.knowledge.read import list_sections
from ouvidor.postgres import EmbeddedPostgres
from ouvidor.privacy.erase import carry_out_erasure, order_erasure
from ouvidor.privacy.export import make_export, order_export
from ouvidor.privacy.models import DataExport
from ouvidor.prompts.catalogue import PROMPTS
from ouvidor.prompts.store import save_prompt
from ouvidor.runtime import DatabaseAddress, Runtime, open_runtime
from ouvidor.settings import Settings

expect.set_options(timeout=15_000)  # milliseconds: a busy machine is slow, not wrong

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
MORE_FLAGS = ("--disable-component-update", "--disable-sync")
USERNAME, PASSWORD = "marina", "correct horse battery"
HELPDESK = "chat-looks234"
AGENT = "bruno"
UNITS = ("Praia do Norte", "Pousada das Montanhas Azuis e do Vale Encantado de Santo Antônio do Pinhal")
LONG_NAME = "Ana Carolina de Albuquerque Vasconcelos e Cavalcanti de Oliveira Montenegro"
LONG_WORDS = "Boa tarde, estou com um problema na minha reserva e preciso falar com alguém da equipe de vocês. " * 30
REMARKS = (
    ("Amei o clipe novo, só faltou a letra na descrição 😍", "pt"),
    ("O aplicativo trava toda vez que eu tento baixar o disco, já reinstalei duas vezes e nada", "pt"),
    ("When is the vinyl coming out?", "en"),
    ("podiam botar legenda nos vídeos, ia ajudar demais", "pt"),
    ("Ganhe seguidores agora: link na bio!!!", "pt"),
    ("Que legal pagar o ingresso e ficar duas horas na fila… parabéns", "pt"),
    ("The support answered within five minutes, lovely people", "en"),
    ("vcs vêm pra Recife esse ano?", "pt"),
    ("O áudio da ponte está estourado; alguém mais notou? Ouvi em três aparelhos e é igual em todos.", "pt"),
    ("meh", "en"),
)
TAGS = (("feat_autotune",), (), ("clip_narrativa", "show_duracao", "app_falhas"), ("ingressos_preco",))
BREAKFAST = Draft(kind="answer", text="Breakfast is served from 6:30 to 10:00.\n\nOn Sundays until 11:00.", cited=[0])
SAID = {
    "hello": Draft(kind="smalltalk", text="Hello! How can I help you?"),
    "What time is breakfast?": BREAKFAST,
    "and the other thing": Draft(kind="unsure", topics=["Do you accept pets?", "Is there parking?"]),
    "I want to speak to a person": Draft(kind="wants_person"),
}


@dataclass(frozen=True)
class LiveSite:
    """A served installation with three persons and two projects, one of them without knowledge."""

    url: str
    section: str
    addresses: dict[str, str]
    engine: ScriptedEngine
    loop: asyncio.AbstractEventLoop

    def release(self, held: Held) -> None:
        """Let the engine, which runs in the site's thread, give the answer that it holds."""
        self.loop.call_soon_threadsafe(held.release.set)


@dataclass
class Visit:
    """A page in a browser, and what went wrong in it."""

    page: Page
    faults: list[str]


def find_browser() -> str | None:
    """A Chromium or Chrome of this machine."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def browser() -> Generator[Browser]:
    path = find_browser()
    if path is None:
        sentence = "not run: no Chromium or Chrome was found (on Debian: apt-get install chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(sentence)
        pytest.skip(sentence)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=[*FLAGS, *MORE_FLAGS])
        yield running
        running.close()


@pytest.fixture(scope="session")
def live(server: EmbeddedPostgres, template: str, tmp_path_factory: pytest.TempPathFactory) -> Generator[LiveSite]:
    """The app on a real port, in a thread with an event loop of its own."""
    name = f"looks_{uuid4().hex}"
    server.create_database(name, template=template)
    settings = Settings(data_dir=tmp_path_factory.mktemp("looks"), database_pool=5, _env_file=None)  # pyright: ignore[reportCallIssue]
    address = DatabaseAddress(server.url(name), server.conninfo(name))
    door = socket.create_server(("127.0.0.1", 0))
    ready, leave = threading.Event(), threading.Event()
    section: list[str] = []
    addresses: dict[str, str] = {}
    loops: list[asyncio.AbstractEventLoop] = []

    engine = ScriptedEngine()

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        async with open_runtime(settings, address) as opened:
            rt = replace(opened, embedder=NoEmbedder(), engine=engine)
            section.append(await furnish(rt, engine))
            addresses.update(await furnish_desk(rt, engine))
            addresses.update(await furnish_imported(rt))
            await furnish_privacy(rt)
            addresses.update(await furnish_crowd(rt))
            addresses.update(await furnish_calls(rt))
            addresses.update(await furnish_prompts(rt))
            addresses.update(await furnish_analyses(rt))
            addresses.update(await furnish_comments(rt))
            addresses.update(await furnish_taxonomies(rt))
            addresses.update(await furnish_corrections(rt))
            config = uvicorn.Config(create_app(rt), log_level="warning", timeout_graceful_shutdown=1)
            served = uvicorn.Server(config)
            running = asyncio.create_task(served.serve(sockets=[door]))
            ready.set()
            await asyncio.to_thread(leave.wait)
            served.should_exit = True
            await running

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(timeout=120), "the site did not start"
    yield LiveSite(f"http://127.0.0.1:{door.getsockname()[1]}", section[0], addresses, engine, loops[0])
    leave.set()
    thread.join()
    server.drop_database(name)


async def furnish(rt: Runtime, engine: ScriptedEngine) -> str:
    """A person, a project with a played and a customer's conversation, an empty project; returns a section's path."""
    rules = {"languages": ["en", "pt"], "relevance_gate": 0.0}
    seaside = await build_tenant(rt, "seaside", Mode.CLARIFICATION, **rules)
    empty = await build_tenant(rt, "empty")
    await add_sections(rt, seaside.project, HOTEL)
    password = await hash_password(PASSWORD)
    async with rt.db.begin() as session:
        user = await create_user(session, USERNAME, password, now=rt.clock())
        for project in (seaside.project, empty.project):
            await join_project(session, user.id, project.id, Role.OWNER, rt.clock())
    engine.always("reply", BREAKFAST)
    engine.always("rewrite", Rewritten(question=""))
    for text, draft in SAID.items():
        engine.next("reply", draft)
        await say(rt, seaside.project, HELPDESK, text)
    await say(rt, seaside.project, "4711", "What time is breakfast?")
    async with rt.db.read() as session:
        from_list = await list_sections(session, seaside.project.id, limit=1)
    return f"/projects/seaside/knowledge/{from_list.data[0].id}"


async def say(rt: Runtime, project: Project, helpdesk: str, text: str, *, customer: str | None = None) -> None:
    await complete(rt, project, Ask(helpdesk_id=helpdesk, messages=(Line("USER", text),), customer_id=customer))


async def furnish_desk(rt: Runtime, engine: ScriptedEngine) -> dict[str, str]:
    """Two who answer, and a conversation of each kind in the project seaside; returns the addresses to look at."""
    password = await hash_password(PASSWORD)
    async with rt.db.begin() as session:
        seaside = await project_named(session, "seaside")
        agent = await create_user(session, AGENT, password, now=rt.clock(), name="Bruno Lima")
        other = await create_user(session, "ana", password, now=rt.clock(), name=LONG_NAME)
        for user in (agent, other):
            await join_project(session, user.id, seaside.id, Role.AGENT, rt.clock())
    callers = [
        Caller(seaside, Actor("user", user.shown_name, user.id), PERMISSIONS[Role.AGENT]) for user in (agent, other)
    ]
    ids: dict[str, UUID] = {}
    for helpdesk in ("desk-waiting", "desk-held", "desk-theirs", "desk-closed"):
        engine.next("reply", Draft(kind="unsure", topics=["Do you accept pets?", "Is there parking?"]))
        await say(rt, seaside, helpdesk, "and the other thing", customer="customer-0815")
        engine.next("reply", Draft(kind="wants_person"))
        await say(rt, seaside, helpdesk, LONG_WORDS if helpdesk == "desk-waiting" else "A person, please")
        ids[helpdesk] = await conversation_id(rt, seaside, helpdesk)
    for helpdesk, caller in (("desk-held", callers[0]), ("desk-theirs", callers[1]), ("desk-closed", callers[0])):
        await claim(rt, caller, ids[helpdesk])
        await reply(rt, caller, ids[helpdesk], "Good morning! I am looking into it.\n\nOne moment, please.")
        await say(rt, seaside, helpdesk, "Thanks, I will wait here.")
    await close(rt, callers[0], ids["desk-closed"])
    engine.next("reply", Draft(kind="smalltalk", text="Hello again!"))
    await say(rt, seaside, "desk-closed", "Hello again")
    await claim(rt, callers[0], ids["desk-closed"])
    await close(rt, callers[0], ids["desk-closed"])
    inbox, conversations = "/projects/seaside/inbox", "/projects/seaside/conversations"
    return {
        **{helpdesk: f"{inbox}?tab=all&conversation={ids[helpdesk]}" for helpdesk in ids},
        "conversation": f"{conversations}/{ids['desk-closed']}",
    }


async def furnish_imported(rt: Runtime) -> dict[str, str]:
    """Conversations of the project seaside that were held elsewhere; returns the address of one."""
    async with rt.db.read() as session:
        seaside = await project_named(session, "seaside")
    at = rt.clock() - timedelta(days=2)
    said = (
        Told(Author.CUSTOMER, "Boa noite! Vocês têm quarto para três pessoas no feriado?", at),
        Told(Author.BOT, "Boa noite! Temos, sim: a diária para três custa R$ 420,00 com café da manhã.", at),
        Told(Author.CUSTOMER, LONG_WORDS, at + timedelta(minutes=2)),
        Told(Author.PERSON, "Aqui é a Marta. Já anotei a reserva em seu nome.", at + timedelta(minutes=9)),
        Told(Author.CUSTOMER, "[IMAGE]", at + timedelta(minutes=10)),
    )
    rows = [ConversationRow("", f"wa-55119{number}", said[: 5 - number], unit) for number, unit in enumerate(UNITS)]
    await import_conversations(rt, seaside, rows)
    return {
        "conversation-imported": f"/projects/seaside/conversations/{await conversation_id(rt, seaside, rows[0].id)}"
    }


async def furnish_crowd(rt: Runtime) -> dict[str, str]:
    """A project with many members, keys, invitations and deeds, some of them with long names; returns addresses."""
    crowd = await build_tenant(rt, "whole-company")
    password, now = await hash_password(PASSWORD), rt.clock()
    async with rt.db.begin() as session:
        me = await user_named(session, USERNAME)
        assert me is not None
        await join_project(session, me.id, crowd.project.id, Role.OWNER, now)
        title = ProjectChanges(title="Whole company " + "of many words " * 7)
        await change_project(session, crowd.project.id, title, actor=actor_of(me), now=now)
        for number in range(50):
            username = "a-user-name-that-goes-on" * 8 if number == 7 else f"colleague{number:02}"
            name = LONG_NAME if number % 9 == 0 else f"Colega {number}"
            user = await create_user(session, username, password, now=now, name=name)
            await join_project(session, user.id, crowd.project.id, list(Role)[1 + number % 4], now)
            await change_role(session, crowd.project, user.id, Role.VIEWER, actor=actor_of(me), now=now)
        scopes = [USUAL_SCOPES, KEY_SCOPES, (Permission.ANSWER,)]
        ends = [None, now + timedelta(days=30)]
        keys = [
            await issue_key(
                session,
                crowd.project,
                label=f"website chat {number}" if number else "w" * 100,
                now=now,
                scopes=scopes[number % 3],
                expires_at=ends[number % 2],
                actor=actor_of(me),
            )
            for number in range(40)
        ]
        for key in keys[20:25]:
            await revoke_key(session, crowd.project, str(key.id), now, actor=actor_of(me))
        for invitee in ("Joana", "joana.de.albuquerque@" + "very-long-domain" * 6, "Rui"):
            invited = await invite(session, crowd.project, Role.AGENT, invitee, actor=actor_of(me), now=now)
    return {
        "member": f"/projects/whole-company/settings/members?member={user.id}",
        "key": f"/projects/whole-company/settings/keys?key={keys[0].id}",
        "join": f"/join/{invited.text}",
    }


async def furnish_calls(rt: Runtime) -> dict[str, str]:
    """A day of calls and turns in the project whole-company, some of them failed, degraded or withheld."""
    now = rt.clock()
    async with rt.db.begin() as session:
        project = await project_named(session, "whole-company")
        talk = Conversation(project_id=project.id, helpdesk_id="4712", created_at=now, last_message_at=now, turns=120)
        session.add(talk)
        await session.flush()
        turns = [_turn_of(talk, number, now - timedelta(minutes=11 * (120 - number))) for number in range(1, 121)]
        session.add_all(turns)
        await session.flush()
        for place, role, author, content in (
            (1, "USER", Author.CUSTOMER, "And how much is it for two nights?"),
            (2, "AGENT", Author.BOT, "Do you mean one of these: parking, or pets?"),
        ):
            own = {"project_id": project.id, "conversation_id": talk.id, "turn_id": turns[-1].id, "created_at": now}
            session.add(Message(position=place, role=role, author=author, content=content, **own))
    for number, turn in enumerate(turns):
        local = number % 9 == 4
        rt.calls.add(
            CallRecord(
                project_id=project.id,
                conversation_id=talk.id,
                turn_id=turn.id,
                task="follow_up" if number % 4 == 1 else "reply",
                model="local" if local else ("gpt-5-mini" if number % 5 else "meta-llama/Llama-3.3-70B-Instruct"),
                prompt_version=None,
                prompt_label="" if local else f"reply {1 + number // 70}",
                at=turn.started_at,
                latency=0.006 if local else 0.7 + 0.03 * (number * 37 % 41),
                first_token=None if local else 0.4,
                retries=int(number % 13 == 0),
                fault=turn.degraded or ("rate_limited" if number % 31 == 30 else None),
                degraded=turn.degraded is not None,
                usage=None if local else Usage(1200 + 9 * number, 600, 0, 90 + number, 30),
            )
        )
    await rt.calls.flush()
    return {"turn-withheld": f"/projects/whole-company/conversations/{talk.id}?turn=120"}


def _turn_of(talk: Conversation, number: int, at: datetime) -> Turn:
    moves = ("answer", "answer", "answer", "clarify", "answer", "handover")
    withheld = number % 12 == 0
    return Turn(
        project_id=talk.project_id,
        conversation_id=talk.id,
        number=number,
        episode=1,
        state="answered",
        move="clarify" if withheld else moves[number % 6],
        reason="draft_withheld" if withheld else (None, None, None, "uncertain", None, "outside_content")[number % 6],
        language="en",
        confidence=0.4,
        gate=0.5,
        clarifications=1,
        model="local" if number % 17 == 0 else "gpt-5-mini",
        prompt_label=f"reply {1 + number // 70}",
        searched_for="How much is parking for two nights?" if withheld else None,
        withheld="Parking is 99 dollars for two nights, see https://example.com/park." if withheld else None,
        findings=[{"kind": "number", "what": "99 dollars"}, {"kind": "link", "what": "https://example.com/park"}]
        if withheld
        else [],
        degraded="timeout" if number % 17 == 0 else None,
        started_at=at,
        answered_at=at + timedelta(seconds=1.4),
    )


async def furnish_privacy(rt: Runtime) -> None:
    """An export and an erasure that are done, and an export that failed, in the project seaside."""
    async with rt.db.read() as session:
        seaside = await project_named(session, "seaside")
    owner = Caller(seaside, Actor("user", LONG_NAME, uuid4()), PERMISSIONS[Role.OWNER])
    await say(rt, seaside, "to-be-erased", "What time is breakfast?")
    await make_export(rt, seaside.id, await order_export(rt, owner, "customer", "customer-0815"))
    failed = await order_export(rt, owner, "conversation", str(await conversation_id(rt, seaside, "desk-held")))
    async with rt.db.begin() as session:
        (await session.get_one(DataExport, failed)).state = "failed"
    await carry_out_erasure(rt, seaside.id, await order_erasure(rt, owner, "customer", "to-be-erased"))


async def furnish_prompts(rt: Runtime) -> dict[str, str]:
    """Three versions of the prompt for replies in the project seaside, the second in use; returns addresses."""
    async with rt.db.read() as session:
        seaside = await project_named(session, "seaside")
    owner, shipped = Actor("user", LONG_NAME, uuid4()), PROMPTS["reply"].text
    texts = (
        (shipped.replace("Two to four short sentences", "One or two short sentences"), "Respostas mais curtas"),
        (shipped.replace("friendly, without exclamation marks", "warm, with little ceremony"), ""),
        (shipped.replace("# How to write", "# How to write\n\nGive prices with and without tax."), LONG_WORDS[:190]),
    )
    for written, note in texts:
        saved = await save_prompt(
            rt, seaside, "reply", written, note=note, activate=written != texts[2][0], actor=owner
        )
    address = f"/projects/seaside/settings/prompts/{saved.version.id}"
    return {"prompt-version": address, "prompt-changes": f"{address}?against=active"}


async def furnish_analyses(rt: Runtime) -> dict[str, str]:
    """Ninety analyses in the project whole-company, and a paused run with two that are parked; returns an address."""
    now, kinds = rt.clock(), get_args(FaultKind)
    async with rt.db.begin() as session:
        project = await project_named(session, "whole-company")
        project.analysis_goal, project.analysis_budget = "the reservation was closed", Decimal(20)
        run = AnalysisRun(
            id=new_id(), project_id=project.id, kind="manual", state="paused", paused_for=LONG_NAME, done=80
        )
        run.created_at = now
        session.add(run)
    for number in range(90):
        local, satisfaction = number % 9 == 4, (number * 7 + number // 8) % 11
        analysis = await build_analysis(
            rt,
            project,
            f"wa-{4000 + number}" if number else "a-helpdesk-id-that-goes-on" * 6,
            at=now - timedelta(hours=9 * number + 1),
            unit=(*UNITS, "Centro", None)[number % 4],
            faults=kinds[number % 8 : number % 8 + number % 3] if satisfaction < 7 else (),
            satisfaction=satisfaction,
            resolved=("yes", "yes", "no", "unknown")[number % 4],
            goal_reached=("yes", "no", "unknown")[number % 3],
            topics=(["parking"], ["price", "a topic of many words " * 3], ["refund", "parking"], [])[number % 4],
            language="pt" if number % 3 else "en",
            version=f"analysis {1 + number % 2}",
            model="local" if local else "gpt-5-mini",
            cost=Decimal(0) if local else None if number % 20 == 19 else Decimal("0.0007"),
            handed_over=number % 7 == 0,
            addressed=number % 30 == 0,
            run_id=run.id,
        )
    async with rt.db.begin() as session:
        for number, reason in ((88, "timeout"), (89, "worker_lost")):
            talk = (
                await session.execute(select(Conversation.id).where(Conversation.helpdesk_id == f"wa-{4000 + number}"))
            ).scalar_one()
            own = {"project_id": project.id, "run_id": run.id, "conversation_id": talk}
            session.add(AnalysisItem(state="parked", reason=reason, attempts=5, due_at=now, updated_at=now, **own))
    return {"analysis": f"/projects/whole-company/analyses/{analysis}?mark=effort"}


async def furnish_comments(rt: Runtime) -> dict[str, str]:
    """Sixty comments in the project whole-company, views, jobs, and a file whose columns are looked at; addresses."""
    now = rt.clock()
    async with rt.db.begin() as session:
        project = await project_named(session, "whole-company")
        me = await user_named(session, USERNAME)
        assert me is not None
        for name, query in (
            ("Críticas incertas", "category=criticism&order=unsure"),
            (LONG_NAME, "field=artista%3DLia"),
        ):
            await save_view(session, project.id, name, query, actor_of(me), now)
    codes = tuple(DEFAULT.codes)
    for number in range(60):
        text, language = REMARKS[number % len(REMARKS)]
        corrected = number % 11 == 5
        comment = await build_comment(
            rt,
            project,
            text if number else LONG_WORDS,
            at=now - timedelta(hours=7 * number),
            tags=TAGS[number % len(TAGS)],
            language=language,
            category=codes[number % 5] if number != 8 else "a_code_of_a_taxonomy_that_was",
            given_category=codes[(number + corrected) % 5],
            sentiment=("negative", "neutral", "positive")[number % 3],
            confidence=(number * 37 % 100) / 100,
            waits=None if corrected else ("unsure", None, None, "blind")[number % 4],
            corrected_at=now - timedelta(minutes=number) if corrected else None,
            fields=(
                {"artista": "Lia Serpa", "album": "Laje"},
                {"artista": UNITS[1], "canal": "loja de aplicativos"},
                {},
            )[number % 3],
            author=LONG_NAME if number % 7 == 0 else None,
        )
    jobs = [
        await _job_of_comments(rt, project, state) for state in ("done", "failed", "cancelled", "paused", "running")
    ]
    lines = "".join(
        f'{place};"{text}";Lia Serpa;21/11/2026 1{place}:05\n' for place, (text, _) in enumerate(REMARKS[:9])
    )
    upload = await keep_upload(
        rt, project, actor_of(me), "comentários de novembro.csv", f"id;texto;artista;data\n{lines}".encode()
    )
    base = "/projects/whole-company/comments"
    return {
        "comment": f"{base}/{comment}?order=unsure",
        "comment-columns": f"{base}/uploads/{upload}",
        "comment-job": f"{base}/files/{jobs[0]}",
        "comment-job-paused": f"{base}/files/{jobs[3]}",
    }


async def furnish_taxonomies(rt: Runtime) -> dict[str, str]:
    """In the project whole-company two versions beside the default, in seaside one of fifty categories; addresses."""
    owner = Actor("user", LONG_NAME, uuid4())
    async with rt.db.read() as session:
        project, seaside = await project_named(session, "whole-company"), await project_named(session, "seaside")
        ids = (
            (await session.execute(select(Comment.id).where(Comment.project_id == project.id).limit(6))).scalars().all()
        )
    other = Taxonomy(
        categories=(
            *(one.model_copy(update={"description": LONG_WORDS[:200].strip()}) for one in DEFAULT.categories[:4]),
            Category(
                code="entrega_e_devolucao",
                names={"pt": "Entrega, troca e devolução de produtos", "en": "Delivery and returns"},
                description="Se e quando o pedido chega, e como devolver.",
                examples=("Cadê meu pedido?", "Quero trocar o tamanho", "O correio devolveu o pacote"),
            ),
        ),
        tags=(Tag(code="frete", explanation="Quanto custa e quanto demora a entrega."), Tag(code="som")),
    )
    large = Taxonomy(
        categories=tuple(
            Category(
                code=f"assunto_{n}", names={"pt": f"Assunto {n} da loja", "en": f"Subject {n}"}, description="D. " * 40
            )
            for n in range(50)
        ),
        tags=tuple(Tag(code=f"assunto_do_produto_{n}", explanation="O que se diz dele. " * 5) for n in range(500)),
    )
    await save_taxonomy(rt, project, draft_of(other), based_on=0, actor=owner)
    await save_taxonomy(rt, project, draft_of(large), based_on=1, actor=owner)
    await save_taxonomy(rt, seaside, draft_of(large), based_on=0, actor=owner, activate=True)
    await order_preview(rt, project, 2, actor=owner)
    moves = (("spam", "entrega_e_devolucao"), ("criticism", "entrega_e_devolucao"), ("question", "criticism"))
    shift = [(was, becomes, 31 + 7 * place) for place, (was, becomes) in enumerate(moves)]
    stay = [(code, code, 400 - 40 * place) for place, code in enumerate(DEFAULT.codes[:4])]
    gone = ("a_code_of_a_taxonomy_that_was", "entrega_e_devolucao", 3)
    found = Moves(
        total=48_211,
        sampled=2_000,
        cells=[Cell(was=a, becomes=b, count=n, about=24 * n) for a, b, n in (*shift, *stay, gone)],
        examples=[
            Moved(comment=id_, was=a, becomes=b, confidence_was=0.52, confidence=0.93)
            for id_, (a, b, _) in zip(ids, 2 * shift, strict=True)
        ],
        corrections_kept=37,
        corrections_lost={"spam": 4},
        tags_gone=[OfTag(code="clipe", comments=120)],
        tags_added=[OfTag(code="frete", comments=1), OfTag(code="som", comments=960)],
    )
    preview = Preview(state="done", ordered_by=LONG_NAME, ordered_at=rt.clock(), learnt=37, trained=True, moves=found)
    async with rt.db.begin() as session:
        (await row_of(session, project, 1)).preview = preview.model_dump(mode="json")
    base = "/projects/whole-company/comments/taxonomy"
    return {"taxonomy-version": f"{base}/versions/1", "taxonomy-waiting": f"{base}/versions/2"}


async def furnish_corrections(rt: Runtime) -> dict[str, str]:
    """In the project whole-company corrections and trainings of each kind, in seaside comments that wait; addresses."""
    now, me = rt.clock(), Actor("user", LONG_NAME, uuid4())
    async with rt.db.read() as session:
        project, seaside = await project_named(session, "whole-company"), await project_named(session, "seaside")
        waiting = await list_waiting(session, project.id, DEFAULT, limit=60)
    blind = [one.id for one in waiting.data if one.waits == "blind"]
    unsure = [one.id for one in waiting.data if one.waits == "unsure"]
    for place, comment in enumerate([*blind[:8], *unsure[:12]]):
        category = "criticism" if place % 3 else DEFAULT.codes[place % 5]
        await correct(rt, project, comment, category, actor=me)
    for number in range(3):
        await build_comment(rt, seaside, REMARKS[number][0], category="assunto_1", confidence=0.2, waits="unsure")
    measured = shipped().by_words.measured
    assert measured is not None
    after = asdict(measured) | {"macro_f1": 0.847}
    figures = {"before": asdict(measured), "after": after, "new": 23, "noise": 0.002, "seconds": 48.3}
    figures |= {"new_before": 0.43, "new_after": 0.87, "learnt_until": (now - timedelta(days=1)).isoformat()}
    weights = Trained(shipped().by_words, None).to_bytes()
    rows = (("promoted", None), ("kept_out", "worse"), ("failed", "no_vectors"), ("promoted", None), ("training", None))
    async with rt.db.begin() as session:
        for number, (state, reason) in enumerate(rows, start=1):
            told = {"taxonomy": 0, "ordered_by": LONG_NAME, "created_at": now - timedelta(days=6 - number)}
            session.add(
                CommentModel(
                    project_id=project.id,
                    number=number,
                    state=state,
                    reason=reason,
                    active=number == 4,
                    corrections=31 * number,
                    measured={} if state in {"training", "failed"} else figures,
                    weights=weights if state == "promoted" else None,
                    **told,
                )
            )
    base = "/projects/whole-company/comments/corrections"
    return {"corrections-blind": f"{base}?at={blind[9]}", "corrections-done": f"{base}?said={blind[0]}"}


async def _job_of_comments(rt: Runtime, project: Project, state: str) -> UUID:
    """A job of 1,200 comments, three of which could not be stored."""
    now, ended = rt.clock(), state in {"done", "failed", "cancelled"}
    job = CommentJob(
        id=new_id(),
        project_id=project.id,
        kind="intake",
        source="csv",
        name=f"{LONG_NAME}.csv" if state == "done" else "novembro.csv",
        state=state,
        ordered_by=LONG_NAME,
        total=1200,
        done=1197 if ended else 411,
        failed=3,
        paused_for=LONG_NAME if state == "paused" else None,
        created_at=now - timedelta(hours=1),
        started_at=now - timedelta(minutes=59),
        finished_at=now - timedelta(minutes=50) if ended else None,
    )
    reasons = (
        "line 7 has no text",
        "has an id under which another text is stored; give it another id",
        f"line 9 {LONG_NAME}",
    )
    async with rt.db.begin() as session:
        session.add(job)
        await session.flush()
        for place, reason in enumerate(reasons, start=7):
            told = {
                "state": "failed",
                "status": 422,
                "reason": reason,
                "due_at": now,
                "external_id": f"c-{place}" * place,
            }
            session.add(CommentItem(job_id=job.id, position=place, project_id=project.id, **told))
    return job.id


async def conversation_id(rt: Runtime, project: Project, helpdesk: str) -> UUID:
    async with rt.db.read() as session:
        wanted = ConversationFilter(helpdesk_id=helpdesk)
        found = await list_conversations(session, project.id, wanted, after=None, limit=1)
    return found.data[0].id


@pytest.fixture(scope="session")
def signed_in(browser: Browser, live: LiveSite) -> str:
    """The state of the owner's signed-in browser, as a file's content."""
    return sign_in(browser, live, USERNAME)


@pytest.fixture(scope="session")
def agent_in(browser: Browser, live: LiveSite) -> str:
    """The same of somebody who answers customers."""
    return sign_in(browser, live, AGENT)


def sign_in(browser: Browser, live: LiveSite, username: str) -> str:
    context = browser.new_context(locale="en")
    page = context.new_page()
    page.goto(f"{live.url}/sign-in")
    page.get_by_label("User name").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda address: "/sign-in" not in address)
    state = json.dumps(context.storage_state())
    context.close()
    return state


def open_context(
    browser: Browser,
    state: str | None,
    *,
    language: str = "en",
    theme: str = "light",
    width: int = 1280,
    scripts: bool = True,
) -> BrowserContext:
    phone = width < 500
    return browser.new_context(
        storage_state=json.loads(state) if state else None,
        viewport={"width": width, "height": 844 if phone else 800},
        locale=language,
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
        has_touch=phone,
        is_mobile=phone,
        java_script_enabled=scripts,
    )


def visit(context: BrowserContext, live: LiveSite, *, failing: bool = False) -> Visit:
    """A new page that notes console errors, exceptions and requests to elsewhere."""
    page = context.new_page()
    faults: list[str] = []

    def note_console(message: ConsoleMessage) -> None:
        expected = failing and message.text.startswith("Failed to load resource")
        if message.type in {"error", "warning"} and not expected:
            faults.append(f"console: {message.text}")

    page.on("console", note_console)
    page.on("pageerror", lambda error: faults.append(f"exception: {error}"))
    page.on("request", lambda request: None if request.url.startswith(live.url) else faults.append(request.url))
    return Visit(page, faults)


@pytest.fixture
def desk(browser: Browser, live: LiveSite, signed_in: str) -> Generator[Visit]:
    """A signed-in person at a wide screen."""
    context = open_context(browser, signed_in)
    opened = visit(context, live)
    yield opened
    context.close()
    assert opened.faults == []
