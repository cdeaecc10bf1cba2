"""The pages, put onto an app: static files, routes, and what an error looks like to a person."""

from fastapi import APIRouter, FastAPI, Response

from ouvidor.accounts.access import public
from ouvidor.errors import NotFound
from ouvidor.web import (
    account,
    analyses,
    audit_log,
    chat,
    classifier,
    comment_files,
    comment_jobs,
    comments,
    conversations,
    corrections,
    inbox,
    joining,
    keys,
    live_pages,
    members,
    monitoring,
    overview,
    privacy,
    projects,
    prompts,
    reference,
    rules,
    sections,
    signing,
    taxonomy,
    taxonomy_edit,
    vega,
    working,
)
from ouvidor.web.answers import error_page, wants_page
from ouvidor.web.assets import Assets
from ouvidor.web.render import Renderer

__all__ = ["add_pages", "error_page", "wants_page"]


def add_pages(app: FastAPI) -> None:
    """Add every page to the app; read the templates, wordings and static files once."""
    assets = Assets.load()
    app.state.renderer = Renderer.load(assets)
    for router in (
        vega.router,
        asset_routes(assets),
        signing.router,
        account.router,
        chat.router,
        inbox.router,
        live_pages.router,
        conversations.router,
        overview.router,
        working.router,
        analyses.router,
        comment_files.router,
        comment_jobs.router,
        corrections.router,
        classifier.router,
        taxonomy.router,
        taxonomy_edit.router,
        comments.router,  # last of these, as any other word in its place would be read as an id
        monitoring.router,
        sections.router,
        projects.router,
        rules.router,
        prompts.router,
        privacy.router,
        members.router,
        keys.router,
        audit_log.router,
        joining.router,
        reference.router,
    ):
        app.include_router(router)


def asset_routes(assets: Assets) -> APIRouter:
    """`GET /static/{digest}/{name}`: kept for a year under the right digest, never under an old one."""
    router = APIRouter(include_in_schema=False)

    @router.get("/static/{digest}/{name}", dependencies=[public()])
    async def get_asset(digest: str, name: str) -> Response:
        asset = assets.files.get(name)
        if asset is None:
            raise NotFound
        keep = "public, max-age=31536000, immutable" if digest == assets.digest else "no-cache"
        headers = {"Cache-Control": keep, "X-Content-Type-Options": "nosniff"}
        return Response(asset.content, media_type=asset.media_type, headers=headers)

    return router
