"""The page of a project's API keys: made (their text is shown once), looked at, revoked."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request, Response
from pydantic import BaseModel, Field

from ouvidor.accounts.keys import IssuedKey, issue_key, list_keys, revoke_key
from ouvidor.accounts.models import ApiKey
from ouvidor.accounts.permissions import KEY_SCOPES, PERMISSIONS, USUAL_SCOPES, Permission
from ouvidor.errors import NotFound
from ouvidor.inputs import storable
from ouvidor.runtime import Runtime, RuntimeDep
from ouvidor.web.answers import go_to, show
from ouvidor.web.contexts.manage import IssuedKeyView, KeyDraft, KeysPage, KeyView
from ouvidor.web.rules import settings_address, settings_frame
from ouvidor.web.visits import Member, member_with

LONGEST_LABEL = 100
PAGE_LENGTH = 30
LIVES = ("30", "90", "365")
"""After how many days a key may be told to expire."""

router = APIRouter(include_in_schema=False)

Reader = Annotated[Member, member_with(Permission.KEYS_READ)]
Writer = Annotated[Member, member_with(Permission.KEYS_WRITE)]


class UnknownKey(NotFound):
    """This project has no such key."""


class KeyForm(BaseModel):
    """A key to make."""

    label: str = Field(default="", max_length=2000)
    scope: list[str] = Field(default=[], max_length=50)
    days: str = Field(default="", max_length=10)

    def draft(self, offered: tuple[str, ...]) -> KeyDraft:
        """What was typed, with the fields that cannot be accepted."""
        label = " ".join(self.label.split())
        scopes = frozenset(self.scope)
        wrong = {
            "label": not 1 <= len(label) <= LONGEST_LABEL or not _is_storable(label),
            "scopes": not scopes or not scopes <= set(offered),
            "days": self.days not in {"", *LIVES},
        }
        return KeyDraft(label, scopes, self.days, frozenset(name for name, broken in wrong.items() if broken))


class RevocationForm(BaseModel):
    """The label of the key to revoke, typed by hand."""

    typed: str = Field(default="", max_length=2000)


@router.get("/projects/{project}/settings/keys")
async def get_keys(
    request: Request,
    rt: RuntimeDep,
    member: Reader,
    selected: Annotated[UUID | None, Query(alias="key")] = None,
    new: Annotated[Literal["", "1"], Query()] = "",
    after: UUID | None = None,
    done: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """The project's keys; one of them, or the form for a new one, in the panel."""
    page = await _page(request, rt, member, selected, after)
    if selected is not None and page.selected is None:
        raise UnknownKey
    if new and member.may(Permission.KEYS_WRITE):
        page = replace(page, draft=KeyDraft(scopes=frozenset(USUAL_SCOPES) & frozenset(page.offered)))
    return show(request, replace(page, done=done))


@router.post("/projects/{project}/settings/keys")
async def post_key(request: Request, rt: RuntimeDep, member: Writer, form: Annotated[KeyForm, Form()]) -> Response:
    """Make a key; its text is on the page that answers, and nowhere else."""
    draft = form.draft(_offered(member))
    if draft.wrong:
        return show(request, replace(await _page(request, rt, member), draft=draft), 422)
    now = rt.clock()
    async with rt.db.begin() as session:
        issued = await issue_key(
            session,
            member.project,
            label=draft.label,
            now=now,
            scopes=tuple(scope for scope in KEY_SCOPES if scope in draft.scopes),
            expires_at=now + timedelta(days=int(draft.days)) if draft.days else None,
            actor=member.person.actor,
            within=PERMISSIONS[member.place.role],
        )
    page = await _page(request, rt, member)
    return show(request, replace(page, draft=draft, issued=_issued(request, rt, draft, issued)))


@router.post("/projects/{project}/settings/keys/{key_id}/revoke")
async def post_key_revoked(
    request: Request, rt: RuntimeDep, member: Writer, key_id: UUID, form: Annotated[RevocationForm, Form()]
) -> Response:
    """Revoke a key, once its label was typed."""
    page = await _page(request, rt, member, key_id)
    if page.selected is None:
        raise UnknownKey
    if form.typed.split() != page.selected.label.split():
        return show(request, replace(page, typed=form.typed), 422)
    async with rt.db.begin() as session:
        await revoke_key(session, member.project, str(key_id), rt.clock(), actor=member.person.actor)
    return go_to(f"{settings_address(member.project, 'keys')}?done=revoked")


async def _page(
    request: Request, rt: Runtime, member: Member, selected: UUID | None = None, after: UUID | None = None
) -> KeysPage:
    async with rt.db.read() as session:
        rows = await list_keys(session, member.project.id)
    views = sorted((_view(row, rt.clock()) for row in rows), key=lambda view: view.state != "good")
    start = next((number for number, view in enumerate(views, start=1) if view.id == str(after)), 0)
    shown = views[start : start + PAGE_LENGTH]
    return KeysPage(
        frame=settings_frame(request, rt, member, "keys"),
        keys=tuple(shown),
        total=len(views),
        offered=_offered(member),
        after=shown[-1].id if start + PAGE_LENGTH < len(views) else "",
        begun=str(after) if start else "",
        selected=next((view for view in views if view.id == str(selected)), None),
    )


def _offered(member: Member) -> tuple[str, ...]:
    """The scopes that this person may give to a key: none that the person lacks."""
    return tuple(scope for scope in KEY_SCOPES if scope in PERMISSIONS[member.place.role])


def _issued(request: Request, rt: Runtime, draft: KeyDraft, issued: IssuedKey) -> IssuedKeyView:
    origin = (rt.settings.public_url or str(request.base_url)).rstrip("/")
    command = f'curl -H "Authorization: Bearer {issued.text}" {origin}/api/v1/project'
    if Permission.PROJECT_READ not in issued.scopes:
        command = ""
    return IssuedKeyView(issued.text, draft.label, command)


def _view(row: ApiKey, now: datetime) -> KeyView:
    expired = row.expires_at is not None and row.expires_at <= now
    return KeyView(
        id=str(row.id),
        label=row.label,
        hint=row.hint,
        scopes=tuple(row.scopes),
        state="revoked" if row.revoked_at is not None else "expired" if expired else "good",
        demo=row.demo,
        created_at=row.created_at,
        used_at=row.last_used_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )


def _is_storable(text: str) -> bool:
    try:
        storable(text)
    except ValueError:
        return False
    return True
