"""A project's rules: what may be set, what is refused field by field, and what the audit log learns of it."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest
from access_cases import add_person, bearer_of
from conftest import OpenRuntime
from factories import Site

from ouvidor.accounts.audit import COMMAND, AuditFilter, read_audit_log
from ouvidor.accounts.models import AuditEntry, Project
from ouvidor.accounts.permissions import Role
from ouvidor.accounts.projects import (
    PhraseChanges,
    UnacceptableRule,
    UnknownProject,
    change_project,
    project_named,
    read_changes,
)
from ouvidor.agent.phrases import DEFAULTS, Phrase, phrase
from ouvidor.runtime import Runtime

pytestmark = pytest.mark.anyio

ADDRESS = "/api/v1/project"
EVERYTHING: dict[str, Any] = {
    "title": "Seaside hotels",
    "mode": "handover",
    "n2_reply": "transfer_only",
    "max_clarifications": 0,
    "expiry_minutes": 10080,
    "sections_shown": 50,
    "relevance_gate": 0.25,
    "phrases": {"transfer": {"pt": "Um momento.", "en": "One moment."}, "joined": {"pt": "Oi!"}},
    "handover_to": "elsewhere",
    "hold_minutes": 1,
    "retention_days": 36500,
    "mask_personal_data": False,
    "persona": "Marina",
    "languages": ["en", "pt"],
    "analysis_goal": "the reservation was closed",
    "analysis_budget": 12.5,
    "analysis_idle_minutes": 1,
    "analysis_paused": True,
}


async def log_of(rt: Runtime, project: Project) -> list[AuditEntry]:
    async with rt.db.read() as session:
        wanted = AuditFilter("project.changed")
        return await read_audit_log(session, project.id, wanted, after=None, limit=100)


async def change(rt: Runtime, project: Project, **values: Any) -> Project:
    async with rt.db.begin() as session:
        return await change_project(session, project.id, read_changes(values), actor=COMMAND, now=rt.clock())


async def test_every_rule_can_be_set_and_read_back(site: Site, client: httpx.AsyncClient) -> None:
    before = (await client.get(ADDRESS, headers=site.own.headers)).json()
    answer = await client.patch(ADDRESS, json=EVERYTHING, headers=site.own.headers)
    assert answer.status_code == 200, answer.text
    after = (await client.get(ADDRESS, headers=site.own.headers)).json()
    assert after == answer.json() == before | EVERYTHING
    assert set(EVERYTHING) == set(before) - {"id", "name"}
    other = (await client.get(ADDRESS, headers=site.other.headers)).json()
    assert other["mode"] == "both"


@pytest.mark.parametrize(
    ("field", "value", "where"),
    [
        ("mode", "sometimes", "mode"),
        ("mode", None, "mode"),
        ("n2_reply", "answer", "n2_reply"),
        ("max_clarifications", 11, "max_clarifications"),
        ("max_clarifications", -1, "max_clarifications"),
        ("max_clarifications", 1.5, "max_clarifications"),
        ("max_clarifications", None, "max_clarifications"),
        ("expiry_minutes", 0, "expiry_minutes"),
        ("expiry_minutes", 10081, "expiry_minutes"),
        ("sections_shown", 0, "sections_shown"),
        ("sections_shown", 51, "sections_shown"),
        ("relevance_gate", 1.01, "relevance_gate"),
        ("relevance_gate", -0.1, "relevance_gate"),
        ("relevance_gate", "high", "relevance_gate"),
        ("handover_to", "nowhere", "handover_to"),
        ("hold_minutes", 0, "hold_minutes"),
        ("hold_minutes", 10081, "hold_minutes"),
        ("retention_days", 0, "retention_days"),
        ("retention_days", 36501, "retention_days"),
        ("retention_days", "soon", "retention_days"),
        ("mask_personal_data", None, "mask_personal_data"),
        ("mask_personal_data", "often", "mask_personal_data"),
        ("analysis_goal", "x" * 301, "analysis_goal"),
        ("analysis_goal", "a\0b", "analysis_goal"),
        ("analysis_budget", -1, "analysis_budget"),
        ("analysis_budget", "much", "analysis_budget"),
        ("analysis_idle_minutes", 0, "analysis_idle_minutes"),
        ("analysis_paused", None, "analysis_paused"),
        ("persona", "x" * 201, "persona"),
        ("persona", "a\0b", "persona"),
        ("persona", None, "persona"),
        ("title", "  ", "title"),
        ("title", "x" * 121, "title"),
        ("languages", [], "languages"),
        ("languages", ["pt", "pt"], "languages"),
        ("languages", ["pt", "fr"], "languages.1"),
        ("languages", None, "languages"),
        ("phrases", None, "phrases"),
        ("phrases", {"greeting": {"pt": "Oi"}}, "phrases.greeting"),
        ("phrases", {"transfer": {"fr": "Salut"}}, "phrases.transfer.fr"),
        ("phrases", {"transfer": {"pt": "x" * 501}}, "phrases.transfer.pt"),
        ("phrases", {"transfer": {"pt": "a\0b"}}, "phrases.transfer.pt"),
        ("phrases", {"transfer": {"pt": 7}}, "phrases.transfer.pt"),
        ("name", "seashore", "name"),
        ("id", "0190a0b0-0000-7000-8000-000000000000", "id"),
        ("demo", True, "demo"),
    ],
)
async def test_a_value_out_of_its_bounds_is_one_fault_and_changes_nothing(
    rt: Runtime, site: Site, client: httpx.AsyncClient, field: str, value: Any, where: str
) -> None:
    before = (await client.get(ADDRESS, headers=site.own.headers)).json()
    body = {"expiry_minutes": 45, field: value}
    answer = await client.patch(ADDRESS, json=body, headers=site.own.headers)
    assert answer.status_code == 422, answer.text
    assert [fault["where"] for fault in answer.json()["errors"]] == [f"body.{where}"]
    assert (await client.get(ADDRESS, headers=site.own.headers)).json() == before
    with pytest.raises(UnacceptableRule) as refused:
        read_changes(body)
    assert [fault.where for fault in refused.value.faults] == [where]
    assert refused.value.detail.startswith(f"{where}: ")
    assert await log_of(rt, site.own.project) == []


async def test_each_broken_field_has_its_own_fault() -> None:
    with pytest.raises(UnacceptableRule) as refused:
        read_changes({"mode": "x", "hold_minutes": 0, "phrases": {"error": {"pt": "x" * 501}}})
    assert {fault.where for fault in refused.value.faults} == {"mode", "hold_minutes", "phrases.error.pt"}


async def test_not_a_number_is_no_gate(site: Site, client: httpx.AsyncClient) -> None:
    for body in (b'{"relevance_gate": NaN}', b'{"relevance_gate": Infinity}'):
        headers = site.own.headers | {"Content-Type": "application/json"}
        assert (await client.patch(ADDRESS, content=body, headers=headers)).status_code in {400, 422}


async def test_forms_and_command_lines_may_send_numbers_as_text() -> None:
    changes = read_changes({"hold_minutes": "15", "relevance_gate": "0.5", "mode": "both", "title": " T "})
    assert (changes.hold_minutes, changes.relevance_gate, changes.title) == (15, 0.5, "T")


async def test_what_may_be_missing_can_be_taken_back(rt: Runtime, site: Site) -> None:
    await change(rt, site.own.project, relevance_gate=0.4, retention_days=30, persona="Marina")
    project = await change(rt, site.own.project, relevance_gate=None, retention_days=None, persona="")
    assert (project.relevance_gate, project.retention_days, project.persona) == (None, None, "")


async def test_every_phrase_can_be_worded_and_only_those_sent_change(rt: Runtime, site: Site) -> None:
    assert set(PhraseChanges.model_fields) == set(Phrase)
    both = {name: {"pt": f" {name} em português ", "en": f"{name} in English"} for name in Phrase}
    project = await change(rt, site.own.project, phrases=both)
    assert phrase(project.phrases, Phrase.CLOSED, "pt") == "closed em português"
    project = await change(rt, site.own.project, phrases={"closed": {"pt": "Tchau!"}, "error": {"en": "Oops!"}})
    assert project.phrases["closed"] == {"pt": "Tchau!", "en": "closed in English"}
    assert project.phrases["error"] == {"pt": "error em português", "en": "Oops!"}
    assert project.phrases["joined"] == {"pt": "joined em português", "en": "joined in English"}


@pytest.mark.parametrize("nothing", [None, "", "   "])
async def test_an_empty_wording_is_the_default_again(rt: Runtime, site: Site, nothing: str | None) -> None:
    await change(rt, site.own.project, phrases={"transfer": {"pt": "Um momento.", "en": "One moment."}})
    project = await change(rt, site.own.project, phrases={"transfer": {"pt": nothing}})
    assert project.phrases == {"transfer": {"en": "One moment."}}
    assert phrase(project.phrases, Phrase.TRANSFER, "pt") == DEFAULTS[Phrase.TRANSFER]["pt"]
    assert (await change(rt, site.own.project, phrases={"transfer": {"en": nothing}})).phrases == {}


async def test_a_phrase_is_taken_back_in_all_languages(rt: Runtime, site: Site) -> None:
    await change(rt, site.own.project, phrases={"nobody": {"en": "Nobody."}, "closed": {"pt": "Fim."}})
    changed = await change(rt, site.own.project, phrases={"nobody": None, "error": None})
    assert changed.phrases == {"closed": {"pt": "Fim."}}
    told = [entry.details["wordings"] for entry in await log_of(rt, site.own.project)]
    assert sorted(told) == [["nobody.en"], ["nobody.en", "closed.pt"]]


async def test_the_log_learns_rules_from_and_to_and_of_wordings_the_names(
    rt: Runtime, site: Site, client: httpx.AsyncClient
) -> None:
    own = site.own.project
    ana = await add_person(rt, "ana", (own, Role.MANAGER))
    headers = await bearer_of(rt, ana, own)
    body = {
        "mode": "handover",
        "sections_shown": 10,
        "retention_days": 30,
        "languages": ["en"],
        "persona": "Secret Persona",
        "phrases": {"transfer": {"pt": "Secret wording"}, "error": {"en": None}},
    }
    assert (await client.patch(ADDRESS, json=body, headers=headers)).status_code == 200
    (entry,) = await log_of(rt, own)
    assert (entry.actor_kind, entry.actor_id, entry.subject_id) == ("user", ana.id, own.id)
    assert entry.details == {
        "mode": ["both", "handover"],
        "retention_days": [None, 30],
        "languages": [["pt", "en"], ["en"]],
        "wordings": ["transfer.pt", "persona"],
    }
    assert "Secret" not in repr(vars(entry))


async def test_what_stays_the_same_leaves_no_entry(rt: Runtime, site: Site) -> None:
    await change(rt, site.own.project, **EVERYTHING)
    await change(rt, site.own.project, **EVERYTHING)
    await change(rt, site.own.project)
    assert len(await log_of(rt, site.own.project)) == 1


async def test_changes_of_two_processes_at_once_are_all_kept(rt: Runtime, site: Site, opened: OpenRuntime) -> None:
    own = site.own.project
    wordings = [(name, language) for name in list(Phrase)[:5] for language in ("pt", "en")]
    async with opened() as second:
        await asyncio.gather(
            *(
                change((rt, second)[number % 2], own, phrases={name: {language: f"{name} {language}"}})
                for number, (name, language) in enumerate(wordings)
            )
        )
    async with rt.db.read() as session:
        project = await project_named(session, "seaside")
    assert {(name, language) for name, own in project.phrases.items() for language in own} == set(wordings)


async def test_a_project_that_is_not_there_is_not_changed(rt: Runtime) -> None:
    async with rt.db.begin() as session:
        with pytest.raises(UnknownProject):
            await change_project(session, uuid4(), read_changes({"mode": "both"}), actor=COMMAND, now=rt.clock())


async def test_who_may_only_read_changes_nothing(rt: Runtime, site: Site, client: httpx.AsyncClient) -> None:
    own = site.own.project
    for role in (Role.VIEWER, Role.AGENT, Role.AUDITOR):
        headers = await bearer_of(rt, await add_person(rt, role, (own, role)), own)
        assert (await client.patch(ADDRESS, json={"mode": "handover"}, headers=headers)).status_code == 403
    assert await log_of(rt, own) == []
