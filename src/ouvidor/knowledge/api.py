"""Our own routes of a project's knowledge: list, read, write, remove, import, search, and how far the vectors are."""

import io
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from ouvidor.accounts.access import Caller, requires
from ouvidor.accounts.permissions import Permission
from ouvidor.errors import Fault, Unprocessable
from ouvidor.inputs import StorableText
from ouvidor.knowledge.ingest import BrokenRow, read_stream, section_input
from ouvidor.knowledge.read import SectionOut, SectionPage, list_sections, read_section
from ouvidor.knowledge.search import search
from ouvidor.knowledge.store import ImportReport, import_sections, remove_section
from ouvidor.knowledge.vectors import vector_progress
from ouvidor.problems import ProblemPart, problem_responses
from ouvidor.runtime import RuntimeDep

router = APIRouter(prefix="/api/v1/sections", tags=["knowledge"])

Reader = Annotated[Caller, requires(Permission.KNOWLEDGE_READ)]
Writer = Annotated[Caller, requires(Permission.KNOWLEDGE_WRITE)]


class SectionIn(BaseModel):
    """A section to write: a question with its answer, or a titled content."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "id": "charging-at-home",
                "question": "How long does charging at home take?",
                "answer": "About eight hours on a 7 kW wall box.",
                "type": "N1",
                "phrasings": ["charge time at home?"],
            }
        },
    )

    id: str | None = Field(default=None, max_length=200)
    question: str | None = None
    answer: str | None = None
    title: str | None = None
    content: str | None = None
    type: Literal["N1", "N2"] = "N1"
    tags: list[str] = []
    language: Literal["pt", "en"] | None = None
    phrasings: list[str] = []


class SectionsIn(BaseModel):
    """Sections to write: those of a known id are changed, the others added."""

    model_config = ConfigDict(extra="forbid")

    sections: list[SectionIn] = Field(min_length=1, max_length=1000)


class ImportOut(BaseModel):
    """What an import did; `broken` lists the rows that did not land."""

    added: int
    changed: int
    unchanged: int
    removed: int
    broken: list[ProblemPart]

    @classmethod
    def of(cls, report: ImportReport) -> "ImportOut":
        """From the report of the deed."""
        broken = [ProblemPart(where=fault.where, message=fault.message) for fault in report.broken]
        return cls(
            added=report.added,
            changed=report.changed,
            unchanged=report.unchanged,
            removed=report.removed,
            broken=broken,
        )


class SearchIn(BaseModel):
    """A question to search for."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"query": "charging at home"}})

    query: StorableText = Field(min_length=1, max_length=4000)
    limit: int = Field(default=10, ge=1, le=50)


class SearchHit(BaseModel):
    """A section that was found; `score` is the probability that it answers, 0 to 1."""

    id: UUID
    key: str
    heading: str | None
    content: str
    tier: Literal["N1", "N2"]
    language: Literal["pt", "en"]
    score: float


class SearchOut(BaseModel):
    """The best sections, best first; one may answer from them where `confidence` reaches `gate`."""

    confidence: float
    gate: float
    by_vectors: bool
    data: list[SearchHit]


class VectorsOut(BaseModel):
    """How many sections have their vectors; search uses what is there."""

    model: str | None
    done: int
    total: int


@router.get("", summary="List", responses=problem_responses(401, 403, 422))
async def get_sections(
    rt: RuntimeDep,
    caller: Reader,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    tier: Literal["N1", "N2"] | None = None,
    q: Annotated[StorableText | None, Query(max_length=200)] = None,
) -> SectionPage:
    """The project's sections; `after` is the last id of the page before, `q` a text they contain."""
    async with rt.db.read() as session:
        return await list_sections(session, caller.project.id, after=after, limit=limit, tier=tier, containing=q)


@router.post("", summary="Write", status_code=201, responses=problem_responses(400, 401, 403, 413, 422))
async def post_sections(rt: RuntimeDep, caller: Writer, written: SectionsIn) -> ImportOut:
    """Add or change up to 1,000 sections; searchable by words at once, by vectors soon after."""
    rows = [(number, _checked(number, section)) for number, section in enumerate(written.sections)]
    return ImportOut.of(await import_sections(rt, caller.project, rows, actor=caller.actor))


@router.post("/import", summary="Import a file", responses=problem_responses(400, 401, 403, 413, 422))
async def post_import(rt: RuntimeDep, caller: Writer, file: UploadFile, *, replace: bool = False) -> ImportOut:
    """A JSONL or CSV file; broken rows are listed, the rest lands. `replace` removes what the file does not name."""
    suffix = "." + (file.filename or "").rpartition(".")[2]
    try:
        text = io.StringIO((await file.read()).decode("utf-8-sig"), newline="")
    except UnicodeDecodeError:
        raise Unprocessable("The file is not UTF-8 text.") from None
    rows = read_stream(text, suffix)
    return ImportOut.of(await import_sections(rt, caller.project, rows, replace=replace, actor=caller.actor))


@router.post("/search", summary="Search", responses=problem_responses(400, 401, 403, 422))
async def post_search(rt: RuntimeDep, caller: Reader, wanted: SearchIn) -> SearchOut:
    """The sections that answer best, by words and meaning together."""
    found = await search(rt, caller.project, wanted.query, limit=wanted.limit)
    data = [SearchHit.model_validate(section, from_attributes=True) for section in found.sections]
    return SearchOut(confidence=found.confidence, gate=found.gate, by_vectors=found.by_vectors, data=data)


@router.get("/vectors", summary="Progress of the vectors", responses=problem_responses(401, 403))
async def get_vectors(rt: RuntimeDep, caller: Reader) -> VectorsOut:
    """How far the background job has come."""
    progress = await vector_progress(rt, caller.project.id)
    model = rt.embedder.name if rt.embedder.available else None
    return VectorsOut(model=model, done=progress.done, total=progress.total)


@router.get("/{section_id}", summary="Read one", responses=problem_responses(401, 403, 404, 422))
async def get_section(rt: RuntimeDep, caller: Reader, section_id: UUID) -> SectionOut:
    """One section."""
    async with rt.db.read() as session:
        return await read_section(session, caller.project.id, section_id)


@router.delete("/{section_id}", summary="Remove", status_code=204, responses=problem_responses(401, 403, 404, 422))
async def delete_section(rt: RuntimeDep, caller: Writer, section_id: UUID) -> Response:
    """Take a section out; answers given from it keep their copy."""
    await remove_section(rt, caller.project, section_id, actor=caller.actor)
    return Response(status_code=204)


def _checked(number: int, section: SectionIn) -> Any:
    try:
        return section_input(section.model_dump(exclude_none=True))
    except BrokenRow as broken:
        return Fault(f"sections.{number}", str(broken))
