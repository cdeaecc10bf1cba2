"""The file of comments as an answer over HTTP, alike for pages and programs."""

from fastapi.responses import StreamingResponse

from ouvidor.accounts.models import Project
from ouvidor.feedback.finding.export import Form, export_comments
from ouvidor.feedback.finding.find import Mode
from ouvidor.feedback.finding.wanted import CommentFilter
from ouvidor.runtime import Runtime


def comments_file(
    rt: Runtime, project: Project, wanted: CommentFilter, q: str = "", *, mode: Mode = "auto", form: Form = "full"
) -> StreamingResponse:
    """The file as an answer, under a name that tells the project and the day."""
    name = f"comments-{project.name}-{rt.clock().date().isoformat()}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    pieces = export_comments(rt, project, wanted, q, mode=mode, form=form)
    return StreamingResponse(pieces, media_type="text/csv; charset=utf-8", headers=headers)
