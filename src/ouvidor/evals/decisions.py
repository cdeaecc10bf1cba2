"""Whether the score of answering tells what a knowledge base can answer from what it cannot."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ouvidor.evals.decision_metrics import auroc, best_threshold, coverage_at, wrong_answer_rate_at
from ouvidor.evals.files import DecisionCase, read_cases
from ouvidor.evals.passing import Timed, search_all
from ouvidor.runtime import Runtime

WRONG_ALLOWED = 0.05


async def run_decisions(
    rt: Runtime, sections: Path, cases_file: Path, progress: Callable[[int, int], None]
) -> dict[str, float | None]:
    """How well the score of answering tells the answerable from the rest, and what it lets through."""
    cases = read_cases(cases_file, DecisionCase)
    searches = await search_all(rt, sections, [case.query for case in cases], progress)
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


def _right(case: DecisionCase, found: Timed) -> bool:
    """Whether answering from the best section would be right."""
    if not case.answerable or not found.keys:
        return False
    return case.relevant_ids is None or found.keys[0] in case.relevant_ids


def _rounded(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else round(float(value), 4)
