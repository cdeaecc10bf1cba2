"""`POST /api/v1/conversations/import`: conversations held elsewhere, in batches, each with its own result or error."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, cast
from uuid import UUID

from fastapi import APIRouter, Header, Request
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    InstanceOf,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic.json_schema import SkipJsonSchema

from ouvidor.accounts.access import Caller, requires
from ouvidor.accounts.idempotency import clean_key, mark, note_answer
from ouvidor.accounts.permissions import Permission
from ouvidor.conversations.import_files import row_of
from ouvidor.conversations.import_reading import FileReading, Row
from ouvidor.conversations.import_report import Outcome
from ouvidor.conversations.imported import (
    MAX_ID_CHARACTERS,
    MAX_MESSAGES,
    MAX_TEXT_CHARACTERS,
    ConversationRow,
    shown,
)
from ouvidor.conversations.imports import write_rows
from ouvidor.errors import Fault
from ouvidor.problems import problem_responses
from ouvidor.runtime import Runtime, RuntimeDep

router = APIRouter(prefix="/api/v1/conversations", tags=["conversations"])

ROUTE = "POST /api/v1/conversations/import"
AT_ONCE = 1000
AS_TOLD = FileReading()

Importer = Annotated[Caller, requires(Permission.CONVERSATIONS_MANAGE)]


class ImportedTurn(BaseModel):
    """One message."""

    model_config = ConfigDict(extra="forbid")

    role: str | bool = Field(description="`customer`, `bot` or `person` (or `user`, `assistant`, `cliente`, …).")
    text: str | None = Field(description=f"At most {MAX_TEXT_CHARACTERS:,} characters; an empty one is left out.")
    at: str | int | float | None = Field(
        default=None, description="ISO 8601, or seconds or milliseconds since 1970. Without one a time is made up."
    )


class ImportedConversation(BaseModel):
    """A conversation with all its messages, or with those that follow what was sent before."""

    model_config = ConfigDict(extra="forbid")

    id: str | int = Field(description=f"Its id where it was held; at most {MAX_ID_CHARACTERS} characters.")
    unit: str | int | None = Field(default=None, description="The shop, hotel or branch that it is about.")
    turns: list[ImportedTurn] = Field(max_length=MAX_MESSAGES)


@dataclass(frozen=True)
class Unfit:
    """An item that is no conversation: its id, where it has one, and what is wrong with it."""

    id: str
    reason: str


def _or_unfit(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    """The item, or what is wrong with it: one broken conversation does not keep the others out."""
    try:
        return handler(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"][1:]))
        return Unfit(_id_in(value), f"{place}: {first['msg']}" if place else first["msg"])


def _id_in(value: object) -> str:
    told = cast("dict[object, object]", value).get("id") if isinstance(value, dict) else None
    return shown(told) if isinstance(told, str) else ""


Item = Annotated[ImportedConversation | SkipJsonSchema[InstanceOf[Unfit]], WrapValidator(_or_unfit)]


class ImportIn(BaseModel):
    """Conversations to bring in; the same one again brings only its new messages."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "conversations": [
                    {
                        "id": "4711",
                        "unit": "Praia do Norte",
                        "turns": [
                            {"role": "customer", "text": "Tem vaga para hoje?", "at": "2026-11-20T22:14:00-03:00"},
                            {"role": "bot", "text": "Temos, sim.", "at": "2026-11-20T22:14:03-03:00"},
                        ],
                    }
                ]
            }
        },
    )

    conversations: list[Item] = Field(min_length=1, max_length=AT_ONCE)


class ImportedOut(BaseModel):
    """What became of one conversation; `messages` are those that were new.

    `empty` ones hold no words and are not kept. `broken` cannot be read; `differs` was imported before and has changed
    in other ways than by growing. Both change nothing, and `error` says why.
    """

    id: str
    state: Literal["added", "grown", "unchanged", "empty", "differs", "broken"]
    conversation_id: UUID | None = None
    messages: int = 0
    error: str | None = None


class ImportResult(BaseModel):
    """A result for each conversation, in the order of the request."""

    added: int
    grown: int
    messages: int
    data: list[ImportedOut]


@router.post(
    "/import",
    status_code=201,
    summary="Import a batch",
    responses=problem_responses(400, 401, 403, 409, 413, 422),
)
async def post_import(
    request: Request,
    rt: RuntimeDep,
    caller: Importer,
    told: ImportIn,
    idempotency_key: Annotated[str | None, Header(max_length=300)] = None,
) -> ImportResult:
    """Bring in up to 1,000 conversations that were held elsewhere, to be analysed; they count as closed.

    All that can be read land together. A conversation that is there already gets the messages that are new.
    """
    return await import_batch(rt, caller, told, clean_key(idempotency_key), await request.body())


async def import_batch(rt: Runtime, caller: Caller, told: ImportIn, key: str | None, body: bytes) -> ImportResult:
    """Import, once for each key; in one transaction with the answer that a resend gets.

    Raises:
        KeyReused, StillRunning: see `ouvidor.accounts.idempotency`.
    """
    now, project = rt.clock(), caller.project
    rows = await asyncio.to_thread(_rows, told, now)
    async with rt.db.begin() as session:
        marked = await mark(session, project.id, ROUTE, key, body, now) if key is not None else None
        if marked is not None and marked.answer is not None:
            return ImportResult.model_validate(marked.answer)
        fit = [row for row in rows if isinstance(row, ConversationRow)]
        outcomes = iter(await write_rows(session, project, fit, now, caller.actor))
        data = [
            _result(next(outcomes)) if isinstance(row, ConversationRow) else _broken(item, row)
            for item, row in zip(told.conversations, rows, strict=True)
        ]
        result = ImportResult(
            added=sum(one.state == "added" for one in data),
            grown=sum(one.state == "grown" for one in data),
            messages=sum(one.messages for one in data),
            data=data,
        )
        if marked is not None:
            await note_answer(session, marked.id, result.model_dump(mode="json"))
    return result


def _rows(told: ImportIn, now: datetime) -> list[Row]:
    return [
        Fault("", item.reason) if isinstance(item, Unfit) else row_of("", item.model_dump(), AS_TOLD, now)
        for item in told.conversations
    ]


def _result(outcome: Outcome) -> ImportedOut:
    fault = outcome.fault()
    return ImportedOut(
        id=outcome.row.id,
        state=outcome.state,
        conversation_id=outcome.conversation_id,
        messages=outcome.messages,
        error=None if fault is None else fault.message,
    )


def _broken(item: ImportedConversation | Unfit, fault: Fault) -> ImportedOut:
    named = item.id if isinstance(item, Unfit) else shown(str(item.id))
    return ImportedOut(id=named, state="broken", error=fault.message)
