"""Our own routes of members and invitations."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from ouvidor.accounts.access import Caller, LoggedIn, public, requires, requires_person
from ouvidor.accounts.idempotency import clean_key
from ouvidor.accounts.invitations import (
    MOST_LETTERS,
    accept_invitation,
    invite,
    join_as_new_person,
    open_invitations,
    revoke_invitation,
)
from ouvidor.accounts.issued_once import MarkedRequest, issue_once
from ouvidor.accounts.members import MemberRow, change_role, list_members, read_member, remove_member
from ouvidor.accounts.models import Invitation, Project, User
from ouvidor.accounts.paging import After, Limit, Page
from ouvidor.accounts.permissions import Permission, Role
from ouvidor.accounts.throttle import address_of
from ouvidor.inputs import StorableText
from ouvidor.problems import problem_responses
from ouvidor.runtime import RuntimeDep

router = APIRouter(prefix="/api/v1", tags=["members"])

Reader = Annotated[Caller, requires(Permission.MEMBERS_READ)]
Writer = Annotated[Caller, requires(Permission.MEMBERS_WRITE)]
Person = Annotated[LoggedIn, requires_person()]

TOKEN = "ouv_join_8mJ0bS3dWqkq0nVx1yTzC4aEoR7uLh2fGiPsKtXvB9w"  # noqa: S105 - an example
TokenText = Annotated[StorableText, Field(min_length=1, max_length=200, description="The text after `/join/`.")]


class MemberOut(BaseModel):
    """A person of the project; `there` is whether they have the inbox open and are not away."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "user_id": "0199f3a1-c2d4-7e0f-8a51-b0c9d3e4f5a6",
                "username": "marina",
                "name": "Marina Reis",
                "role": "agent",
                "joined_at": "2026-11-20T09:12:00Z",
                "seen_at": "2026-11-21T12:00:00Z",
                "there": True,
            }
        }
    )

    user_id: UUID
    username: str
    name: str
    role: Role
    joined_at: datetime
    seen_at: datetime | None
    there: bool

    @classmethod
    def of(cls, member: MemberRow) -> "MemberOut":
        """From the row of the deed."""
        return cls.model_validate(member, from_attributes=True)


class RoleIn(BaseModel):
    """The role to give."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"role": "manager"}})

    role: Role


class InvitationIn(BaseModel):
    """Whom to invite, as what."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"invitee": "Marina Reis", "role": "agent"}}
    )

    invitee: StorableText = Field(
        min_length=1, max_length=MOST_LETTERS, description="Whom it is for, as colleagues read it; nothing is sent."
    )
    role: Role


class InvitationOut(BaseModel):
    """An invitation that can still be used."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "0199f3a1-c2d4-7e0f-8a51-b0c9d3e4f5a6",
                "invitee": "Marina Reis",
                "role": "agent",
                "invited_by": "Ana",
                "created_at": "2026-11-20T09:12:00Z",
                "expires_at": "2026-11-27T09:12:00Z",
            }
        }
    )

    id: UUID
    invitee: str
    role: Role
    invited_by: str
    created_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, row: Invitation) -> "InvitationOut":
        """From the table's row."""
        return cls.model_validate(row, from_attributes=True)


class IssuedInvitationOut(BaseModel):
    """A new invitation. `token` is shown only now; whoever has it may join, once."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "0199f3a1-c2d4-7e0f-8a51-b0c9d3e4f5a6",
                "token": TOKEN,
                "path": f"/join/{TOKEN}",
                "expires_at": "2026-11-27T09:12:00Z",
            }
        }
    )

    id: UUID
    token: str
    path: str = Field(description="The page where it is accepted.")
    expires_at: datetime


class JoinIn(BaseModel):
    """An invitation to use."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"token": TOKEN}})

    token: TokenText


class AcceptIn(JoinIn):
    """An invitation to use, and the account to make."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"token": TOKEN, "username": "marina", "password": "a long sentence", "name": "Marina Reis"}
        },
    )

    username: StorableText = Field(min_length=1, max_length=200)
    password: StorableText = Field(min_length=1, max_length=1000, description="At least 10 characters.")
    name: StorableText = Field(default="", max_length=80, description="As customers read it.")


class JoinedOut(BaseModel):
    """Who joined which project; log in to work in it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"user_id": "0199f3a1-c2d4-7e0f-8a51-b0c9d3e4f5a6", "username": "marina", "project": "maresia"}
        }
    )

    user_id: UUID
    username: str
    project: str

    @classmethod
    def of(cls, user: User, project: Project) -> "JoinedOut":
        """From the two of them."""
        return cls(user_id=user.id, username=user.username, project=project.name)


@router.get("/members", summary="List members", responses=problem_responses(401, 403, 422))
async def get_members(rt: RuntimeDep, caller: Reader, after: After = None, limit: Limit = 20) -> Page[MemberOut]:
    """Who belongs to the project; the newest accounts first."""
    async with rt.db.read() as session:
        members = await list_members(session, caller.project.id, rt.clock())
    return Page[MemberOut].of(members, lambda member: member.user_id, MemberOut.of, after=after, limit=limit)


@router.patch("/members/{user_id}", summary="Change a role", responses=problem_responses(400, 401, 403, 404, 409, 422))
async def patch_member(rt: RuntimeDep, caller: Writer, user_id: UUID, wanted: RoleIn) -> MemberOut:
    """Give a member another role, from their next request on. A project keeps at least one owner (409)."""
    now = rt.clock()
    async with rt.db.begin() as session:
        await change_role(session, caller.project, user_id, wanted.role, actor=caller.actor, now=now)
        return MemberOut.of(await read_member(session, caller.project.id, user_id, now))


@router.delete(
    "/members/{user_id}",
    summary="Remove a member",
    status_code=204,
    responses=problem_responses(401, 403, 404, 409, 422),
)
async def delete_member(rt: RuntimeDep, caller: Writer, user_id: UUID) -> Response:
    """Take a person out of the project; their tokens for it end at once, their account and their words stay.

    A project keeps at least one owner (409).
    """
    async with rt.db.begin() as session:
        await remove_member(session, caller.project, user_id, actor=caller.actor, now=rt.clock())
    return Response(status_code=204)


@router.get("/invitations", summary="List open invitations", responses=problem_responses(401, 403, 422))
async def get_invitations(
    rt: RuntimeDep, caller: Reader, after: After = None, limit: Limit = 20
) -> Page[InvitationOut]:
    """Invitations that can still be used, the newest first; their tokens are not kept."""
    async with rt.db.read() as session:
        rows = await open_invitations(session, caller.project.id, rt.clock())
    return Page[InvitationOut].of(rows, lambda row: row.id, InvitationOut.of, after=after, limit=limit)


@router.post(
    "/invitations",
    summary="Invite somebody",
    status_code=201,
    responses=problem_responses(400, 401, 403, 409, 422),
)
async def post_invitation(
    rt: RuntimeDep,
    caller: Writer,
    request: Request,
    wanted: InvitationIn,
    idempotency_key: Annotated[str | None, Header(max_length=300)] = None,
) -> IssuedInvitationOut:
    """Make a link that lets one person join within seven days. Nothing is sent: give it to them yourself.

    A resend with the same `Idempotency-Key` is refused (409), since the token is not kept.
    """
    project, now = caller.project, rt.clock()
    marked = MarkedRequest("POST /api/v1/invitations", clean_key(idempotency_key), await request.body())
    async with rt.db.begin() as session:
        made = await issue_once(
            session,
            project.id,
            marked,
            lambda: invite(session, project, wanted.role, wanted.invitee, actor=caller.actor, now=now),
            now,
        )
    return IssuedInvitationOut(id=made.id, token=made.text, path=f"/join/{made.text}", expires_at=made.expires_at)


@router.delete(
    "/invitations/{invitation_id}",
    summary="Revoke an invitation",
    status_code=204,
    responses=problem_responses(401, 403, 404, 422),
)
async def delete_invitation(rt: RuntimeDep, caller: Writer, invitation_id: UUID) -> Response:
    """End an invitation that nobody has used yet."""
    async with rt.db.begin() as session:
        await revoke_invitation(session, caller.project, invitation_id, actor=caller.actor, now=rt.clock())
    return Response(status_code=204)


@router.post(
    "/invitations/accept",
    summary="Join with a new account",
    status_code=201,
    responses=problem_responses(400, 404, 409, 422, 429),
    dependencies=[public()],
)
async def post_acceptance(request: Request, rt: RuntimeDep, wanted: AcceptIn) -> JoinedOut:
    """Make an account and join the project of the invitation, which is then used up.

    Where the user name is taken (409) the invitation can still be used. Whoever has an account already joins with
    `/api/v1/invitations/join`.
    """
    joined = await join_as_new_person(
        rt, wanted.token, wanted.username, wanted.password, address=address_of(request), name=wanted.name
    )
    return JoinedOut.of(joined.user, joined.project)


@router.post(
    "/invitations/join",
    summary="Join with your own account",
    responses=problem_responses(400, 401, 403, 404, 422),
)
async def post_join(rt: RuntimeDep, person: Person, wanted: JoinIn) -> JoinedOut:
    """Let the person who is logged in join; who is a member already keeps their role, and the invitation is used.

    To work in the project, log in anew and name it.
    """
    async with rt.db.begin() as session:
        project = await accept_invitation(session, wanted.token, person.user, rt.clock())
    return JoinedOut.of(person.user, project)
