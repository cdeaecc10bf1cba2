"""Versions of a project's prompts: saved once and never changed, one of them active; the audit log tells of both."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import cast, func, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import Actor, Subject, note
from ouvidor.accounts.models import Project
from ouvidor.errors import Conflict, NotFound
from ouvidor.prompts.catalogue import Prompt, digest_of, label_of, prompt_named
from ouvidor.prompts.models import PromptActivation, PromptVersion
from ouvidor.prompts.render import clean, compiled
from ouvidor.runtime import Runtime

LONGEST_NOTE = 200

MOST_VERSIONS = 2_000_000_000
Wanted = int | Literal["default", "previous"]
"""A version by its number, the shipped text, or what was active before the present one."""


class UnknownPromptVersion(NotFound):
    """This project has no such version of the prompt."""


class NothingBefore(Conflict):
    """Nothing was active before: the shipped text has been in use from the beginning."""


@dataclass(frozen=True)
class Saved:
    """What a saving led to; not `made` where the same text was saved before."""

    version: PromptVersion
    made: bool


@dataclass(frozen=True)
class InUse:
    """The version in use, as the project's row names it."""

    id: UUID
    number: int


@dataclass(frozen=True)
class Activated:
    """The version in use from now on and the one before; None is the shipped text."""

    prompt: Prompt
    version: PromptVersion | None
    before: PromptVersion | None

    @property
    def changed(self) -> bool:
        """Whether another text is in use than before."""
        return _id_of(self.version) != _id_of(self.before)


async def save_prompt(
    rt: Runtime, project: Project, name: str, text: str, *, actor: Actor, note: str = "", activate: bool = False
) -> Saved:
    """Keep this text as the prompt's next version, and with `activate` use it; a text saved before keeps its number.

    Raises:
        UnknownPrompt: there is no prompt of that name.
        UnacceptablePrompt: the text holds what a prompt may not hold.
    """
    prompt, cleaned, now = prompt_named(name), clean(text), rt.clock()
    compiled(cleaned, prompt.longest)
    async with rt.db.begin() as session:
        await _lock(session, project.id, name)
        saved = await _save(session, project.id, prompt, cleaned, note=note, actor=actor, now=now)
        if activate:
            await _activate(session, project.id, prompt, saved.version, actor=actor, now=now)
    return saved


async def activate_prompt(rt: Runtime, project: Project, name: str, wanted: Wanted, *, actor: Actor) -> Activated:
    """Use another version from the next message on; what is in use already stays, and nothing is noted.

    Raises:
        UnknownPrompt: there is no prompt of that name.
        UnknownPromptVersion: it has no version of this number.
        NothingBefore: `previous`, and nothing was in use before.
    """
    prompt, now = prompt_named(name), rt.clock()
    async with rt.db.begin() as session:
        await _lock(session, project.id, name)
        version = await _wanted(session, project.id, name, wanted)
        return await _activate(session, project.id, prompt, version, actor=actor, now=now)


async def active_version(session: AsyncSession, project_id: UUID, name: str) -> PromptVersion | None:
    """The version in use; None where it is the shipped text."""
    newest = (
        select(PromptActivation.version_id)
        .where(PromptActivation.project_id == project_id, PromptActivation.name == name)
        .order_by(PromptActivation.at.desc(), PromptActivation.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = select(PromptVersion).where(
        PromptVersion.project_id == project_id, PromptVersion.name == name, PromptVersion.id == newest
    )
    return (await session.execute(query)).scalar_one_or_none()


def in_use(project: Project, name: str) -> InUse | None:
    """The version in use, without a query; None where it is the shipped text."""
    used = project.active_prompts.get(name)
    return None if used is None else InUse(UUID(used["id"]), used["number"])


async def version_before(session: AsyncSession, project_id: UUID, name: str) -> PromptVersion | None:
    """What going back leads to; None is the shipped text.

    Going back twice leads two versions back: whoever activates what was in use before the present one undoes a step.

    Raises:
        NothingBefore: nothing was in use before.
    """
    mine = (PromptActivation.project_id == project_id, PromptActivation.name == name)
    query = select(PromptActivation.version_id).where(*mine).order_by(PromptActivation.at, PromptActivation.id)
    path = _path([None, *(await session.execute(query)).scalars()])
    if len(path) < 2:
        raise NothingBefore
    return None if path[-2] is None else await read_version(session, project_id, path[-2])


async def list_versions(
    session: AsyncSession, project_id: UUID, name: str, *, after: UUID | None = None, limit: int
) -> list[PromptVersion]:
    """Versions of a prompt, the newest first: up to `limit` of those before `after`.

    Raises:
        UnknownPrompt: there is no prompt of that name.
    """
    mine = (PromptVersion.project_id == project_id, PromptVersion.name == prompt_named(name).name)
    query = select(PromptVersion).where(*mine).order_by(PromptVersion.id.desc()).limit(limit)
    if after is not None:
        query = query.where(PromptVersion.id < after)
    return list((await session.execute(query)).scalars())


async def count_versions(session: AsyncSession, project_id: UUID, name: str) -> int:
    """How many versions were saved."""
    mine = (PromptVersion.project_id == project_id, PromptVersion.name == name)
    return (await session.execute(select(func.count()).select_from(PromptVersion).where(*mine))).scalar_one()


async def read_version(session: AsyncSession, project_id: UUID, version_id: UUID) -> PromptVersion:
    """The version of this id.

    Raises:
        UnknownPromptVersion: the project has none.
    """
    query = select(PromptVersion).where(PromptVersion.project_id == project_id, PromptVersion.id == version_id)
    found = (await session.execute(query)).scalar_one_or_none()
    if found is None:
        raise UnknownPromptVersion
    return found


async def read_numbered(session: AsyncSession, project_id: UUID, name: str, number: int) -> PromptVersion:
    """The version of this number.

    Raises:
        UnknownPromptVersion: the prompt has none.
    """
    mine = (PromptVersion.project_id == project_id, PromptVersion.name == name, PromptVersion.number == number)
    found = (await session.execute(select(PromptVersion).where(*mine))).scalar_one_or_none()
    if found is None:
        raise UnknownPromptVersion(f"The prompt {name} has no version {number} in this project.")
    return found


def label(prompt: Prompt, version: PromptVersion | None) -> str:
    """How results name this version, or the shipped text."""
    return prompt.default_label if version is None else label_of(prompt.name, version.number)


async def _save(
    session: AsyncSession, project_id: UUID, prompt: Prompt, text: str, *, note: str, actor: Actor, now: datetime
) -> Saved:
    mine = (PromptVersion.project_id == project_id, PromptVersion.name == prompt.name)
    digest = digest_of(text)
    same = (await session.execute(select(PromptVersion).where(*mine, PromptVersion.digest == digest))).scalar()
    if same is not None:
        return Saved(same, made=False)
    last = (await session.execute(select(func.max(PromptVersion.number)).where(*mine))).scalar()
    version = PromptVersion(
        project_id=project_id,
        name=prompt.name,
        number=(last or 0) + 1,
        digest=digest,
        text=text,
        note=" ".join(note.split())[:LONGEST_NOTE],
        author_id=actor.id,
        author_name=actor.name,
        created_at=now,
    )
    session.add(version)
    await session.flush()
    await _tell(session, actor, "prompt.saved", version.id, project_id, now, label=label(prompt, version))
    return Saved(version, made=True)


async def _activate(
    session: AsyncSession,
    project_id: UUID,
    prompt: Prompt,
    version: PromptVersion | None,
    *,
    actor: Actor,
    now: datetime,
) -> Activated:
    activated = Activated(prompt, version, await active_version(session, project_id, prompt.name))
    if not activated.changed:
        return activated
    mine = (PromptActivation.project_id == project_id, PromptActivation.name == prompt.name)
    last = (await session.execute(select(func.max(PromptActivation.at)).where(*mine))).scalar()
    at = now if last is None else max(now, last)
    row = PromptActivation(
        project_id=project_id, name=prompt.name, version_id=_id_of(version), actor_name=actor.name, at=at
    )
    session.add(row)
    await session.flush()
    await _note_in_project(session, project_id, prompt.name, version)
    told = {"label": label(prompt, version), "before": label(prompt, activated.before)}
    await _tell(session, actor, "prompt.activated", row.id if version is None else version.id, project_id, now, **told)
    return activated


async def _note_in_project(session: AsyncSession, project_id: UUID, name: str, version: PromptVersion | None) -> None:
    """Put the version in use into the project's row, which every turn reads anyway."""
    others = Project.active_prompts.op("-")(name)
    used = {} if version is None else {name: {"id": str(version.id), "number": version.number}}
    values = {"active_prompts": others.op("||")(cast(used, JSONB))}
    await session.execute(
        update(Project).where(Project.id == project_id).values(values).execution_options(synchronize_session=False)
    )


async def _wanted(session: AsyncSession, project_id: UUID, name: str, wanted: Wanted) -> PromptVersion | None:
    if wanted == "default":
        return None
    if wanted == "previous":
        return await version_before(session, project_id, name)
    return await read_numbered(session, project_id, name, wanted)


async def _tell(
    session: AsyncSession, actor: Actor, action: str, subject: UUID, project_id: UUID, now: datetime, **told: str
) -> None:
    await note(session, actor, action, at=now, project_id=project_id, subject=Subject("prompt", subject), **told)


async def _lock(session: AsyncSession, project_id: UUID, name: str) -> None:
    """Let one at a time save and activate this prompt, so that numbers have no gaps and one version is active."""
    key = func.hashtextextended(f"prompt {project_id} {name}", 0)
    await session.execute(select(func.pg_advisory_xact_lock(key)))


def _path(activations: Sequence[UUID | None]) -> list[UUID | None]:
    """What was in use one after another, oldest first, without what was gone back from."""
    path: list[UUID | None] = []
    for version in activations:
        if len(path) > 1 and path[-2] == version:
            path.pop()
        elif not path or path[-1] != version:
            path.append(version)
    return path


def _id_of(version: PromptVersion | None) -> UUID | None:
    return None if version is None else version.id
