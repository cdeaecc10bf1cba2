"""The settings page of a project: its rules and phrases, read by all members, changed by those who may."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from ouvidor.accounts.models import Project
from ouvidor.accounts.permissions import Permission
from ouvidor.accounts.projects import UnacceptableRule, change_project, read_changes
from ouvidor.agent.phrases import DEFAULTS, Phrase
from ouvidor.runtime import Runtime, RuntimeDep
from ouvidor.text import Language
from ouvidor.web.answers import go_to, show
from ouvidor.web.contexts.frame import Frame
from ouvidor.web.contexts.rules import PhraseField, PhraseFields, RulesPage
from ouvidor.web.frames import frame_of
from ouvidor.web.visits import Member, member_with

LANGUAGES: tuple[Language, ...] = ("pt", "en")
PLAIN = ("title", "persona", "mode", "n2_reply", "handover_to", "analysis_goal")
NUMBERS = ("max_clarifications", "expiry_minutes", "sections_shown", "hold_minutes", "analysis_idle_minutes")
OPTIONAL = ("relevance_gate", "retention_days", "analysis_budget")
DECIMAL = ("relevance_gate", "analysis_budget")
TICKED = ("mask_personal_data", "analysis_paused")

router = APIRouter(include_in_schema=False)

Reader = Annotated[Member, member_with(Permission.PROJECT_READ)]
Writer = Annotated[Member, member_with(Permission.PROJECT_WRITE)]


def settings_address(project: Project, page: str = "") -> str:
    """Where a page of the project's settings is; without a name the first one."""
    return f"/projects/{project.name}/settings" + (f"/{page}" if page else "")


def settings_frame(request: Request, rt: Runtime, member: Member, page: str = "") -> Frame:
    """The frame of a page of the settings; a form that was refused is shown under the page's own address."""
    frame = frame_of(request, rt, member, "settings")
    return frame if request.method == "GET" else replace(frame, address=settings_address(member.project, page))


@router.get("/projects/{project}/settings")
async def get_settings(
    request: Request, rt: RuntimeDep, member: Reader, done: Annotated[str, Query(max_length=20)] = ""
) -> Response:
    """The rules that hold: as a form for those who may change them."""
    return show(request, _page(request, rt, member, _held(member.project), saved=done == "saved"))


@router.post("/projects/{project}/settings")
async def post_settings(request: Request, rt: RuntimeDep, member: Writer) -> Response:
    """Change all rules at once, or none: what breaks a rule comes back beside its field, with all that was typed."""
    typed = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    try:
        changes = read_changes(_as_changes(typed, member.project))
    except UnacceptableRule as refused:
        wrong = frozenset(_field_of(fault.where) for fault in refused.faults)
        values = _held(member.project) | {name: value.replace("\r\n", "\n") for name, value in typed.items()}
        return show(request, _page(request, rt, member, values, wrong=wrong), refused.status)
    async with rt.db.begin() as session:
        await change_project(session, member.project.id, changes, actor=member.person.actor, now=rt.clock())
    return go_to(f"{settings_address(member.project)}?done=saved")


def _page(
    request: Request,
    rt: Runtime,
    member: Member,
    values: Mapping[str, str],
    *,
    wrong: frozenset[str] = frozenset(),
    saved: bool = False,
) -> RulesPage:
    frame = settings_frame(request, rt, member)
    point = "," if frame.language == "pt-BR" else "."
    return RulesPage(
        frame=frame,
        values={**values, **{name: values[name].replace(".", point) for name in DECIMAL}},
        phrases=tuple(_phrase_fields(name, member.project, values) for name in Phrase),
        editable=member.may(Permission.PROJECT_WRITE),
        wrong=wrong,
        saved=saved,
    )


def _held(project: Project) -> dict[str, str]:
    """The rules in force, as the form shows them."""
    values = {name: str(getattr(project, name)) for name in (*PLAIN, *NUMBERS)}
    values |= {name: "" if getattr(project, name) is None else str(getattr(project, name)) for name in OPTIONAL}
    values |= {name: "true" if getattr(project, name) else "false" for name in TICKED}
    values["languages"] = ",".join(project.languages)
    for name, language in _worded(project):
        values[_phrase_field(name, language)] = project.phrases.get(name, {}).get(language, "")
    return values


def _as_changes(typed: Mapping[str, str], project: Project) -> dict[str, Any]:
    """What the form sent, as the deed takes it; a field that was not sent stays as it is."""
    changes: dict[str, Any] = {name: typed[name].replace("\r\n", "\n") for name in PLAIN if name in typed}
    changes |= {name: _number(typed[name]) for name in NUMBERS if name in typed}
    changes |= {name: _number(typed[name]) or None for name in OPTIONAL if name in typed}
    changes |= {name: typed[name] for name in TICKED if name in typed}
    if "languages" in typed:
        changes["languages"] = [code for code in typed["languages"].split(",") if code]
    phrases: dict[str, dict[str, str]] = {}
    for name, language in _worded(project):
        wording = typed.get(_phrase_field(name, language))
        if wording is not None:
            phrases.setdefault(name, {})[language] = wording.replace("\r\n", "\n")
    return changes | {"phrases": phrases}


def _worded(project: Project) -> list[tuple[Phrase, str]]:
    """Every phrase in each of the project's languages."""
    return [(name, language) for name in Phrase for language in project.languages]


def _phrase_field(name: str, language: str) -> str:
    return f"phrases.{name}.{language}"


def _phrase_fields(name: Phrase, project: Project, values: Mapping[str, str]) -> PhraseFields:
    spoken: list[Language] = [code for code in LANGUAGES if code in project.languages]
    spoken.sort(key=project.languages.index)
    return PhraseFields(name, tuple(_phrase_entry(name, code, values) for code in spoken))


def _phrase_entry(name: Phrase, language: Language, values: Mapping[str, str]) -> PhraseField:
    field = _phrase_field(name, language)
    return PhraseField(language, field, values.get(field, ""), DEFAULTS[name][language])


def _number(text: str) -> str:
    """The number as programs write it: a comma is a decimal point."""
    return text.strip().replace(",", ".")


def _field_of(where: str) -> str:
    """The form's field of a fault, which may name a part of it (`languages.0`)."""
    return where if where.startswith("phrases.") else where.partition(".")[0]
