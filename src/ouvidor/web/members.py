"""The pages of a project's members and roles: who belongs to it, who is invited, and what each role may do."""

from dataclasses import replace
from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request, Response
from pydantic import BaseModel, Field

from ouvidor.accounts.invitations import MOST_LETTERS, invite, open_invitations, revoke_invitation
from ouvidor.accounts.members import LastOwner, MemberRow, UnknownMember, change_role, list_members, remove_member
from ouvidor.accounts.models import Invitation
from ouvidor.accounts.permissions import PERMISSIONS, Permission, Role
from ouvidor.accounts.users import clean_username
from ouvidor.errors import Unprocessable
from ouvidor.runtime import Runtime, RuntimeDep
from ouvidor.web.answers import go_to, show
from ouvidor.web.contexts.manage import (
    InvitationView,
    IssuedLink,
    MembersPage,
    MemberView,
    PermissionRow,
    RolesPage,
)
from ouvidor.web.rules import settings_address, settings_frame
from ouvidor.web.visits import Member, member_with

GROUPS = {
    "conversations": (
        Permission.CONVERSATIONS_READ,
        Permission.ANSWER,
        Permission.CONVERSATIONS_REPLY,
        Permission.CONVERSATIONS_MANAGE,
    ),
    "analyses": (Permission.ANALYSES_READ, Permission.ANALYSES_RUN),
    "comments": (
        Permission.COMMENTS_READ,
        Permission.COMMENTS_CORRECT,
        Permission.COMMENTS_WRITE,
        Permission.COMMENTS_MANAGE,
    ),
    "knowledge": (Permission.KNOWLEDGE_READ, Permission.KNOWLEDGE_WRITE),
    "engine": (Permission.PROMPTS_READ, Permission.PROMPTS_WRITE, Permission.USAGE_READ),
    "project": (Permission.PROJECT_READ, Permission.PROJECT_WRITE, Permission.AUDIT_READ),
    "privacy": (Permission.PRIVACY_EXPORT, Permission.PRIVACY_ERASE),
    "access": (Permission.MEMBERS_READ, Permission.MEMBERS_WRITE, Permission.KEYS_READ, Permission.KEYS_WRITE),
}
"""The permissions in the order in which the table of roles shows them; together they are all."""

router = APIRouter(include_in_schema=False)

Reader = Annotated[Member, member_with(Permission.MEMBERS_READ)]
Writer = Annotated[Member, member_with(Permission.MEMBERS_WRITE)]
Colleague = Annotated[Member, member_with(Permission.PROJECT_READ)]


class InvitationForm(BaseModel):
    """Whom to invite, as what."""

    invitee: str = Field(default="", max_length=2000)
    role: str = Field(default="", max_length=20)


class RoleForm(BaseModel):
    """The role to give."""

    role: str = Field(default="", max_length=20)


class RemovalForm(BaseModel):
    """The user name of the person to remove, typed by hand."""

    typed: str = Field(default="", max_length=2000)


@router.get("/projects/{project}/settings/members")
async def get_members(
    request: Request,
    rt: RuntimeDep,
    member: Reader,
    q: Annotated[str, Query(max_length=200)] = "",
    selected: Annotated[UUID | None, Query(alias="member")] = None,
    inviting: Annotated[Literal["", "1"], Query(alias="invite")] = "",
    done: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """Who belongs to the project; one of them, or the form of an invitation, in the panel."""
    page = await _page(request, rt, member, query=q, selected=selected)
    if selected is not None and page.selected is None:
        raise UnknownMember
    writes = member.may(Permission.MEMBERS_WRITE)
    return show(request, replace(page, inviting=writes and bool(inviting), done=done))


@router.post("/projects/{project}/settings/members")
async def post_invitation(
    request: Request, rt: RuntimeDep, member: Writer, form: Annotated[InvitationForm, Form()]
) -> Response:
    """Issue an invitation; its link is on the page that answers, and nowhere else."""
    role = _role_named(form.role)
    if role is None:
        page = await _page(request, rt, member)
        return show(request, replace(page, inviting=True, trouble="role", typed=form.invitee), 422)
    try:
        async with rt.db.begin() as session:
            issued = await invite(
                session, member.project, role, form.invitee, actor=member.person.actor, now=rt.clock()
            )
    except Unprocessable as refused:
        page = await _page(request, rt, member)
        return show(
            request, replace(page, inviting=True, trouble="invitee", typed=form.invitee, role=role), refused.status
        )
    origin = rt.settings.public_url or str(request.base_url)
    address = f"{origin.rstrip('/')}/join/{issued.text}"
    link = IssuedLink(address, " ".join(form.invitee.split())[:MOST_LETTERS], role, issued.expires_at)
    return show(request, replace(await _page(request, rt, member), inviting=True, issued=link))


@router.post("/projects/{project}/settings/members/{user_id}/role")
async def post_role(
    request: Request, rt: RuntimeDep, member: Writer, user_id: UUID, form: Annotated[RoleForm, Form()]
) -> Response:
    """Give a member another role."""
    role = _role_named(form.role)
    if role is None:
        page = await _page(request, rt, member, selected=user_id)
        return show(request, replace(page, trouble="role"), 422)
    try:
        async with rt.db.begin() as session:
            await change_role(session, member.project, user_id, role, actor=member.person.actor, now=rt.clock())
    except LastOwner as refused:
        page = await _page(request, rt, member, selected=user_id)
        return show(request, replace(page, trouble="last_owner", role=role), refused.status)
    if Permission.MEMBERS_READ not in PERMISSIONS[role] and user_id == member.person.user.id:
        return go_to(settings_address(member.project))
    query = urlencode({"member": user_id, "done": "role"})
    return go_to(f"{settings_address(member.project, 'members')}?{query}")


@router.post("/projects/{project}/settings/members/{user_id}/remove")
async def post_removal(
    request: Request, rt: RuntimeDep, member: Writer, user_id: UUID, form: Annotated[RemovalForm, Form()]
) -> Response:
    """Take a person out of the project, once their user name was typed."""
    page = await _page(request, rt, member, selected=user_id)
    if page.selected is None:
        raise UnknownMember
    if clean_username(form.typed) != page.selected.username:
        return show(request, replace(page, trouble="typed", typed=form.typed), 422)
    try:
        async with rt.db.begin() as session:
            await remove_member(session, member.project, user_id, actor=member.person.actor, now=rt.clock())
    except LastOwner as refused:
        return show(request, replace(page, trouble="last_owner", typed=form.typed), refused.status)
    if user_id == member.person.user.id:
        return go_to("/projects")
    return go_to(f"{settings_address(member.project, 'members')}?done=removed")


@router.post("/projects/{project}/settings/invitations/{invitation_id}/revoke")
async def post_invitation_revoked(rt: RuntimeDep, member: Writer, invitation_id: UUID) -> Response:
    """End an open invitation."""
    async with rt.db.begin() as session:
        await revoke_invitation(session, member.project, invitation_id, actor=member.person.actor, now=rt.clock())
    return go_to(f"{settings_address(member.project, 'members')}?done=revoked")


@router.get("/projects/{project}/settings/roles")
async def get_roles(request: Request, rt: RuntimeDep, member: Colleague) -> Response:
    """What each role may do."""
    groups = tuple((name, tuple(_permission_row(each) for each in group)) for name, group in GROUPS.items())
    frame = settings_frame(request, rt, member, "roles")
    return show(request, RolesPage(frame, groups, tuple(Role), member.place.role))


async def _page(
    request: Request, rt: Runtime, member: Member, *, query: str = "", selected: UUID | None = None
) -> MembersPage:
    now = rt.clock()
    async with rt.db.read() as session:
        rows = await list_members(session, member.project.id, now)
        invitations = await open_invitations(session, member.project.id, now)
    views = [_view(row, member) for row in rows]
    wanted = query.casefold().split()
    found = [view for view in views if all(word in f"{view.name} {view.username}".casefold() for word in wanted)]
    chosen = next((view for view in views if view.id == str(selected)), None)
    return MembersPage(
        frame=settings_frame(request, rt, member, "members"),
        members=tuple(found),
        total=len(views),
        invitations=tuple(_invitation(row) for row in invitations),
        query=query,
        selected=chosen,
        role=chosen.role if chosen else Role.AGENT,
    )


def _view(row: MemberRow, member: Member) -> MemberView:
    return MemberView(
        id=str(row.user_id),
        username=row.username,
        name=row.name,
        role=row.role,
        joined_at=row.joined_at,
        seen_at=row.seen_at,
        there=row.there,
        own=row.user_id == member.person.user.id,
    )


def _invitation(row: Invitation) -> InvitationView:
    return InvitationView(str(row.id), row.invitee, row.role, row.invited_by, row.created_at, row.expires_at)


def _role_named(text: str) -> Role | None:
    return next((role for role in Role if role == text), None)


def _permission_row(permission: Permission) -> PermissionRow:
    return PermissionRow(permission, frozenset(role for role in Role if permission in PERMISSIONS[role]))
