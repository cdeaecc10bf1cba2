"""How good search is on labelled queries, and how quick."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ouvidor.evals.files import RetrievalCase, read_cases
from ouvidor.evals.metrics import hit_at, mrr_at
from ouvidor.evals.passing import search_all
from ouvidor.runtime import Runtime


async def run_retrieval(
    rt: Runtime, sections: Path, queries: Path, progress: Callable[[int, int], None]
) -> dict[str, float]:
    """Hit rates, mean reciprocal rank and time per query of search."""
    cases = read_cases(queries, RetrievalCase)
    searches = await search_all(rt, sections, [case.query for case in cases], progress)
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
