"""Comments in a real browser, on a served site whose worker runs inside it, read in Portuguese.

One goes the whole way: a CSV with a broken row is brought in and watched, three comments are corrected by key, the
classifier learns from them, and what was found is exported.
"""

import asyncio
import csv
import io
import re
import socket
import threading
from collections.abc import Generator
from uuid import uuid4

import pytest
import uvicorn
from browsing import PASSWORD, LiveSite, Visit, open_context, visit
from factories import build_tenant
from playwright.sync_api import Browser, Page, expect

from ouvidor.accounts.models import Project
from ouvidor.accounts.passwords import hash_password
from ouvidor.accounts.permissions import Role
from ouvidor.accounts.users import create_user, join_project
from ouvidor.app import create_app
from ouvidor.demo.comments import past_comments
from ouvidor.engines.embeddings import NoEmbedder
from ouvidor.engines.scripted import ScriptedEngine
from ouvidor.postgres import EmbeddedPostgres
from ouvidor.runtime import DatabaseAddress, Runtime, open_runtime
from ouvidor.settings import Settings

pytestmark = pytest.mark.browser
pytest_plugins = ["browsing"]

PAGE = "/projects/selo/comments"
ROWS = 120


@pytest.fixture(scope="module")
def studio(server: EmbeddedPostgres, template: str, tmp_path_factory: pytest.TempPathFactory) -> Generator[LiveSite]:
    """A site with its worker inside, an owner called marina and a project without comments."""
    name = f"studio_{uuid4().hex}"
    server.create_database(name, template=template)
    settings = Settings(data_dir=tmp_path_factory.mktemp("studio"), database_pool=8, _env_file=None)  # pyright: ignore[reportCallIssue]
    address = DatabaseAddress(server.url(name), server.conninfo(name))
    door = socket.create_server(("127.0.0.1", 0))
    ready, leave = threading.Event(), threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        async with open_runtime(settings, address, embedder=NoEmbedder("left out by this test")) as rt:
            await furnish(rt)
            config = uvicorn.Config(
                create_app(rt, worker_inside=True), log_level="warning", timeout_graceful_shutdown=1
            )
            served = uvicorn.Server(config)
            running = asyncio.create_task(served.serve(sockets=[door]))
            ready.set()
            await asyncio.to_thread(leave.wait)
            served.should_exit = True
            await running

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(timeout=120), "the site did not start"
    yield LiveSite(f"http://127.0.0.1:{door.getsockname()[1]}", "", {}, ScriptedEngine(), loops[0])
    leave.set()
    thread.join()
    server.drop_database(name)


async def furnish(rt: Runtime) -> Project:
    tenant = await build_tenant(rt, "selo", languages=["pt", "en"])
    password = await hash_password(PASSWORD)
    async with rt.db.begin() as session:
        user = await create_user(session, "marina", password, now=rt.clock())
        await join_project(session, user.id, tenant.project.id, Role.OWNER, rt.clock())
    return tenant.project


@pytest.fixture
def desk(browser: Browser, studio: LiveSite) -> Generator[Visit]:
    """Marina, signed in, with pages in Portuguese."""
    context = open_context(browser, None, language="pt-BR")
    opened = visit(context, studio)
    opened.page.goto(f"{studio.url}/sign-in")
    opened.page.get_by_label("Usuário").fill("marina")
    opened.page.get_by_label("Senha").fill(PASSWORD)
    opened.page.keyboard.press("Enter")
    opened.page.wait_for_url(lambda address: "/sign-in" not in address)
    yield opened
    context.close()
    assert opened.faults == []


def november(rows: int = ROWS) -> bytes:
    """A CSV as a spreadsheet of this country writes it: semicolons, day before month, and one row without a text."""
    file = io.StringIO()
    lines = csv.writer(file, delimiter=";")
    lines.writerow(["codigo", "o que disseram", "artista", "data"])
    for place, row in zip(range(1, rows + 1), past_comments(), strict=False):
        text = "" if place == 7 else row["texto"]
        lines.writerow([f"c-{place}", text, row["artista"], f"{1 + place % 20:02}/11/2026 10:{place % 60:02}"])
    return file.getvalue().encode("cp1252", "replace")


def bring_in(page: Page, name: str, content: bytes) -> None:
    """From the list of files to the page of the columns."""
    page.get_by_label("Escolha um arquivo").set_input_files({"name": name, "mimeType": "text/csv", "buffer": content})
    page.get_by_role("button", name="Ver as colunas").click()
    page.wait_for_url("**/uploads/*")


def test_a_csv_is_brought_in_watched_corrected_learnt_from_and_exported(desk: Visit, studio: LiveSite) -> None:
    page = desk.page
    page.goto(f"{studio.url}/projects/selo/overview")
    page.keyboard.press("g")
    page.keyboard.press("e")
    expect(page.get_by_role("heading", name="Ainda não há comentários")).to_be_visible()
    page.get_by_role("link", name="Enviar um arquivo").click()

    bring_in(page, "novembro.csv", november())
    expect(page.get_by_role("alert")).to_contain_text("Qual coluna tem o texto?")
    expect(page.get_by_role("button", name="Importar")).to_have_count(0)
    page.get_by_label("Texto do comentário").select_option("o que disseram")
    page.get_by_label("Id", exact=True).select_option("codigo")
    page.get_by_role("button", name="Olhar de novo").click()
    expect(page.locator(".sample-table tbody tr")).to_have_count(5)
    expect(page.locator(".sample-table tbody tr").first).to_contain_text("c-1")
    expect(page.get_by_label("Codificação do texto")).to_have_value("cp1252")
    expect(page.get_by_label("As datas estão escritas como")).to_have_value("%d/%m/%Y %H:%M")
    page.get_by_role("button", name="Importar").click()

    page.wait_for_url(re.compile(r"/comments/files/[0-9a-f-]{36}$"))
    expect(page.locator("#work")).to_contain_text("Concluído", timeout=60_000)
    expect(page.locator("#work")).to_contain_text(f"{ROWS} de {ROWS}")
    expect(page.locator("#broken tbody tr")).to_have_count(1)
    expect(page.locator("#broken tbody tr")).to_contain_text("linha 8")
    expect(page.locator("#broken tbody tr")).to_contain_text("não tem texto")
    page.get_by_role("link", name="Ver os comentários").click()
    expect(page.locator("#rows-title")).to_have_text(f"{ROWS - 1} comentários")

    page.get_by_role("link", name="A corrigir").click()
    waiting = page.locator(".queue-counts").first
    before = int(re.sub(r"\D", "", waiting.locator("span").first.inner_text()))
    assert before >= 3
    for left in range(before - 1, before - 4, -1):
        said = page.locator("#words").inner_text()
        page.keyboard.press("2")
        expect(waiting.locator("span").first).to_contain_text(str(left))
        expect(page.locator("#words")).not_to_have_text(said)
    expect(waiting).to_contain_text("3 corrigidos hoje")

    page.get_by_role("link", name="Classificador").click()
    expect(page.locator("#work")).to_contain_text("3 correções novas")
    page.get_by_role("button", name="Treinar com elas").click()
    trained = page.locator(".model-table tbody tr").first
    expect(trained).to_contain_text("Versão 1")
    expect(trained).to_contain_text(re.compile("Em uso|Deixada de fora"), timeout=240_000)

    page.get_by_role("navigation", name="Comentários").get_by_role("link", name="Comentários").click()
    page.get_by_text("Mais filtros").click()
    page.get_by_label("Revisado por uma pessoa").select_option("corrected")
    page.get_by_role("button", name="Filtrar").click()
    expect(page.locator("#rows-title")).to_have_text("3 comentários")
    with page.expect_download() as began:
        page.get_by_label("Exportar em CSV").click()
    rows = list(csv.DictReader(io.StringIO(began.value.path().read_text("utf-8"))))
    assert re.fullmatch(r"comments-selo-\d{4}-\d\d-\d\d\.csv", began.value.suggested_filename)
    assert [row["category"] for row in rows] == ["criticism"] * 3
    assert all(row["corrected_at"] and row["external_id"].startswith("c-") for row in rows)


def test_many_are_corrected_at_once_and_taken_back(desk: Visit, studio: LiveSite) -> None:
    page = desk.page
    paste(page, studio, [f"Que show lindo, noite {place}" for place in range(4)])
    expect(page.locator("#rows-title")).to_have_text("4 comentários")
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("#tick-count")).to_have_text("2")
    page.keyboard.press("c")
    dialog = page.locator("#bulk")
    expect(dialog).to_contain_text("Os marcados (2)")
    dialog.get_by_text("Spam").click()
    dialog.get_by_role("button", name="Corrigir").click()
    expect(page.get_by_role("status")).to_contain_text("2 comentários corrigidos.")
    expect(page.locator(".comment-table .badge.good")).to_have_count(2)
    page.get_by_role("button", name="Desfazer").click()
    expect(page.get_by_role("status")).to_contain_text("As correções de 2 comentários foram desfeitas.")
    expect(page.locator(".comment-table .badge.good")).to_have_count(0)


def test_a_comment_is_corrected_on_its_page_by_key(desk: Visit, studio: LiveSite) -> None:
    page = desk.page
    paste(page, studio, ["podiam botar legenda no clipe de ontem"])
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator(".comment-text")).to_have_text("podiam botar legenda no clipe de ontem")
    page.keyboard.press("3")
    expect(page.get_by_role("status")).to_contain_text("Pronto.")
    expect(page.locator(".verdict")).to_contain_text("Sugestão")
    expect(page.locator(".history tbody tr").first).to_contain_text("marina")
    page.keyboard.press("Escape")
    expect(page.locator("#rows-title")).to_have_text("1 comentário")


def test_views_keep_filters_under_a_name(desk: Visit, studio: LiveSite) -> None:
    page = desk.page
    paste(page, studio, ["O aplicativo trava toda hora, que raiva"])
    page.goto(f"{studio.url}{PAGE}?q=aplicativo&mode=words&order=unsure")
    page.get_by_role("button", name="Visões").click()
    page.get_by_label("Nome da visão").fill("Sobre o aplicativo")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("A visão foi salva.")
    page.goto(f"{studio.url}{PAGE}")
    page.get_by_role("button", name="Visões").click()
    page.get_by_role("link", name="Sobre o aplicativo").click()
    page.wait_for_url("**q=aplicativo**")
    expect(page.get_by_label("Palavras ou um sentido")).to_have_value("aplicativo")
    page.get_by_label("Tirar: Busca").click()
    page.wait_for_url(lambda address: "q=" not in address)


def test_without_scripts_everything_still_works(browser: Browser, desk: Visit, studio: LiveSite) -> None:
    state = desk.page.context.storage_state()
    context = browser.new_context(storage_state=state, locale="pt-BR", java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{studio.url}{PAGE}/files")
    page.get_by_label("Escolha um arquivo").set_input_files(
        {
            "name": "a.json",
            "mimeType": "application/json",
            "buffer": b'[{"text": "Sem script tambem vai", "canal": "web"}]',
        }
    )
    page.get_by_role("button", name="Ver as colunas").click()
    expect(page.locator(".sample-table")).to_contain_text("Sem script tambem vai")
    page.get_by_role("button", name="Importar").click()
    expect(page.locator("#work")).to_contain_text("Concluído", timeout=60_000)
    page.goto(f"{studio.url}{PAGE}?field=canal%3Dweb")
    expect(page.locator("#rows-title")).to_have_text("1 comentário")
    page.locator(".comment-table [name=id]").check()
    page.get_by_role("button", name="Corrigir…").click()
    page.locator("#bulk").get_by_text("Elogio").click()
    page.locator("#bulk").get_by_role("button", name="Corrigir").click()
    expect(page.get_by_role("status")).to_contain_text("1 comentário corrigido.")
    context.close()


def paste(page: Page, studio: LiveSite, lines: list[str]) -> None:
    """Bring these in, and see them in the list."""
    page.goto(f"{studio.url}{PAGE}/files")
    page.get_by_label("Ou cole comentários, um por linha").fill("\n".join(lines))
    page.get_by_role("button", name="Classificar").click()
    expect(page.locator("#work")).to_contain_text("Concluído", timeout=60_000)
    page.get_by_role("link", name="Ver os comentários").click()
    page.wait_for_url("**job=**")
