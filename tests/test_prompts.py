"""Prompts: what a text may hold, versions that never change, one of them active, and what an engine is sent."""

import asyncio
from dataclasses import replace
from itertools import pairwise
from typing import Any
from uuid import uuid4

import httpx
import pytest
from conftest import MovedClock, OpenRuntime
from factories import Site, Tenant
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import DBAPIError

from ouvidor.accounts.audit import COMMAND, Actor
from ouvidor.accounts.models import AuditEntry, Project
from ouvidor.agent.answer import answer
from ouvidor.agent.reply import REPLY, Draft
from ouvidor.engines.scripted import ScriptedEngine
from ouvidor.prompts.active import brief
from ouvidor.prompts.catalogue import PROMPTS, UnknownPrompt, digest_of, prompt_named
from ouvidor.prompts.models import PromptActivation, PromptVersion
from ouvidor.prompts.render import FILTERS, MOST_CHARACTERS, UnacceptablePrompt, clean, compiled, find_troubles
from ouvidor.prompts.store import (
    InUse,
    NothingBefore,
    UnknownPromptVersion,
    Wanted,
    activate_prompt,
    active_version,
    in_use,
    list_versions,
    save_prompt,
)
from ouvidor.runtime import Runtime

REPLY_PROMPT = PROMPTS["reply"]
LONGEST = REPLY_PROMPT.longest
AUTHOR = Actor("user", "Marina", uuid4())
ESCAPES = (
    "{{ company.__class__ }}",
    "{{ company.__class__.__mro__[1].__subclasses__() }}",
    "{{ company['__class__'] }}",
    '{{ company["__class__"]["__mro__"] }}',
    "{{ company|attr('__class__') }}",
    "{{ ''.__class__ }}",
    "{{ ''['__cl' ~ 'ass__'] }}",
    "{{ company.format(company) }}",
    "{{ '%s' % company }}",
    "{{ '{0.__class__}'.format(company) }}",
    "{{ company|format(company) }}",
    "{{ company|map('attr', '__class__')|list }}",
    "{{ self }}",
    "{{ self.__init__.__globals__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ config }}",
    "{{ request }}",
    "{{ cycler.__init__.__globals__.os }}",
    "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "{{ joiner() }}",
    "{{ namespace(a=1) }}",
    "{{ range(10 ** 9) }}",
    "{{ dict(a=1) }}",
    "{{ company() }}",
    "{{ company * 1000000 }}",
    "{{ 10 ** 100 }}",
    "{{ [company] * 9 }}",
    "{{ company[::-1] }}",
    "{{ (company, company) }}",
    "{{ {'a': company} }}",
    "{{ company is defined }}",
    "{{ company if persona else language }}",
    "{{ company ~ persona }}",
    "{{ company|tojson }}",
    "{{ company|center(100000) }}",
    "{{ company|upper(1) }}",
    "{{ loop }}",
    "{{ varargs }}",
    "{{ caller() }}",
    "{{ _ }}",
    "{{ True }}",
    "{% for letter in company %}{{ letter }}{% endfor %}",
    "{% for a in range(9) recursive %}{{ loop(a) }}{% endfor %}",
    "{% set company = 'x' %}",
    "{% set x %}{{ company }}{% endset %}",
    "{% macro x() %}{% endmacro %}",
    "{% macro x() %}{% endmacro %}{{ x() }}",
    "{% call company() %}{% endcall %}",
    "{% filter upper %}x{% endfilter %}",
    "{% with a = company %}{{ a }}{% endwith %}",
    "{% block x %}{% endblock %}",
    "{% include 'reply.md' %}",
    "{% include company %}",
    "{% import 'x' as x %}",
    "{% from 'x' import y %}",
    "{% extends 'x' %}",
    "{% autoescape true %}{% endautoescape %}",
    "{% do company.x() %}",
    "{% trans %}x{% endtrans %}",
    "{% debug %}",
    "{% if company > 'a' %}x{% endif %}",
    "{% if company.isupper() %}x{% endif %}",
    "{% if 9 ** 9 ** 9 %}x{% endif %}",
)


@pytest.mark.parametrize("written", ESCAPES)
def test_what_a_prompt_may_not_hold_is_refused(written: str) -> None:
    with pytest.raises(UnacceptablePrompt) as refused:
        compiled(f"Answer.\n\n{written}\n", LONGEST)
    assert [trouble.line for trouble in refused.value.troubles] == [3] * len(refused.value.troubles)
    assert refused.value.faults[0].where == "line 3"


@pytest.mark.parametrize(
    ("written", "kind", "line"),
    [
        ("", "empty", 1),
        (" \n\n", "empty", 1),
        ("a\n{{ company", "syntax", 2),
        ("{% if company %}x", "syntax", 1),
        ("{% endif %}", "syntax", 1),
        ("a\nb\n{{ compnay }}", "unknown_variable", 3),
        ("{{ company | shout }}", "unknown_filter", 1),
        ("x" * MOST_CHARACTERS, "too_long", 1),
        ("x\n" * 700, "too_many_lines", 1),
        ("{{ persona }}" * 300, "rendered_too_long", 1),
        ("{{ " + "9" * 5000 + " }}", "syntax", 1),
        ("{{" + "(" * 5000, "too_deep", 1),
        ("{{" + "(" * 500 + "company" + ")" * 500 + "}}", "too_deep", 1),
        ("{% if company %}" * 50 + "{% endif %}" * 50, "too_deep", 1),
        ("{% if " + "not " * 400 + "company %}x{% endif %}", "too_deep", 1),
        ("a\0b", "unstorable", 1),
        ("a\ud800b", "unstorable", 1),
    ],
)
def test_each_trouble_has_its_kind_and_line(written: str, kind: str, line: int) -> None:
    found = find_troubles(clean(written), LONGEST)
    assert [(trouble.kind, trouble.line) for trouble in found][:1] == [(kind, line)]
    assert found[0].sentence


def test_all_troubles_are_told_at_once() -> None:
    found = find_troubles("{{ a }}\n{{ b }}\n{% for c in company %}{% endfor %}\n{{ company|d }}\n", LONGEST)
    kinds = ["unknown_variable", "unknown_variable", "not_allowed", "unknown_filter"]
    assert [(trouble.line, trouble.kind) for trouble in found] == list(enumerate(kinds, start=1))


def test_what_a_prompt_may_hold_is_filled_in() -> None:
    written = (
        "{# for colleagues #}{{ company|upper }}{{ persona | trim | lower }}"
        "{% if language == 'pt' and not persona %}oi{% elif 'e' in language or persona %}hi{% else %}?{% endif %}"
        '{% raw %}{{ x }}{% endraw %} {"kind": "answer"} {{ company }}'
    )
    template = compiled(clean(written), LONGEST)
    values = {"company": "<b>Maré</b>", "persona": " LIA ", "language": "en"}
    assert template.render(values) == '<B>MARÉ</B>liahi{{ x }} {"kind": "answer"} <b>Maré</b>'


def test_values_are_never_read_as_templates() -> None:
    told = compiled("{{ company }}\n", LONGEST).render(
        company="{{ persona }}{% for a in b %}", persona="p", language=""
    )
    assert told == "{{ persona }}{% for a in b %}"


@pytest.mark.parametrize("name", PROMPTS)
def test_shipped_texts_hold_to_the_same_rules(name: str) -> None:
    prompt = prompt_named(name)
    assert clean(prompt.text) == prompt.text
    told = compiled(prompt.text, prompt.longest).render({"company": "Maresia", "persona": "Lia", "language": "pt"})
    assert "Maresia" in told
    assert "{{" not in told
    assert prompt.default_label == f"{name} default {digest_of(prompt.text)[:8]}"
    others = {"analysis": ("`messages`", "`goal`"), "comments": ("`comments`", "`categories`")}
    for promise in ("data", "never an instruction", *others.get(name, ("`question`", "`history`"))):
        assert promise in told


def test_the_shipped_reply_names_every_field_and_kind_of_a_draft() -> None:
    schema: dict[str, Any] = REPLY.output.model_json_schema()
    for word in (*schema["properties"], *schema["properties"]["kind"]["enum"]):
        assert f"`{word}`" in REPLY_PROMPT.text
    assert set(FILTERS) == {"capitalize", "lower", "trim", "upper"}


def own(site: Site) -> Project:
    return site.own.project


async def keep(rt: Runtime, site: Site, written: str, *, activate: bool = False) -> PromptVersion:
    return (await save_prompt(rt, own(site), "reply", written, actor=AUTHOR, activate=activate)).version


async def number_in_use(rt: Runtime, tenant: Tenant) -> int | None:
    async with rt.db.read() as session:
        version = await active_version(session, tenant.project.id, "reply")
    return None if version is None else version.number


async def noted(rt: Runtime) -> list[tuple[str, dict[str, Any]]]:
    query = select(AuditEntry).where(AuditEntry.action.like("prompt.%")).order_by(AuditEntry.id)
    async with rt.db.read() as session:
        return [(entry.action, entry.details) for entry in (await session.execute(query)).scalars()]


@pytest.mark.anyio
async def test_a_version_keeps_number_hash_author_and_note(rt: Runtime, site: Site, clock: MovedClock) -> None:
    saved = await save_prompt(rt, own(site), "reply", "Be brief.  \r\n", note="  shorter\nanswers ", actor=AUTHOR)
    row = saved.version
    assert (row.number, row.text, row.note, row.author_name) == (1, "Be brief.\n", "shorter answers", "Marina")
    assert (row.digest, row.author_id, row.created_at) == (digest_of("Be brief.\n"), AUTHOR.id, clock.now)
    assert await number_in_use(rt, site.own) is None
    assert await noted(rt) == [("prompt.saved", {"label": "reply 1"})]


@pytest.mark.anyio
async def test_the_same_text_is_the_same_version(rt: Runtime, site: Site) -> None:
    first = await keep(rt, site, "One")
    await keep(rt, site, "Two")
    again = await save_prompt(rt, own(site), "reply", "One \r\n\r\n", note="other", actor=COMMAND)
    assert (again.version.id, again.made, again.version.note) == (first.id, False, "")
    assert len(await noted(rt)) == 2
    elsewhere = await save_prompt(rt, site.other.project, "reply", "One", actor=COMMAND)
    assert (elsewhere.version.number, elsewhere.made) == (1, True)


@pytest.mark.anyio
async def test_nothing_is_saved_of_a_text_that_cannot_be_a_prompt(rt: Runtime, site: Site) -> None:
    with pytest.raises(UnacceptablePrompt):
        await keep(rt, site, "{{ password }}", activate=True)
    with pytest.raises(UnknownPrompt):
        await save_prompt(rt, own(site), "weather", "x", actor=COMMAND)
    async with rt.db.read() as session:
        assert (await session.execute(select(func.count()).select_from(PromptVersion))).scalar_one() == 0
    assert await noted(rt) == []


@pytest.mark.anyio
async def test_many_at_once_get_numbers_without_gaps(rt: Runtime, site: Site, opened: OpenRuntime) -> None:
    """Twenty texts, each saved twice, by two processes."""
    async with opened() as second:
        deeds = [
            save_prompt(runtime, own(site), "reply", f"Text {number}", actor=COMMAND, activate=number % 3 == 0)
            for number in range(20)
            for runtime in (rt, second)
        ]
        saved = await asyncio.gather(*deeds)
    assert sum(one.made for one in saved) == 20
    assert sorted({one.version.number for one in saved}) == list(range(1, 21))
    async with rt.db.read() as session:
        rows = (await session.execute(select(PromptActivation).order_by(PromptActivation.id))).scalars().all()
    assert all(one.version_id != other.version_id for one, other in pairwise(rows))


@pytest.mark.anyio
async def test_the_database_refuses_to_reword_a_version(rt: Runtime, site: Site) -> None:
    row = await keep(rt, site, "One")
    for change in ({"text": "Two"}, {"note": "x"}, {"number": 7}, {"created_at": rt.clock()}):
        with pytest.raises(DBAPIError, match="never changes"):
            async with rt.db.begin() as session:
                await session.execute(update(PromptVersion).where(PromptVersion.id == row.id).values(**change))
    async with rt.db.read() as session:
        told = (await session.execute(text("select text from prompt_version"))).scalar_one()
    assert told == "One\n"


@pytest.mark.anyio
async def test_an_activation_names_a_version_of_its_own_project_and_prompt(rt: Runtime, site: Site) -> None:
    row = await keep(rt, site, "One")
    wrong = ((site.other.project.id, "reply"), (own(site).id, "rewrite"))
    for project_id, name in wrong:
        with pytest.raises(DBAPIError, match="foreign key"):
            async with rt.db.begin() as session:
                told = {"project_id": project_id, "name": name, "version_id": row.id}
                session.add(PromptActivation(**told, actor_name="x", at=rt.clock()))


@pytest.mark.anyio
async def test_going_back_leads_step_by_step_to_the_shipped_text(rt: Runtime, site: Site) -> None:
    for written in ("One", "Two", "Three"):
        await keep(rt, site, written, activate=True)

    async def back(wanted: Wanted = "previous") -> int | None:
        done = await activate_prompt(rt, own(site), "reply", wanted, actor=AUTHOR)
        assert done.changed
        return done.version and done.version.number

    assert [await back(), await back(), await back()] == [2, 1, None]
    with pytest.raises(NothingBefore):
        await back()
    assert [await back(3), await back(1), await back("default"), await back()] == [3, 1, None, 1]
    assert await number_in_use(rt, site.own) == 1
    assert (await noted(rt))[-1] == ("prompt.activated", {"label": "reply 1", "before": REPLY_PROMPT.default_label})


@pytest.mark.anyio
async def test_what_is_in_use_already_is_not_activated_again(rt: Runtime, site: Site) -> None:
    await keep(rt, site, "One", activate=True)
    before = await noted(rt)
    done = await activate_prompt(rt, own(site), "reply", 1, actor=AUTHOR)
    assert (done.changed, await noted(rt)) == (False, before)
    with pytest.raises(UnknownPromptVersion):
        await activate_prompt(rt, own(site), "reply", 2, actor=AUTHOR)
    with pytest.raises(UnknownPromptVersion):
        await activate_prompt(rt, site.other.project, "reply", 1, actor=AUTHOR)


@pytest.mark.anyio
async def test_versions_are_listed_in_pages(rt: Runtime, site: Site) -> None:
    for number in range(5):
        await keep(rt, site, f"Text {number}")
    async with rt.db.read() as session:
        first = await list_versions(session, own(site).id, "reply", limit=3)
        rest = await list_versions(session, own(site).id, "reply", after=first[-1].id, limit=3)
        other = await list_versions(session, own(site).id, "rewrite", limit=3)
    assert ([row.number for row in first], [row.number for row in rest], other) == ([5, 4, 3], [2, 1], [])


@pytest.fixture
def scripted(rt: Runtime) -> Runtime:
    """The same runtime with an engine that reads prompts."""
    return replace(rt, engine=ScriptedEngine())


async def fresh(rt: Runtime, tenant: Tenant) -> Project:
    """The project as a request finds it."""
    async with rt.db.read() as session:
        return await session.get_one(Project, tenant.project.id)


TOLD = {"company": "Maresia", "persona": "Lia", "language": "pt"}


@pytest.mark.anyio
async def test_an_engine_gets_the_active_version_filled_in(rt: Runtime, scripted: Runtime, site: Site) -> None:
    shipped = await brief(scripted, await fresh(rt, site.own), "reply", TOLD)
    assert (shipped.version, shipped.label) == (None, REPLY_PROMPT.default_label)
    assert "customers of Maresia" in shipped.prompt
    row = await keep(rt, site, "{{ company }}, {{ persona }}!", activate=True)
    project = await fresh(rt, site.own)
    used = await brief(scripted, project, "reply", {**TOLD, "not_known": "x"})
    assert (used.prompt, used.version, used.label) == ("Maresia, Lia!", row.id, "reply 1")
    assert (await brief(scripted, project, "reply", {})).prompt == ", !"
    elsewhere = await brief(scripted, await fresh(rt, site.other), "reply", TOLD)
    assert (elsewhere.label, elsewhere.version) == (REPLY_PROMPT.default_label, None)


@pytest.mark.anyio
async def test_another_process_uses_it_from_the_next_message_on(
    rt: Runtime, scripted: Runtime, site: Site, opened: OpenRuntime
) -> None:
    await keep(rt, site, "One", activate=True)
    assert (await brief(scripted, await fresh(rt, site.own), "reply", TOLD)).prompt == "One"
    async with opened() as second:
        await save_prompt(second, own(site), "reply", "Two", actor=COMMAND, activate=True)
    assert (await brief(scripted, await fresh(rt, site.own), "reply", TOLD)).prompt == "Two"


@pytest.mark.anyio
async def test_a_version_that_is_no_longer_understood_gives_way(rt: Runtime, scripted: Runtime, site: Site) -> None:
    """As after an update that dropped a variable: the row was written by older rules."""
    row = await keep(rt, site, "Old", activate=True)
    written = "{{ dropped_variable }}\n"
    values = {column: getattr(row, column) for column in ("project_id", "name", "author_name", "created_at")}
    async with rt.db.begin() as session:
        session.add(old := PromptVersion(**values, number=2, digest=digest_of(written), text=written))
        await session.flush()
        project = await session.get_one(Project, own(site).id)
        project.active_prompts = {"reply": {"id": str(old.id), "number": 2}}
    used = await brief(scripted, project, "reply", TOLD)
    assert (used.version, used.label) == (None, REPLY_PROMPT.default_label)
    assert "customers of Maresia" in used.prompt


@pytest.mark.anyio
async def test_the_local_engine_needs_no_prompt(rt: Runtime, site: Site) -> None:
    await keep(rt, site, "One", activate=True)
    used = await brief(rt, await fresh(rt, site.own), "reply", TOLD)
    assert (used.prompt, used.label, used.version, used.project_id) == ("", "", None, own(site).id)


@pytest.mark.anyio
async def test_a_reply_names_the_version_it_was_written_by(rt: Runtime, scripted: Runtime, site: Site) -> None:
    row = await keep(rt, site, "Answer for {{ company }}.", activate=True)
    engine = scripted.engine
    assert isinstance(engine, ScriptedEngine)
    engine.always("reply", Draft(kind="unsure"))
    reply = await answer(scripted, await fresh(rt, site.own), "What time is breakfast?")
    assert (reply.prompt_version, reply.prompt_label) == (row.id, "reply 1")
    assert [call.brief.prompt for call in engine.calls if call.task == "reply"] == ["Answer for Seaside."]


@pytest.mark.anyio
async def test_the_project_names_what_the_activations_say(rt: Runtime, site: Site) -> None:
    """Each prompt by itself; the shipped text is no entry."""
    first = await keep(rt, site, "One", activate=True)
    other = (await save_prompt(rt, own(site), "rewrite", "Two", actor=COMMAND, activate=True)).version
    named = {prompt: in_use(await fresh(rt, site.own), prompt) for prompt in PROMPTS}
    assert named == {"reply": InUse(first.id, 1), "analysis": None, "comments": None, "rewrite": InUse(other.id, 1)}
    await activate_prompt(rt, own(site), "reply", "default", actor=COMMAND)
    assert (await fresh(rt, site.own)).active_prompts == {"rewrite": {"id": str(other.id), "number": 1}}
    assert (await fresh(rt, site.other)).active_prompts == {}


@pytest.mark.anyio
async def test_a_project_goes_with_its_prompts(rt: Runtime, site: Site) -> None:
    await keep(rt, site, "One", activate=True)
    async with rt.db.begin() as session:
        await session.execute(delete(PromptActivation).where(PromptActivation.project_id == own(site).id))
        await session.execute(delete(PromptVersion).where(PromptVersion.project_id == own(site).id))
    assert await number_in_use(rt, site.own) is None


API = "/api/v1/prompts"


async def post(client: httpx.AsyncClient, site: Site, path: str, **body: Any) -> httpx.Response:
    return await client.post(f"{API}{path}", json={"name": "reply", **body}, headers=site.own.headers)


@pytest.mark.anyio
async def test_the_api_saves_compares_activates_and_goes_back(client: httpx.AsyncClient, site: Site) -> None:
    listed = (await client.get(API, headers=site.own.headers)).json()["data"]
    assert [(row["name"], row["active"]["version_id"]) for row in listed] == [(name, None) for name in PROMPTS]
    assert [variable["name"] for variable in listed[0]["variables"]] == ["company", "persona", "language"]
    made = await post(client, site, "/versions", text="Answer.\nBe brief.\n", note="first", activate=True)
    again = await post(client, site, "/versions", text="Answer.\r\nBe brief.")
    assert (made.status_code, again.status_code, again.json()) == (201, 200, made.json())
    assert (made.json()["label"], made.json()["author"]) == ("reply 1", "test")
    second = (await post(client, site, "/versions", text="Answer.\nBe very brief.\n")).json()
    read = (await client.get(f"{API}/versions/{second['id']}", headers=site.own.headers)).json()
    assert (read["active"], read["text"], read["version"]) == (False, "Answer.\nBe very brief.\n", second)
    diff = (await client.get(f"{API}/versions/{second['id']}/diff", headers=site.own.headers)).json()
    assert (diff["before"], diff["after"]) == ("reply 1", "reply 2")
    assert [(line["kind"], line["before"], line["after"], line["text"]) for line in diff["lines"]] == [
        ("same", 1, 1, "Answer."),
        ("removed", 2, None, "Be brief."),
        ("added", None, 2, "Be very brief."),
    ]
    done = (await post(client, site, "/activate", version=2)).json()
    assert (done["active"]["label"], done["before"]["label"], done["changed"]) == ("reply 2", "reply 1", True)
    back = (await post(client, site, "/activate", version="previous")).json()
    assert (back["active"]["label"], back["before"]["label"]) == ("reply 1", "reply 2")
    default = (await post(client, site, "/activate", version="default")).json()
    assert default["active"] == {
        "label": REPLY_PROMPT.default_label,
        "version_id": None,
        "number": None,
        "digest": REPLY_PROMPT.digest,
    }
    page = await client.get(f"{API}/versions?limit=1", headers=site.own.headers)
    assert (page.json()["data"], page.json()["has_more"]) == ([second], True)


@pytest.mark.anyio
async def test_the_api_says_what_is_wrong(client: httpx.AsyncClient, site: Site) -> None:
    refused = await post(client, site, "/versions", text="Answer.\n{{ customer }}\n{% for a in b %}{% endfor %}")
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:ouvidor:unacceptable_prompt")
    assert [part["where"] for part in refused.json()["errors"]] == ["line 2", "line 3"]
    other = {"text": "x", "name": "weather"}
    tried = {
        "/versions": [
            (other, 404),
            ({"text": "x" * 50_000}, 422),
            ({"text": "a\0"}, 422),
            ({"text": "x", "a": 1}, 422),
        ],
        "/activate": [({"version": 9}, 404), ({"version": "previous"}, 409), ({"version": "newest"}, 422)],
    }
    for path, cases in tried.items():
        for body, status in cases:
            response = await post(client, site, path, **body)
            assert response.status_code == status, (path, body, response.text)
            assert response.headers["content-type"] == "application/problem+json"
    for query in ("?name=weather", "?name=%00", "?name=rewrite"):
        response = await client.get(f"{API}/versions{query}", headers=site.own.headers)
        assert response.status_code == {"?name=weather": 404, "?name=%00": 422, "?name=rewrite": 200}[query]


@pytest.mark.anyio
async def test_two_versions_are_compared_in_either_direction(client: httpx.AsyncClient, site: Site) -> None:
    ids = [(await post(client, site, "/versions", text=written)).json()["id"] for written in ("One", "Two")]
    for version, against, told in (
        (ids[1], ids[0], ["One", "Two"]),
        (ids[0], ids[1], ["Two", "One"]),
        (ids[0], ids[0], []),
    ):
        address = f"{API}/versions/{version}/diff?against={against}"
        diff = (await client.get(address, headers=site.own.headers)).json()
        assert [line["text"] for line in diff["lines"]] == told
    shipped = await client.get(f"{API}/versions/{ids[0]}/diff?against=default", headers=site.own.headers)
    assert shipped.json()["before"] == REPLY_PROMPT.default_label
    assert {line["kind"] for line in shipped.json()["lines"]} == {"removed", "added"}
