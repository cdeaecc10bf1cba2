"""Evaluations on labelled files: a project is made for the run, filled, asked, and removed."""

import secrets
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import delete
from sqlalchemy import text as sql

from ouvidor.accounts.models import Project
from ouvidor.accounts.projects import create_project
from ouvidor.errors import Fault, Unprocessable
from ouvidor.evals.decision_metrics import auroc, best_threshold, coverage_at, wrong_answer_rate_at
from ouvidor.evals.files import DecisionCase, RetrievalCase, read_cases
from ouvidor.evals.metrics import hit_at, mrr_at
from ouvidor.knowledge.index import index_knowledge
from ouvidor.knowledge.ingest import read_sections
from ouvidor.knowledge.search import SearchResult, search
from ouvidor.knowledge.store import import_sections
from ouvidor.runtime import Runtime

DEPTH = 10
WRONG_ALLOWED = 0.05


@dataclass(frozen=True)
class Timed:
    """A search and how long it took, in milliseconds, embedding of the query included."""

    result: SearchResult
    milliseconds: float

    @property
    def keys(self) -> list[str]:
        """The ids of the sections, best first."""
        return [section.key for section in self.result.sections]


async def run_retrieval(rt: Runtime, sections: Path, queries: Path) -> dict[str, float]:
    """Hit rates, mean reciprocal rank and time per query of search."""
    cases = read_cases(queries, RetrievalCase)
    searches = await _search_all(rt, sections, [case.query for case in cases])
    rankings = [one.keys for one in searches]
    relevant = [set(case.relevant_ids) for case in cases]
    times = [one.milliseconds for one in searches]
    return {
        "queries": len(cases),
        "hit@1": round(hit_at(1, rankings, relevant), 4),
        "hit@5": round(hit_at(5, rankings, relevant), 4),
        "hit@10": round(hit_at(10, rankings, relevant), 4),
        "mrr@10": round(mrr_at(10, rankings, relevant), 4),
        "p50_ms": round(float(np.percentile(times, 50)), 2),
        "p95_ms": round(float(np.percentile(times, 95)), 2),
    }


async def run_decisions(rt: Runtime, sections: Path, cases_file: Path) -> dict[str, float | None]:
    """How well the score of answering tells the answerable from the rest, and what it lets through."""
    cases = read_cases(cases_file, DecisionCase)
    searches = await _search_all(rt, sections, [case.query for case in cases])
    scores = np.array([one.result.confidence for one in searches])
    right = np.array([_right(case, one) for case, one in zip(cases, searches, strict=True)])
    answerable = np.array([case.answerable for case in cases])
    gate = searches[0].result.gate
    best = best_threshold(scores, right, WRONG_ALLOWED)
    return {
        "cases": len(cases),
        "auroc": _rounded(auroc(scores, answerable)),
        "threshold": round(gate, 4),
        "coverage": _rounded(coverage_at(scores, gate)),
        "wrong_answer_rate": _rounded(wrong_answer_rate_at(scores, right, gate)),
        "threshold_at_5_percent": _rounded(best),
        "coverage_at_5_percent": 0.0 if best is None else _rounded(coverage_at(scores, best)),
    }


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


async def _search_all(rt: Runtime, sections: Path, queries: Sequence[str]) -> list[Timed]:
    async with passing_project(rt, sections) as project:
        await search(rt, project, queries[0], limit=DEPTH)
        found: list[Timed] = []
        for query in queries:
            start = time.perf_counter()
            result = await search(rt, project, query, limit=DEPTH)
            found.append(Timed(result, 1000 * (time.perf_counter() - start)))
        return found


def _right(case: DecisionCase, found: Timed) -> bool:
    """Whether answering from the best section would be right."""
    if not case.answerable or not found.keys:
        return False
    return case.relevant_ids is None or found.keys[0] in case.relevant_ids


def _first(broken: Sequence[Fault]) -> str:
    more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
    return f"{broken[0].where} {broken[0].message}{more}"


def _rounded(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else round(float(value), 4)
