"""Projects, the tenants: created, listed, found by name, and their rules changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import COMMAND, Actor, Subject, note
from ouvidor.accounts.models import Membership, Project, User
from ouvidor.accounts.permissions import Role
from ouvidor.accounts.rules import HandoverTo, Mode, SpecialistReply
from ouvidor.accounts.users import actor_of, join_project
from ouvidor.db import new_id
from ouvidor.errors import Conflict, Fault, Forbidden, NotFound, Unprocessable
from ouvidor.inputs import storable
from ouvidor.text import Language

WORDED = ("persona", "analysis_goal")
"""Rules in the project's own words: of these the audit log learns only that they changed."""

NAME_RULE = "2 to 63 of a-z, 0-9, - and _, starting with a letter or digit"


class UnknownProject(NotFound):
    """There is no such project, or this credential is not of it."""


class UnacceptableRule(Unprocessable):
    """A rule of a project cannot have that value; `errors` names each."""


class OperatorsOnly(Forbidden):
    """Only an operator of this installation can make projects; `ouvidor user create --operator` makes one."""


def _unset() -> Any:
    """What a field holds that was not sent; never written (and not a default that null would equal)."""
    return None


def _no_repeats(languages: list[Language]) -> list[Language]:
    if len(set(languages)) != len(languages):
        raise ValueError("Name each language once")
    return languages


def _text(most: int, *, least: int = 0) -> Any:
    return StringConstraints(strip_whitespace=True, min_length=least, max_length=most)


Title = Annotated[str, _text(120, least=1), AfterValidator(storable)]
Persona = Annotated[str, _text(200), AfterValidator(storable)]
Goal = Annotated[str, _text(300), AfterValidator(storable)]
Wording = Annotated[str, _text(500), AfterValidator(storable)]
Languages = Annotated[list[Language], Field(min_length=1), AfterValidator(_no_repeats)]


class WordingChanges(BaseModel):
    """The wording of a phrase by language; null or an empty text goes back to the default."""

    model_config = ConfigDict(extra="forbid")

    pt: Wording | None = None
    en: Wording | None = None


class PhraseChanges(BaseModel):
    """The phrases to word anew (see `agent.phrases.Phrase`); null goes back to the default in all languages."""

    model_config = ConfigDict(extra="forbid")

    clarification: WordingChanges | None = None
    transfer: WordingChanges | None = None
    nobody: WordingChanges | None = None
    joined: WordingChanges | None = None
    returned: WordingChanges | None = None
    closed: WordingChanges | None = None
    error: WordingChanges | None = None


class ProjectChanges(BaseModel):
    """What to change in a project; fields that are not sent stay as they are."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "mode": "both",
                "max_clarifications": 2,
                "retention_days": 365,
                "phrases": {"transfer": {"pt": "Vou chamar alguém da recepção.", "en": None}},
            }
        },
    )

    title: Title = Field(default_factory=_unset, description="As people read it.")
    mode: Mode = Field(default_factory=_unset, description="What the bot does when it cannot simply answer.")
    n2_reply: SpecialistReply = Field(default_factory=_unset, description="The reply where N2 content hands over.")
    max_clarifications: int = Field(default_factory=_unset, ge=0, le=10, description="Questions back per episode.")
    expiry_minutes: int = Field(
        default_factory=_unset, ge=1, le=10080, description="Silence after which an episode ends, in minutes."
    )
    sections_shown: int = Field(default_factory=_unset, ge=1, le=50, description="Sections retrieved per question.")
    relevance_gate: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = Field(
        default_factory=_unset, description="Least probability that a section answers; null: the measured default."
    )
    phrases: PhraseChanges = Field(default_factory=_unset, description="Own wordings by phrase and language.")
    handover_to: HandoverTo = Field(default_factory=_unset, description="Where people answer what is handed over.")
    hold_minutes: int = Field(
        default_factory=_unset,
        ge=1,
        le=10080,
        description="How long a customer waits for a person who left, in minutes.",
    )
    retention_days: Annotated[int, Field(ge=1, le=36500)] | None = Field(
        default_factory=_unset, description="Days a silent conversation is kept; null: for good."
    )
    mask_personal_data: bool = Field(
        default_factory=_unset,
        description="Whether a language model sees marks in place of customers' contact data, documents and addresses.",
    )
    persona: Persona = Field(default_factory=_unset, description="How the bot presents itself.")
    languages: Languages = Field(default_factory=_unset, description="Languages answered in, the preferred one first.")
    analysis_goal: Goal = Field(
        default_factory=_unset, description="What should come of a conversation, such as: the reservation was closed."
    )
    analysis_budget: Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)] | None = Field(
        default_factory=_unset, description="US dollars that analyses may cost in a calendar month; null: no limit."
    )
    analysis_idle_minutes: int = Field(
        default_factory=_unset, ge=1, le=10080, description="Minutes of silence after which a conversation is analysed."
    )
    analysis_paused: bool = Field(default_factory=_unset, description="Whether no conversation is analysed.")


def read_changes(values: Mapping[str, Any]) -> ProjectChanges:
    """Changes from a form or a command line, held against every rule.

    Raises:
        UnacceptableRule: with a fault for each value that breaks its rule, named by its field.
    """
    try:
        return ProjectChanges.model_validate(values)
    except ValidationError as broken:
        faults = [Fault(".".join(map(str, part["loc"])), part["msg"]) for part in broken.errors()]
        told = "; ".join(f"{fault.where}: {fault.message}" for fault in faults)
        raise UnacceptableRule(f"{told}.", faults=faults) from None


async def change_project(
    session: AsyncSession, project_id: UUID, changes: ProjectChanges, *, actor: Actor, now: datetime
) -> Project:
    """Change rules and wordings; they count from the next turn on. Values that stay the same change nothing.

    The audit log learns old and new rules, and of wordings only which ones changed.

    Raises:
        UnknownProject: there is no such project.
    """
    query = select(Project).where(Project.id == project_id).with_for_update()
    project = (await session.execute(query.execution_options(populate_existing=True))).scalar_one_or_none()
    if project is None:
        raise UnknownProject
    rules = changes.model_dump(exclude_unset=True, mode="json")
    worded = _word_anew(project, rules.pop("phrases", {}))
    worded += [field for field in WORDED if rules.get(field, getattr(project, field)) != getattr(project, field)]
    told: dict[str, Any] = {}
    for field, value in rules.items():
        before = rule_of(project, field)
        if before != value:
            setattr(project, field, value)
            if field not in WORDED:
                told[field] = [before, value]
    if worded:
        told["wordings"] = worded
    if told:
        subject = Subject("project", project.id)
        await note(session, actor, "project.changed", at=now, project_id=project.id, subject=subject, **told)
    return project


def rule_of(project: Project, field: str) -> Any:
    """The value of a rule as JSON writes it."""
    value = getattr(project, field)
    return float(value) if isinstance(value, Decimal) else value


def _word_anew(project: Project, changes: Mapping[str, Mapping[str, str | None] | None]) -> list[str]:
    """Put the wordings into the project; returns the names of those that differ from before, `transfer.pt`."""
    wordings = {name: dict(by_language) for name, by_language in project.phrases.items()}
    changed: list[str] = []
    for name, by_language in changes.items():
        own = wordings.setdefault(name, {})
        for language, wording in (dict.fromkeys(tuple(own)) if by_language is None else by_language).items():
            if own.get(language, "") != (wording or ""):
                changed.append(f"{name}.{language}")
            if wording:
                own[language] = wording
            else:
                own.pop(language, None)
    project.phrases = {name: by_language for name, by_language in wordings.items() if by_language}
    return changed


async def create_project(
    session: AsyncSession,
    name: str,
    *,
    title: str,
    now: datetime,
    mode: Mode = Mode.BOTH,
    persona: str = "",
    demo: bool = False,
    languages: Sequence[Language] = ("pt", "en"),
    actor: Actor = COMMAND,
) -> Project:
    """A new tenant.

    Raises:
        Unprocessable: the name breaks the rule.
        Conflict: the name is taken.
    """
    fits = name.isascii() and name.lower() == name and 2 <= len(name) <= 63 and name[0].isalnum()
    if not fits or not name.replace("-", "").replace("_", "").isalnum():
        raise Unprocessable(f"{name!r} cannot name a project: {NAME_RULE}.")
    values = {"id": new_id(), "name": name, "title": title, "mode": mode, "persona": persona, "demo": demo}
    values |= {"languages": list(languages), "created_at": now}
    query = insert(Project).values(**values).on_conflict_do_nothing(index_elements=["name"])
    added = (await session.execute(query.returning(Project))).scalar_one_or_none()
    if added is None:
        raise Conflict(f"There is a project named {name} already.")
    subject = Subject("project", added.id)
    await note(session, actor, "project.created", at=now, project_id=added.id, subject=subject, name=name, mode=mode)
    return added


async def found_project(
    session: AsyncSession, user: User, name: str, *, title: str, languages: Sequence[Language], now: datetime
) -> Project:
    """A new tenant whose owner is the operator that makes it.

    Raises:
        OperatorsOnly: the person is no operator.
        Unprocessable, Conflict: see `create_project`.
    """
    if not user.operator:
        raise OperatorsOnly
    project = await create_project(session, name, title=title, now=now, languages=languages, actor=actor_of(user))
    await join_project(session, user.id, project.id, Role.OWNER, now)
    return project


async def project_named(session: AsyncSession, name: str) -> Project:
    """The project of this name.

    Raises:
        UnknownProject: there is none.
    """
    found = (await session.execute(select(Project).where(Project.name == name))).scalar_one_or_none()
    if found is None:
        raise UnknownProject(f"There is no project named {name}. `ouvidor project list` shows what there is.")
    return found


async def all_projects(session: AsyncSession) -> list[Project]:
    """Every project, by name."""
    return list((await session.execute(select(Project).order_by(Project.name))).scalars())


@dataclass(frozen=True)
class Place:
    """A person's place in a project."""

    project: Project
    role: Role


async def places_of(session: AsyncSession, user_id: UUID) -> list[Place]:
    """The projects a person belongs to with their role, by title."""
    query = (
        select(Project, Membership.role)
        .join(Membership, Membership.project_id == Project.id)
        .where(Membership.user_id == user_id)
        .order_by(Project.title, Project.id)
    )
    return [Place(row.Project, Role(row.role)) for row in await session.execute(query)]
