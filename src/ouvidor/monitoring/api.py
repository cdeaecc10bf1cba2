"""How this installation is: alive, ready, its counters; and how a project's answering goes."""

import hmac
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field

from ouvidor.accounts.access import BearerDep, Caller, public, requires
from ouvidor.accounts.permissions import Permission
from ouvidor.errors import NotFound
from ouvidor.inputs import StorableText
from ouvidor.monitoring.metrics import exposition
from ouvidor.monitoring.readiness import readiness
from ouvidor.monitoring.usage import Period, UsageReport, read_usage
from ouvidor.problems import problem_responses
from ouvidor.runtime import RuntimeDep
from ouvidor.settings import LOOPBACK

FORWARDED = ("forwarded", "x-forwarded-for")

router = APIRouter()

Reader = Annotated[Caller, requires(Permission.USAGE_READ)]
Name = Annotated[StorableText | None, Query(max_length=200)]


class Alive(BaseModel):
    """The server answers."""

    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """The server can do its work."""

    status: Literal["ready"] = "ready"
    worker: Literal["ok", "absent"] = Field(description="Whether background jobs are being run somewhere.")


class Operators:
    """Open to programs on this machine, and to whoever holds `OUVIDOR_METRICS_TOKEN`; for others it does not exist."""

    policy = "operators"

    async def __call__(self, request: Request, rt: RuntimeDep, credentials: BearerDep) -> None:
        """Let them in.

        Raises:
            NotFound: neither of them.
        """
        token = rt.settings.metrics_token
        if credentials is not None and token is not None:
            expected, sent = token.get_secret_value().encode(), credentials.credentials.encode()
            if hmac.compare_digest(expected, sent):
                return
        if not from_this_machine(request):
            raise NotFound


def from_this_machine(request: Request) -> bool:
    """Whether a program on this machine asks for itself, and no proxy for somebody else."""
    near = request.client is not None and request.client.host in LOOPBACK
    return near and not any(name in request.headers for name in FORWARDED)


@router.get("/healthz", tags=["operation"], summary="Alive?", dependencies=[public()])
async def get_health() -> Alive:
    """Whether this process answers."""
    return Alive()


@router.get(
    "/readyz",
    tags=["operation"],
    summary="Ready?",
    dependencies=[public()],
    responses=problem_responses(503),
)
async def get_readiness(request: Request, rt: RuntimeDep) -> Ready:
    """Whether this process can work: its database answers and has the newest form. `errors` names what is missing."""
    return Ready(worker=(await readiness(rt, request.app.state.newest_form)).worker)


@router.get("/metrics", include_in_schema=False, dependencies=[Depends(Operators())])
async def get_metrics(request: Request, rt: RuntimeDep) -> Response:
    """The counters of this process, for Prometheus."""
    return Response(await exposition(rt, request.app.state.metrics), media_type=CONTENT_TYPE_LATEST)


@router.get(
    "/api/v1/usage",
    tags=["usage"],
    summary="Calls, cost, times, decisions",
    responses=problem_responses(401, 403, 422),
)
async def get_usage(
    rt: RuntimeDep, caller: Reader, period: Period = "24h", model: Name = None, prompt: Name = None
) -> UsageReport:
    """What the engines of this project did and took, and what was decided, per hour (24h) or day (7d, 30d), in UTC.

    `model` and `prompt` (a label such as `reply 3`) narrow it. Calls are on record for 90 days, and here within about
    a second.
    """
    async with rt.db.read() as session:
        return await read_usage(session, caller.project.id, rt.clock(), period=period, model=model, prompt=prompt)
