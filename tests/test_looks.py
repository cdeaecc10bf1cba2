"""The pages in a real browser: every page in both languages, both themes, both widths; keyboard; what scripts add.

Pictures are written to looks/ (git ignores it). `OUVIDOR_LOOKS=all` takes every combination, else pairs of all factors.
"""

import os
from functools import cache
from itertools import product
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from browsing import HELPDESK, LiveSite, Visit, open_context, visit
from playwright.sync_api import Browser, Page

import ouvidor.web

pytestmark = pytest.mark.browser
pytest_plugins = ["browsing"]

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "looks"
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
FORMATS = [
    (language, theme, width) for language, theme, width in product(("pt-BR", "en"), ("light", "dark"), (390, 1280))
]
PAIRWISE = ((0, 7), (2, 5), (3, 4), (1, 6))
"""Indexes into FORMATS: two opposite ones for each page, turning from page to page, cover each pair of values."""
ADDRESSES = {
    "sign-in": "/sign-in",
    "chat-empty": "/projects/seaside/chat",
    "chat": f"/projects/seaside/chat?helpdesk={HELPDESK}",
    "chat-source": f"/projects/seaside/chat?helpdesk={HELPDESK}&turn=2&source=1",
    "chat-reading": "/projects/seaside/chat?helpdesk=4711",
    "chat-no-knowledge": "/projects/empty/chat",
    "overview": "/projects/seaside/overview",
    "overview-month": "/projects/seaside/overview?days=30",
    "overview-empty": "/projects/empty/overview",
    "inbox": "/projects/seaside/inbox",
    "inbox-none": "/projects/empty/inbox",
    "desk-waiting": "",
    "desk-held": "",
    "desk-theirs": "",
    "desk-closed": "",
    "conversations": "/projects/seaside/conversations",
    "conversations-found": "/projects/seaside/conversations?q=wait&status=person&since=2026-01-01",
    "conversations-none": "/projects/seaside/conversations?q=zebra",
    "conversations-empty": "/projects/empty/conversations",
    "conversation": "",
    "conversation-imported": "",
    "conversations-imported": "/projects/seaside/conversations?origin=imported&unit=Praia+do+Norte",
    "knowledge": "/projects/seaside/knowledge",
    "knowledge-found": "/projects/seaside/knowledge?q=can+I+bring+my+dog",
    "knowledge-none": "/projects/seaside/knowledge?tier=N2&q=pool",
    "knowledge-empty": "/projects/empty/knowledge",
    "section": "",
    "projects": "/projects",
    "settings": "/projects/seaside/settings",
    "members": "/projects/seaside/settings/members",
    "members-many": "/projects/whole-company/settings/members",
    "members-found": "/projects/whole-company/settings/members?q=nobody",
    "member": "",
    "invite": "/projects/seaside/settings/members?invite=1",
    "roles": "/projects/seaside/settings/roles",
    "keys": "/projects/whole-company/settings/keys",
    "keys-empty": "/projects/empty/settings/keys",
    "key": "",
    "key-new": "/projects/seaside/settings/keys?new=1",
    "audit-log": "/projects/whole-company/settings/audit-log",
    "audit-log-none": "/projects/whole-company/settings/audit-log?group=privacy",
    "join": "",
    "join-closed": "/join/ouv_join_used",
    "reference": "/docs?project=seaside",
    "account": "/account",
    "privacy": "/projects/seaside/settings/privacy",
    "privacy-erase": "/projects/seaside/settings/privacy?panel=erase",
    "privacy-empty": "/projects/empty/settings/privacy?panel=export",
    "prompts": "/projects/seaside/settings/prompts",
    "prompts-shipped": "/projects/seaside/settings/prompts?prompt=rewrite",
    "prompt-version": "",
    "prompt-changes": "",
    "prompt-edit": "/projects/seaside/settings/prompts/edit?prompt=reply",
    "analyses": "/projects/whole-company/analyses",
    "analyses-found": "/projects/whole-company/analyses?topic=parking&most=3&order=worst&unit=Praia+do+Norte",
    "analyses-none": "/projects/whole-company/analyses?unit=nowhere",
    "analyses-empty": "/projects/empty/analyses",
    "analyses-again": "/projects/whole-company/analyses/again",
    "analysis": "",
    "comments": "/projects/whole-company/comments",
    "taxonomy": "/projects/whole-company/comments/taxonomy",
    "taxonomy-large": "/projects/seaside/comments/taxonomy",
    "taxonomy-empty": "/projects/empty/comments/taxonomy",
    "taxonomy-edit": "/projects/whole-company/comments/taxonomy/edit?from=1",
    "taxonomy-edit-large": "/projects/seaside/comments/taxonomy/edit",
    "taxonomy-version": "",
    "taxonomy-waiting": "",
    "comments-found": "/projects/whole-company/comments?q=clipe&field=artista%3DLia+Serpa&order=unsure&sure_from=5",
    "comments-dense": "/projects/whole-company/comments?rows=dense&order=confident&done=corrected&count=3&deed=x",
    "comments-none": "/projects/whole-company/comments?q=zebra&mode=words&tag=feat_autotune&sure_from=90",
    "comments-empty": "/projects/empty/comments",
    "comment": "",
    "comment-files": "/projects/whole-company/comments/files",
    "comment-files-empty": "/projects/empty/comments/files",
    "comment-columns": "",
    "comment-job": "",
    "comment-job-paused": "",
    "corrections": "/projects/whole-company/comments/corrections",
    "corrections-blind": "",
    "corrections-done": "",
    "corrections-many": "/projects/seaside/comments/corrections",
    "corrections-empty": "/projects/empty/comments/corrections",
    "classifier": "/projects/whole-company/comments/classifier",
    "classifier-empty": "/projects/empty/comments/classifier",
    "monitoring": "/projects/whole-company/monitoring",
    "monitoring-week": "/projects/whole-company/monitoring?period=7d&model=gpt-5-mini",
    "monitoring-empty": "/projects/empty/monitoring",
    "turn-withheld": "",
    "error": "/projects/nowhere/chat",
}
ALONE = {"sign-in", "join", "join-closed"}
FAILING = {"error", "join-closed"}


def combinations() -> list[tuple[str, str, str, int]]:
    every = os.environ.get("OUVIDOR_LOOKS") == "all"
    chosen = {
        name: range(len(FORMATS)) if every else PAIRWISE[index % len(PAIRWISE)] for index, name in enumerate(ADDRESSES)
    }
    return [(name, *FORMATS[index]) for name, indexes in chosen.items() for index in indexes]


def test_combinations_cover_every_pair() -> None:
    seen = [dict(zip("nltw", combination, strict=True)) for combination in combinations()]
    values = {"n": set(ADDRESSES), "l": {"pt-BR", "en"}, "t": {"light", "dark"}, "w": {390, 1280}}
    for one, other in ("nl", "nt", "nw", "lt", "lw", "tw"):
        assert {(row[one], row[other]) for row in seen} == set(product(values[one], values[other]))


@pytest.mark.parametrize(("name", "language", "theme", "width"), combinations())
def test_page_looks_right(
    browser: Browser, live: LiveSite, signed_in: str, name: str, language: str, theme: str, width: int
) -> None:
    state = None if name in ALONE else signed_in
    context = open_context(browser, state, language=language, theme=theme, width=width)
    opened = visit(context, live, failing=name in FAILING)
    opened.page.goto(live.url + (ADDRESSES[name] or live.addresses.get(name) or live.section))
    opened.page.wait_for_load_state("networkidle")
    for chart in opened.page.locator("[data-spec]").all():
        chart.and_(opened.page.locator("[data-drawn]")).wait_for()
    PICTURES.mkdir(exist_ok=True)
    opened.page.screenshot(path=PICTURES / f"{name}-{language}-{theme}-{width}.png")
    assert opened.page.locator("html").get_attribute("lang") == language
    assert overflowing(opened.page) == []
    assert untranslated(opened.page, language) == []
    assert serious_findings(opened.page) == []
    assert unreached(opened.page) == []
    assert opened.faults == []
    context.close()


def overflowing(page: Page) -> list[str]:
    """What is wider than its place: the document, or a part that scrolls downwards only."""
    return page.evaluate(
        """() => [document.documentElement, ...document.querySelectorAll(
               "main, .page-body, .talk-scroll, .talk-flow, .panel, .page-bar, .rail")]
             .filter((part) => part.scrollWidth > part.clientWidth + 1 && part.clientWidth > 0)
             .map((part) => `${part.tagName}.${part.className}`)"""
    )


def untranslated(page: Page, language: str) -> list[str]:
    """Messages of the catalogue that stand on a Portuguese page in English."""
    if language == "en":
        return []
    shown: list[str] = page.evaluate(
        """() => {
             const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
             const found = [];
             while (walker.nextNode())
               if (!walker.currentNode.parentElement.closest("[lang=en]")) found.push(walker.currentNode.data.trim());
             for (const name of ["aria-label", "title", "placeholder"])
               for (const part of document.querySelectorAll(`[${name}]`))
                 if (!part.closest("[lang=en]")) found.push(part.getAttribute(name));
             return found;
           }"""
    )
    return [text for text in shown if text in english_messages()]


@cache
def english_messages() -> frozenset[str]:
    """What the catalogue translates into something else."""
    source = Path(ouvidor.web.__path__[0]) / "locale" / "pt_BR" / "LC_MESSAGES" / "messages.po"
    with source.open("rb") as po:
        return frozenset(str(message.id) for message in read_po(po) if message.id and message.id != message.string)


def serious_findings(page: Page) -> list[str]:
    """What axe-core finds of serious or critical impact."""
    assert AXE.exists(), "axe-core is missing: run `npm ci` (make browser does)"
    page.evaluate(AXE.read_text())
    results = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{finding['id']}: {node['html'][:160]}"
        for finding in results["violations"]
        if finding["impact"] in {"serious", "critical"}
        for node in finding["nodes"]
    ]


def unreached(page: Page) -> list[str]:
    """Controls that Tab does not reach, or reaches without a visible mark."""
    left: int = page.evaluate(
        """() => {
             const controls = [...document.querySelectorAll("a[href], button, input, select, textarea, summary")]
               .filter((control) => control.type !== "hidden" && !control.disabled && control.checkVisibility());
             for (const [index, control] of controls.entries()) control.dataset.control = index;
             document.addEventListener("focusin", ({ target: control }) => {
               const shown = control.closest(".composer-box") ?? control;
               const reached = getComputedStyle(shown).outlineStyle !== "none";
               // Tab stops once at a group of radio buttons; the arrows lead on.
               const group = control.type === "radio" ? [...document.getElementsByName(control.name)] : [control];
               if (reached) for (const part of group) delete part.dataset.control;
             });
             document.activeElement.blur();
             return controls.length;
           }"""
    )
    presses = left + 40
    while left and presses > 0:
        for _ in range(min(left, presses)):
            page.keyboard.press("Tab")
        presses -= left
        left = page.locator("[data-control]").count()
    return page.locator("[data-control]").evaluate_all("(parts) => parts.map((part) => part.outerHTML.slice(0, 160))")


@pytest.mark.parametrize(
    "name",
    [
        "chat",
        "knowledge",
        "reference",
        "settings",
        "member",
        "roles",
        "key",
        "audit-log",
        "prompts",
        "prompt-changes",
        "analyses",
        "analysis",
        "comments",
        "corrections",
        "corrections-many",
        "classifier",
        "taxonomy",
        "taxonomy-edit",
        "taxonomy-version",
        "comment",
        "comment-files",
        "comment-columns",
        "comment-job-paused",
    ],
)
def test_page_fits_every_width(desk: Visit, live: LiveSite, name: str) -> None:
    desk.page.goto(live.url + (ADDRESSES[name] or live.addresses[name]))
    for width in (320, 360, 480, 719, 720, 800, 1024, 1087, 1088, 1440, 1920):
        desk.page.set_viewport_size({"width": width, "height": 700})
        assert (width, overflowing(desk.page)) == (width, [])


@pytest.mark.parametrize(
    "name",
    [
        "chat",
        "knowledge",
        "reference",
        "settings",
        "members-many",
        "keys",
        "audit-log",
        "prompts",
        "comment",
        "comments",
        "corrections",
        "taxonomy",
    ],
)
def test_page_is_light(desk: Visit, live: LiveSite, name: str) -> None:
    """All that a first visit loads, uncompressed, under 100 kB."""
    desk.page.goto(live.url + (ADDRESSES[name] or live.addresses[name]))
    desk.page.wait_for_load_state("networkidle")
    loaded: dict[str, int] = desk.page.evaluate(
        """() => Object.fromEntries(
             [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
               .map((entry) => [entry.name, entry.decodedBodySize]))"""
    )
    assert len(loaded) >= 4
    assert sum(loaded.values()) < 100_000
