"""A project made for one evaluation: filled, asked, removed."""

import secrets
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import delete
from sqlalchemy import text as sql

from ouvidor.accounts.models import Project
from ouvidor.accounts.projects import create_project
from ouvidor.errors import Fault, Unprocessable
from ouvidor.knowledge.index import index_knowledge
from ouvidor.knowledge.ingest import read_sections
from ouvidor.knowledge.search import SearchResult, search
from ouvidor.knowledge.store import import_sections
from ouvidor.runtime import Runtime

DEPTH = 10


@dataclass(frozen=True)
class Timed:
    """A search and how long it took, in milliseconds, embedding of the query included."""

    result: SearchResult
    milliseconds: float

    @property
    def keys(self) -> list[str]:
        """The ids of the sections, best first."""
        return [section.key for section in self.result.sections]


@asynccontextmanager
async def passing_project(rt: Runtime, sections: Path) -> AsyncGenerator[Project]:
    """A project with these sections and their vectors, removed at the end of the block.

    Raises:
        Unprocessable: a row of the file is broken; an evaluation must not run on less than was asked.
    """
    async with rt.db.begin() as session:
        name = f"eval-{secrets.token_hex(6)}"
        project = await create_project(session, name, title="Evaluation", now=rt.clock())
    try:
        report = await import_sections(rt, project, read_sections(sections))
        if report.broken:
            raise Unprocessable(f"{sections}: {_first(report.broken)}", faults=report.broken)
        await index_knowledge(rt, project.id)
        async with rt.db.begin() as session:
            await session.execute(sql("analyze section, posting, section_vector"))
        yield project
    finally:
        async with rt.db.begin() as session:
            await session.execute(delete(Project).where(Project.id == project.id))


async def search_all(
    rt: Runtime, sections: Path, queries: Sequence[str], progress: Callable[[int, int], None]
) -> list[Timed]:
    """Ask the sections each query, one after the other, after one that warms up; `progress` gets done and total."""
    async with passing_project(rt, sections) as project:
        await search(rt, project, queries[0], limit=DEPTH)
        found: list[Timed] = []
        for query in queries:
            start = time.perf_counter()
            result = await search(rt, project, query, limit=DEPTH)
            found.append(Timed(result, 1000 * (time.perf_counter() - start)))
            progress(len(found), len(queries))
        return found


def _first(broken: Sequence[Fault]) -> str:
    more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
    return f"{broken[0].where} {broken[0].message}{more}"
