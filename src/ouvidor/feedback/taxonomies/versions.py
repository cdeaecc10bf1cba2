"""Taxonomies of a project: saved as versions that never change, one of them in use; the audit log tells of both."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ouvidor.accounts.audit import Actor, Subject, note
from ouvidor.accounts.models import Project
from ouvidor.errors import Conflict, NotFound
from ouvidor.feedback.again import begin_again
from ouvidor.feedback.in_use import DEFAULT_NUMBER, active_taxonomy, default_taxonomy
from ouvidor.feedback.models import TaxonomyVersion
from ouvidor.feedback.taxonomies.classifier import use_fitting_classifier
from ouvidor.feedback.taxonomies.draft import Draft, read_draft
from ouvidor.feedback.taxonomy import Taxonomy
from ouvidor.runtime import Runtime

SHIPPED_BY = "Ouvidor"
MOST_VERSIONS = 2_000_000_000


class UnknownTaxonomyVersion(NotFound):
    """This project has no such version of its taxonomy."""


class SavedMeanwhile(Conflict):
    """Somebody else saved a version meanwhile; look at what they changed, then save yours again."""

    def __init__(self, version: "Version") -> None:
        self.version = version
        super().__init__(
            f"{version.saved_by} saved version {version.number} meanwhile; look at what changed, then save yours again."
        )


class NotPreviewed(Conflict):
    """Nobody has seen what would move; order a preview of this version first."""


@dataclass(frozen=True)
class Version:
    """A version of a project's taxonomy; number 0 is the default, which nobody saved (`at` is then None)."""

    number: int
    taxonomy: Taxonomy
    active: bool
    saved_by: str = SHIPPED_BY
    at: datetime | None = None


@dataclass(frozen=True)
class Saved:
    """What a saving led to; not `made` where the same was saved before."""

    version: Version
    made: bool


@dataclass(frozen=True)
class Activated:
    """The version in use from now on, the number of the one before, and the job that re-classifies, where one does."""

    version: Version
    before: int
    job: UUID | None = None


async def save_taxonomy(
    rt: Runtime, project: Project, draft: Draft, *, based_on: int | None, actor: Actor, activate: bool = False
) -> Saved:
    """Keep this as the project's next version; what was saved before keeps its number.

    `based_on` is the number of the newest version that whoever saves has seen (0: none was saved yet; None: whatever it
    is). `activate` puts this one to use for what comes from now on.

    Raises:
        UnacceptableTaxonomy: it cannot be kept.
        SavedMeanwhile: there is a newer one.
    """
    taxonomy, now = read_draft(draft), rt.clock()
    content = taxonomy.model_dump(mode="json")
    async with rt.db.begin() as session:
        await lock_taxonomies(session, project.id)
        saved = await _same(session, project, content)
        if saved is None:
            newest = await newest_version(session, project)
            if based_on not in {None, newest.number}:
                raise SavedMeanwhile(newest)
            row = await _add(session, project, newest.number + 1, content, actor.name, now)
            told = {"number": row.number, "categories": len(taxonomy.categories), "tags": len(taxonomy.tags)}
            await note_taxonomy(session, actor, "taxonomy.saved", row, now, **told)
            saved = Saved(_version(row), made=True)
        if activate:
            await _activate(session, project, saved.version.number, again=False, actor=actor, now=now)
        return saved


async def activate_taxonomy(
    rt: Runtime, project: Project, number: int, *, again: bool = False, actor: Actor
) -> Activated:
    """Sort by this version what comes from now on and, with `again`, all that is there; 0 is the default.

    The classifier that was trained for its preview is in use with it. What is in use already stays, and nothing is
    noted.

    Raises:
        UnknownTaxonomyVersion: there is none of this number.
        NotPreviewed: `again`, and nobody has seen yet what that would move.
    """
    async with rt.db.begin() as session:
        await lock_taxonomies(session, project.id)
        return await _activate(session, project, number, again=again, actor=actor, now=rt.clock())


async def list_versions(
    session: AsyncSession, project: Project, *, after: int | None = None, limit: int
) -> list[Version]:
    """Versions, the newest first and the default last: up to `limit` of those before number `after`."""
    query = select(TaxonomyVersion).where(TaxonomyVersion.project_id == project.id)
    if after is not None:
        query = query.where(TaxonomyVersion.number < after)
    rows = (await session.execute(query.order_by(TaxonomyVersion.number.desc()).limit(limit))).scalars()
    versions = [_version(row) for row in rows]
    return versions if versions or after is not None else [await read_version(session, project, DEFAULT_NUMBER)]


async def count_versions(session: AsyncSession, project: Project) -> int:
    """How many there are, the default included."""
    return (await newest_version(session, project)).number + 1


async def read_version(session: AsyncSession, project: Project, number: int) -> Version:
    """The version of this number.

    Raises:
        UnknownTaxonomyVersion: there is none.
    """
    row = await _row(session, project.id, number)
    if row is not None:
        return _version(row)
    if number != DEFAULT_NUMBER:
        raise UnknownTaxonomyVersion
    in_use, _ = await active_taxonomy(session, project)
    return Version(DEFAULT_NUMBER, default_taxonomy(project), active=in_use == DEFAULT_NUMBER)


async def active_version(session: AsyncSession, project: Project) -> Version:
    """The version in use."""
    number, _ = await active_taxonomy(session, project)
    return await read_version(session, project, number)


async def newest_version(session: AsyncSession, project: Project) -> Version:
    """The one that was saved last; the default where none was."""
    newest = select(func.max(TaxonomyVersion.number)).where(TaxonomyVersion.project_id == project.id)
    return await read_version(session, project, await session.scalar(newest) or DEFAULT_NUMBER)


async def row_of(session: AsyncSession, project: Project, number: int) -> TaxonomyVersion:
    """The table's row of a version; that of the default is made where it is not there. Call it under the lock.

    Raises:
        UnknownTaxonomyVersion: there is no such version.
    """
    row = await _row(session, project.id, number)
    if row is not None:
        return row
    await read_version(session, project, number)
    return await _add_default(session, project)


async def lock_taxonomies(session: AsyncSession, project_id: UUID) -> None:
    """Let one at a time save and activate, so that numbers have no gaps and one version is in use."""
    key = func.hashtextextended(f"taxonomy {project_id}", 0)
    await session.execute(select(func.pg_advisory_xact_lock(key)))


async def note_taxonomy(
    session: AsyncSession, actor: Actor, action: str, row: TaxonomyVersion, now: datetime, **told: Any
) -> None:
    """Write of a version into the audit log."""
    await note(session, actor, action, at=now, project_id=row.project_id, subject=Subject("taxonomy", row.id), **told)


async def _activate(
    session: AsyncSession, project: Project, number: int, *, again: bool, actor: Actor, now: datetime
) -> Activated:
    before = await active_version(session, project)
    row = await row_of(session, project, number)
    if again and (row.preview or {}).get("state") != "done":
        raise NotPreviewed
    if number != before.number:
        await _put_to_use(session, project, before.taxonomy, row, actor, now)
        told = {"number": number, "before": before.number, "again": again}
        await note_taxonomy(session, actor, "taxonomy.activated", row, now, **told)
    job = await begin_again(session, project, source="taxonomy", actor=actor, now=now) if again else None
    return Activated(_version(row), before.number, job)


async def _put_to_use(
    session: AsyncSession, project: Project, before: Taxonomy, row: TaxonomyVersion, actor: Actor, now: datetime
) -> None:
    others = (TaxonomyVersion.project_id == project.id, TaxonomyVersion.active)
    await session.execute(update(TaxonomyVersion).where(*others).values(active=False))
    row.active = True
    await session.flush()
    await use_fitting_classifier(session, project, before, row, actor, now)


async def _same(session: AsyncSession, project: Project, content: dict[str, Any]) -> Saved | None:
    """The version that holds just this, if there is one."""
    own = (TaxonomyVersion.project_id == project.id, TaxonomyVersion.content == content)
    query = select(TaxonomyVersion).where(*own).order_by(TaxonomyVersion.number.desc()).limit(1)
    row = (await session.execute(query)).scalar_one_or_none()
    if row is not None:
        return Saved(_version(row), made=False)
    default = await read_version(session, project, DEFAULT_NUMBER)
    return Saved(default, made=False) if default.taxonomy.model_dump(mode="json") == content else None


async def _add(
    session: AsyncSession, project: Project, number: int, content: dict[str, Any], saved_by: str, now: datetime
) -> TaxonomyVersion:
    if number == DEFAULT_NUMBER + 1:
        await row_of(session, project, DEFAULT_NUMBER)
    row = TaxonomyVersion(project_id=project.id, number=number, content=content, saved_by=saved_by, created_at=now)
    session.add(row)
    await session.flush()
    return row


async def _add_default(session: AsyncSession, project: Project) -> TaxonomyVersion:
    default = await read_version(session, project, DEFAULT_NUMBER)
    row = TaxonomyVersion(
        project_id=project.id,
        number=DEFAULT_NUMBER,
        content=default.taxonomy.model_dump(mode="json"),
        active=default.active,
        saved_by=SHIPPED_BY,
        created_at=project.created_at,
    )
    session.add(row)
    await session.flush()
    return row


async def _row(session: AsyncSession, project_id: UUID, number: int) -> TaxonomyVersion | None:
    own = (TaxonomyVersion.project_id == project_id, TaxonomyVersion.number == number)
    return (await session.execute(select(TaxonomyVersion).where(*own))).scalar_one_or_none()


def _version(row: TaxonomyVersion) -> Version:
    at = None if row.number == DEFAULT_NUMBER else row.created_at
    return Version(row.number, Taxonomy.model_validate(row.content), row.active, row.saved_by, at)
