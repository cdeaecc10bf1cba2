"""What the access tests need to know of each route: who it is for, a body it accepts, and ids of the own tenant."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from comment_factories import build_comment
from factories import Site, Tenant, build_analysis
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from sqlalchemy import select
from starlette.routing import Mount

from ouvidor.accounts.audit import COMMAND
from ouvidor.accounts.invitations import invite
from ouvidor.accounts.keys import issue_key
from ouvidor.accounts.models import Project, User
from ouvidor.accounts.permissions import Permission, Role
from ouvidor.accounts.signins import open_signin
from ouvidor.accounts.tokens import begin_family
from ouvidor.accounts.users import join_project
from ouvidor.analysis.models import AnalysisItem, AnalysisRun
from ouvidor.conversations.models import Conversation
from ouvidor.feedback.classifier import Trained, shipped
from ouvidor.feedback.finding.wanted import CommentFilter
from ouvidor.feedback.learning.correcting_many import correct_many
from ouvidor.feedback.models import CommentItem, CommentJob, CommentModel, CommentUpload, CommentView, TaxonomyVersion
from ouvidor.feedback.taxonomies.moves import Preview
from ouvidor.feedback.taxonomies.versions import newest_version
from ouvidor.feedback.taxonomy import DEFAULT
from ouvidor.knowledge.models import Section
from ouvidor.privacy.models import DataExport, Erasure
from ouvidor.prompts.store import save_prompt
from ouvidor.runtime import Runtime

OPEN_FOLDERS = {"/static"}
SAFE = {"get", "head"}
PASSWORD = "correct horse battery"
WEIGHTS = Trained(shipped().by_words, None).to_bytes()


@dataclass(frozen=True)
class Route:
    """One method of one path with the policies its dependencies state."""

    method: str
    path: str
    policies: tuple[str, ...]
    documented: bool

    def permission(self, kind: str) -> Permission | None:
        """What `needs:` (API) or `member:` (page) asks for."""
        found = (policy.removeprefix(f"{kind}:") for policy in self.policies if policy.startswith(f"{kind}:"))
        return next((Permission(name) for name in found), None)

    @property
    def streams(self) -> bool:
        """An answer without an end; who may open it is tested here, what it says in test_live.py."""
        return self.path.endswith("/events")


def policies(dependant: Dependant | None) -> list[str]:
    if dependant is None:
        return []
    own = getattr(dependant.call, "policy", None)
    return ([own] if own else []) + [found for part in dependant.dependencies for found in policies(part)]


def all_routes(app: FastAPI) -> Iterator[Route]:
    """Every method of every route of the app, included routers unfolded."""
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, Mount):
            yield Route("get", context.path, ("public",) if context.path in OPEN_FOLDERS else (), documented=False)
            continue
        found = tuple(policies(getattr(context, "dependant", None)))
        for method in sorted(getattr(route, "methods", None) or ()):
            yield Route(method.lower(), context.path, found, getattr(route, "include_in_schema", False))


def api_routes(app: FastAPI) -> list[Route]:
    """What the OpenAPI document says needs a credential, with what it needs."""
    known = {(route.method, route.path): route for route in all_routes(app)}
    return [
        known[method, path]
        for path, methods in app.openapi()["paths"].items()
        for method, told in methods.items()
        if told.get("security")
    ]


def page_routes(app: FastAPI) -> list[Route]:
    """The pages of a project."""
    return [
        route
        for route in all_routes(app)
        if route.method != "head" and any(policy.startswith("member:") for policy in route.policies)
    ]


def signed_in_routes(app: FastAPI) -> list[Route]:
    """All pages that need a sign-in: those of a project, and a person's own."""
    own = [route for route in all_routes(app) if route.method != "head" and "person" in route.policies]
    return [*page_routes(app), *own]


async def add_person(rt: Runtime, name: str, *places: tuple[Project, Role], operator: bool = False) -> User:
    """A member without a password that fits: they get in by tokens and cookies made here."""
    async with rt.db.begin() as session:
        user = User(username=name, name="", password_hash="none", operator=operator, demo=False, created_at=rt.clock())
        session.add(user)
        await session.flush()
        for project, role in places:
            await join_project(session, user.id, project.id, role, rt.clock())
    return user


async def bearer_of(rt: Runtime, user: User, project: Project | None) -> dict[str, str]:
    async with rt.db.begin() as session:
        pair = await begin_family(session, rt.secret, user, project, program="test", now=rt.clock())
    return {"Authorization": f"Bearer {pair.access}"}


async def cookie_of(rt: Runtime, user: User) -> str:
    async with rt.db.begin() as session:
        return await open_signin(session, user, now=rt.clock(), hours=1)


async def own_taxonomy(rt: Runtime, project: Project) -> str:
    """A version of a number that stands nowhere else, with a preview."""
    preview = Preview(state="done", ordered_by="test", ordered_at=rt.clock())
    async with rt.db.begin() as session:
        newest = (await newest_version(session, project)).number
        row = TaxonomyVersion(
            project_id=project.id,
            number=max(newest, 900_000_000) + 1,
            content=DEFAULT.model_dump(mode="json"),
            preview=preview.model_dump(mode="json"),
            saved_by="test",
            created_at=rt.clock(),
        )
        session.add(row)
        return str(row.number)


async def own_ids(rt: Runtime, tenant: Tenant) -> dict[str, str]:
    """A new id of each kind that a path may name, all of this tenant."""
    now, project = rt.clock(), tenant.project
    member = await add_person(rt, f"member-{uuid4().hex[:8]}", (project, Role.AGENT))
    text = f"Answer {uuid4().hex}"
    prompt = await save_prompt(rt, project, "reply", text, activate=True, actor=COMMAND)
    analysis = await build_analysis(rt, project, f"own-{uuid4().hex[:8]}")
    comment = await build_comment(rt, project, f"Comment {uuid4().hex}", waits="unsure")
    other = await build_comment(rt, project, f"Other {uuid4().hex}", waits="unsure")
    corrected = await correct_many(rt, project, CommentFilter(ids=(other,)), "spam", actor=COMMAND)
    async with rt.db.begin() as session:
        mine = Section.project_id == project.id
        section = (await session.execute(select(Section.id).where(mine).limit(1))).scalar_one()
        talk = Conversation(
            project_id=project.id, helpdesk_id=f"own-{uuid4().hex[:8]}", created_at=now, last_message_at=now
        )
        told = {"project_id": project.id, "requested_by": "test", "requested_at": now}
        erasure = Erasure(kind="conversation", state="done", done_at=now, **told)
        own, week = {"project_id": project.id}, now + timedelta(days=7)
        export = DataExport(
            kind="customer", subject="c", state="done", content=b"{}", done_at=now, expires_at=week, **told
        )
        run = AnalysisRun(project_id=project.id, kind="batch", created_at=now)
        job = CommentJob(kind="intake", source="api", ordered_by="test", total=1, failed=1, created_at=now, **own)
        view = CommentView(name=uuid4().hex, query="q=app", saved_by="test", created_at=now, **own)
        upload = CommentUpload(name="a.csv", content=b"texto\nOi\n", user_id=member.id, expires_at=week, **own)
        session.add_all([talk, erasure, export, run, job, view, upload])
        await session.flush()
        parked = AnalysisItem(
            conversation_id=talk.id, project_id=project.id, run_id=run.id, state="parked", due_at=now, updated_at=now
        )
        lost = CommentItem(job_id=job.id, position=1, state="failed", status=503, due_at=now, **own)
        session.add_all([parked, lost])
        key = await issue_key(session, project, label="other", now=now)
        invitation = await invite(session, project, Role.VIEWER, "somebody", actor=COMMAND, now=now)
        ids: dict[str, UUID] = {
            "section_id": section,
            "conversation_id": talk.id,
            "user_id": member.id,
            "key_id": key.id,
            "invitation_id": invitation.id,
            "erasure_id": erasure.id,
            "export_id": export.id,
            "version_id": prompt.version.id,
            "analysis_id": analysis,
            "run_id": run.id,
            "comment_id": comment,
            "correction_id": corrected.deed,
            "view_id": view.id,
            "job_id": job.id,
            "upload_id": upload.id,
        }
    return {name: str(value) for name, value in ids.items()} | {
        "version": await own_taxonomy(rt, project),
        "number": await own_model(rt, project),
        "deed": "claim",
        "model": project.name,
        "name": "outcomes",
    }


async def own_model(rt: Runtime, project: Project) -> str:
    """The number of a classifier that was trained for the project and is not in use."""
    number = uuid4().int % 1_000_000_000 + 1_000_000_000
    async with rt.db.begin() as session:
        told = {"taxonomy": 0, "state": "promoted", "weights": WEIGHTS, "ordered_by": "test", "created_at": rt.clock()}
        session.add(CommentModel(project_id=project.id, number=number, **told))
    return str(number)


def body_of(site: Site, method: str, path: str, ids: dict[str, str]) -> dict[str, Any]:
    """What to send so that the route accepts it from its own tenant."""
    name = site.own.project.name
    row = json.dumps({"id": uuid4().hex, "content": "y"}).encode()
    bodies: dict[tuple[str, str], dict[str, Any]] = {
        ("post", "/conversations/completions"): {
            "json": {"helpdeskId": 1, "projectName": name, "messages": [{"role": "USER", "content": "hi"}]}
        },
        ("post", "/v1/chat/completions"): {"json": {"model": name, "messages": [{"role": "user", "content": "hi"}]}},
        ("post", "/api/v1/sections"): {"json": {"sections": [{"id": uuid4().hex, "content": "y"}]}},
        ("post", "/api/v1/sections/import"): {"files": {"file": ("a.jsonl", row)}},
        ("post", "/api/v1/sections/search"): {"json": {"query": "breakfast"}},
        ("patch", "/api/v1/project"): {"json": {"max_clarifications": 1}},
        ("post", "/api/v1/projects"): {"json": {"name": f"p-{uuid4().hex[:8]}", "title": "New"}},
        ("patch", "/api/v1/members/{user_id}"): {"json": {"role": "viewer"}},
        ("post", "/api/v1/invitations"): {"json": {"role": "viewer", "invitee": "x"}},
        ("post", "/api/v1/keys"): {"json": {"label": "x", "scopes": ["project:read"]}},
        ("post", "/api/v1/conversations/import"): {
            "json": {
                "conversations": [
                    {
                        "id": uuid4().hex,
                        "unit": "Centro",
                        "turns": [{"role": "customer", "text": "Oi", "at": "2026-11-20T10:00:00Z"}],
                    }
                ]
            }
        },
        ("post", "/api/v1/conversations/{conversation_id}/pass-on"): {"json": {"to": ids["user_id"]}},
        ("post", "/api/v1/conversations/{conversation_id}/reply"): {"json": {"text": "x"}},
        ("put", "/api/v1/presence"): {"json": {"away": True}},
        ("post", "/api/v1/erasures"): {"json": {"kind": "conversation", "id": ids["conversation_id"]}},
        ("post", "/api/v1/erasures/check"): {"json": {"kind": "conversation", "id": ids["conversation_id"]}},
        ("post", "/api/v1/exports"): {"json": {"kind": "conversation", "id": ids["conversation_id"]}},
        ("post", "/api/v1/prompts/versions"): {"json": {"name": "reply", "text": uuid4().hex}},
        ("post", "/api/v1/prompts/activate"): {"json": {"name": "reply", "version": "default"}},
        ("post", "/api/v1/auth/password"): {"json": {"old": PASSWORD, "new": f"{PASSWORD} 2"}},
        ("patch", "/api/v1/me"): {"json": {"name": "Ana"}},
        ("post", "/api/v1/analyses/runs"): {"json": {"again": False, "since": "2026-01-01T00:00:00Z", "limit": 5}},
        ("post", "/api/v1/analyses/runs/estimate"): {"json": {"again": True, "limit": 5, "confirmed": 1}},
        ("post", "/api/v1/analyses/parked/retry"): {"json": {"conversation_id": ids["conversation_id"]}},
        ("post", "/api/comentarios"): {"json": {"id": uuid4().hex, "texto": "Amei o show", "artista": "Lia"}},
        ("post", "/api/v1/comments"): {
            "json": {
                "comments": [
                    {
                        "id": uuid4().hex,
                        "text": "Amei o show",
                        "fields": {"artista": "Lia"},
                        "author": "ana",
                        "written_at": "2026-11-20T10:00:00Z",
                    }
                ]
            }
        },
        ("post", "/api/v1/comments/import"): {"files": {"file": ("a.csv", b"id,texto\n1,Amei o show\n")}},
        ("post", "/api/v1/comments/correct"): {"json": {"category": "praise", "ids": [ids["comment_id"]]}},
        ("post", "/api/v1/comments/{comment_id}/correct"): {"json": {"category": "praise"}},
        ("put", "/api/v1/comments/views"): {"json": {"name": uuid4().hex, "query": "q=app"}},
        ("post", "/api/v1/comments/taxonomy"): {
            "json": {"categories": [{"names": {"pt": "Um"}}, {"names": {"pt": uuid4().hex}}]}
        },
        ("post", "/api/v1/comments/taxonomy/versions/{version}/activate"): {"json": {"again": True}},
        ("put", "/api/v1/comments/rules"): {
            "json": {"unsure_below": uuid4().int % 1000 / 1000, "blind_share": 0.1, "budget": 20, "by_model": True}
        },
    }
    return bodies.get((method, path), {})
