"""How well a project's comments are classified, on what its people have said of them.

The model in use has learnt most of these cases, so it would do well on them whatever it is worth. Those that it has not
learnt it judges itself; the others are judged in folds, each by a model trained in the same way without its fold.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ouvidor.accounts.models import Project
from ouvidor.accounts.projects import project_named
from ouvidor.errors import Unprocessable
from ouvidor.evals.comments import (
    WARM_UP,
    CommentCase,
    Floor,
    figures_of,
    read_comments,
    read_floors,
    run_comments,
    under_floor,
)
from ouvidor.feedback.classification import Classification
from ouvidor.feedback.classifier import classifier_for, classify, learn
from ouvidor.feedback.in_use import InUse, in_use
from ouvidor.feedback.learning.golden import GoldenCase, golden_cases
from ouvidor.feedback.learning.train import example_of
from ouvidor.feedback.learning.trainings import active_model, learnt_until
from ouvidor.feedback.measures import share
from ouvidor.runtime import Runtime

FOLDS = 5


@dataclass(frozen=True)
class Measured:
    """Figures, and a sentence for each that is under its floor."""

    figures: dict[str, Any]
    short: list[str]


async def run_for_project(rt: Runtime, project_name: str, cases: Path | None, floors: Sequence[str]) -> Measured:
    """The project's local classifier on a file of cases, else on what its people have corrected.

    Floors are written as `read_floors` takes them. What people corrected is mostly what the classifier was not sure of:
    without floors it is held to none.

    Raises:
        UnknownProject: there is none of this name.
        Unprocessable: the file or a floor cannot be read, or nobody has corrected a comment.
    """
    async with rt.db.read() as session:
        project = await project_named(session, project_name)
    use = await in_use(rt, project)
    if cases is None:
        wanted: Mapping[str, Floor] = read_floors(floors, use.taxonomy) if floors else {}
        figures = await run_own_comments(rt, project, use)
    else:
        wanted = read_floors(floors, use.taxonomy)
        read = read_comments(cases, use.taxonomy)
        figures = await run_comments(read, rt.embedder, use.taxonomy, use.classifier.trained)
    return Measured(figures, under_floor(figures, wanted, use.taxonomy))


async def run_own_comments(rt: Runtime, project: Project, use: InUse) -> dict[str, Any]:
    """The figures of `run_comments` on the project's corrected comments.

    `in_folds` counts the cases judged by a model that had not learnt them; `blind_agreed` of `blind_cases`, the random
    share, had the AI's value right when people judged them, and its interval holds the accuracy in 95 of 100 cases.

    Raises:
        Unprocessable: nobody has corrected a comment.
    """
    learnt, fresh = await _cases(rt, project, use)
    if not learnt and not fresh:
        raise Unprocessable("Nobody has corrected a comment of this project yet.")
    found = await _in_folds(rt, use, learnt)
    await classify([case.text for case in fresh[:WARM_UP]], use.classifier, rt.embedder)
    every = [*learnt, *fresh]
    began = time.perf_counter()
    by_active = await classify([case.text for case in every], use.classifier, rt.embedder)
    taken = time.perf_counter() - began
    found += by_active[len(learnt) :]
    cases = [CommentCase(case.text, case.category) for case in every]
    return figures_of(cases, found, use.taxonomy, taken) | {"in_folds": len(learnt)} | _blind(every)


async def _cases(rt: Runtime, project: Project, use: InUse) -> tuple[list[GoldenCase], list[GoldenCase]]:
    """The cases that the model in use has learnt, and those that it has not."""
    async with rt.db.read() as session:
        cases = await golden_cases(session, project.id, use.taxonomy)
        until = learnt_until(await active_model(session, project.id))
    learnt = [case for case in cases if until is not None and case.corrected_at <= until]
    return learnt, [case for case in cases if case not in learnt]


async def _in_folds(rt: Runtime, use: InUse, learnt: Sequence[GoldenCase]) -> list[Classification]:
    """A classification of each case by a model that learnt all others but those of its fold."""
    found: dict[int, Classification] = {}
    for fold in range(min(FOLDS, len(learnt))):
        places = range(fold, len(learnt), FOLDS)
        taught = [example_of(case, use.taxonomy) for place, case in enumerate(learnt) if place % FOLDS != fold]
        trained = await learn(use.taxonomy, rt.embedder, taught)
        classifier = await classifier_for(use.taxonomy, rt.embedder, trained)
        judged = await classify([learnt[place].text for place in places], classifier, rt.embedder)
        found |= dict(zip(places, judged, strict=True))
    return [found[place] for place in range(len(learnt))]


def _blind(cases: Sequence[GoldenCase]) -> dict[str, float]:
    blind = [case for case in cases if case.blind]
    agreed = share(sum(case.given == case.category for case in blind), len(blind))
    told = {"blind_cases": agreed.count, "blind_agreed": agreed.hits}
    return told | {"blind_low": round(agreed.low, 4), "blind_high": round(agreed.high, 4)}
