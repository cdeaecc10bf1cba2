"""Our own routes of API keys."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from ouvidor.accounts.access import Caller, requires
from ouvidor.accounts.idempotency import clean_key
from ouvidor.accounts.issued_once import MarkedRequest, issue_once
from ouvidor.accounts.keys import issue_key, list_keys, revoke_key
from ouvidor.accounts.models import ApiKey
from ouvidor.accounts.paging import After, Limit, Page
from ouvidor.accounts.permissions import KEY_SCOPES, USUAL_SCOPES, Permission
from ouvidor.inputs import storable
from ouvidor.problems import problem_responses
from ouvidor.runtime import RuntimeDep

router = APIRouter(prefix="/api/v1/keys", tags=["keys"])

Reader = Annotated[Caller, requires(Permission.KEYS_READ)]
Writer = Annotated[Caller, requires(Permission.KEYS_WRITE)]
Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), AfterValidator(storable)]


class KeyIn(BaseModel):
    """A key to make."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"label": "website chat", "scopes": ["answer"], "expires_at": "2027-12-31T00:00:00Z"}
        },
    )

    label: Label = Field(description="What it is for.")
    scopes: list[Permission] = Field(
        default=[Permission(scope) for scope in USUAL_SCOPES],
        min_length=1,
        description=f"What it may do, of: {', '.join(KEY_SCOPES)}; nothing that you may not do yourself.",
    )
    expires_at: AwareDatetime | None = Field(default=None, description="Null: never.")


class KeyOut(BaseModel):
    """A key without its text; `hint` is how it begins and ends."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "0199f3a1-c2d4-7e0f-8a51-b0c9d3e4f5a6",
                "label": "website chat",
                "hint": "ouv_live_…x9Qa",
                "scopes": ["answer"],
                "demo": False,
                "created_at": "2026-11-20T09:12:00Z",
                "expires_at": None,
                "revoked_at": None,
                "last_used_at": "2026-11-21T12:00:00Z",
            }
        }
    )

    id: UUID
    label: str
    hint: str
    scopes: list[Permission]
    demo: bool
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    @classmethod
    def of(cls, row: ApiKey) -> "KeyOut":
        """From the table's row."""
        return cls.model_validate(row, from_attributes=True)


class IssuedKeyOut(BaseModel):
    """A new key. `key` is shown only now."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "0199f3a1-c2d4-7e0f-8a51-b0c9d3e4f5a6",
                "key": "ouv_live_…",
                "label": "website chat",
                "scopes": ["answer"],
                "expires_at": None,
            }
        }
    )

    id: UUID
    key: str
    label: str
    scopes: list[str]
    expires_at: datetime | None


@router.get("", summary="List keys", responses=problem_responses(401, 403, 422))
async def get_keys(rt: RuntimeDep, caller: Reader, after: After = None, limit: Limit = 20) -> Page[KeyOut]:
    """All keys the project ever had, the newest first; their texts are not kept."""
    async with rt.db.read() as session:
        rows = await list_keys(session, caller.project.id)
    return Page[KeyOut].of(rows, lambda row: row.id, KeyOut.of, after=after, limit=limit)


@router.post("", summary="Make a key", status_code=201, responses=problem_responses(400, 401, 403, 409, 422))
async def post_key(
    rt: RuntimeDep,
    caller: Writer,
    request: Request,
    wanted: KeyIn,
    idempotency_key: Annotated[str | None, Header(max_length=300)] = None,
) -> IssuedKeyOut:
    """Make a key of this project; its text is in this answer and nowhere else.

    A resend with the same `Idempotency-Key` is refused (409), since the text is not kept.
    """
    project, now = caller.project, rt.clock()
    marked = MarkedRequest("POST /api/v1/keys", clean_key(idempotency_key), await request.body())
    scopes = tuple(dict.fromkeys(str(scope) for scope in wanted.scopes))
    async with rt.db.begin() as session:
        made = await issue_once(
            session,
            project.id,
            marked,
            lambda: issue_key(
                session,
                project,
                label=wanted.label,
                now=now,
                scopes=scopes,
                expires_at=wanted.expires_at,
                actor=caller.actor,
                within=caller.permissions,
            ),
            now,
        )
    return IssuedKeyOut(
        id=made.id, key=made.text, label=wanted.label, scopes=list(scopes), expires_at=wanted.expires_at
    )


@router.delete("/{key_id}", summary="Revoke a key", status_code=204, responses=problem_responses(401, 403, 404, 422))
async def delete_key(rt: RuntimeDep, caller: Writer, key_id: UUID) -> Response:
    """End a key at once, for good."""
    async with rt.db.begin() as session:
        await revoke_key(session, caller.project, str(key_id), rt.clock(), actor=caller.actor)
    return Response(status_code=204)
