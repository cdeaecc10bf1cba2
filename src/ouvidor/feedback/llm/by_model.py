"""Comments classified by a language model: split into calls, matched by number, asked again where one is missing."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from ouvidor.accounts.models import Project
from ouvidor.engines.base import EngineFailed, FaultKind
from ouvidor.engines.spending import Spent, spent_on
from ouvidor.feedback.classification import Classification
from ouvidor.feedback.llm.asking import Asking, asking_of
from ouvidor.feedback.llm.fitting import MOST_TOGETHER
from ouvidor.feedback.taxonomy import Taxonomy
from ouvidor.runtime import Runtime

AT_ONCE = 8
"""Calls of one `ask` that run at the same time; the limits of the settings hold over all of them."""
SMALLER = (MOST_TOGETHER, 4, 1)
"""How many are asked about together: first, again, and at last alone, where the others may have been the trouble."""
PERHAPS_ONE = frozenset[FaultKind]({"bad_output", "refused", "too_large"})
"""Faults that one comment may bring upon all that are asked about with it."""


@dataclass(frozen=True)
class Asked:
    """What a model said of texts, in their order, duplicates kept; None where it gave no answer that can be used.

    `label` and `prompt_version` are those of the prompt, `spent` what all `calls` took together. `fault` is why a call
    failed whose comments have no answer; where there is none, they were left out of answers again and again.
    """

    answers: list[Classification | None]
    model: str
    label: str
    prompt_version: UUID | None
    spent: Spent
    fault: FaultKind | None
    calls: int

    @property
    def asked(self) -> bool:
        """Whether the model was called at all."""
        return self.calls > 0


@dataclass
class _Tally:
    """What has come of the texts so far; `faults` are those of the last calls, by place."""

    answers: list[Classification | None]
    faults: dict[int, FaultKind | None] = field(default_factory=dict[int, "FaultKind | None"])
    spent: list[Spent] = field(default_factory=list[Spent])
    model: str = ""
    calls: int = 0

    @property
    def fault(self) -> FaultKind | None:
        """The first fault of those that have no answer."""
        for place, answer in enumerate(self.answers):
            fault = self.faults[place] if answer is None else None
            if fault is not None:
                return fault
        return None


async def ask(rt: Runtime, project: Project, taxonomy: Taxonomy, texts: Sequence[str]) -> Asked:
    """Ask the project's language model about these texts; never called inside a transaction.

    Those without a usable answer are asked about again, fewer together, unless several calls brought nothing at all.
    What a model says of one text never counts for another, and a call that fails concerns its own texts.
    """
    asking = await asking_of(rt, project, taxonomy)
    tally = _Tally([None] * len(texts))
    left = list(range(len(texts)))
    for most in SMALLER:
        groups = [[left[place] for place in group] for group in asking.groups([texts[one] for one in left], most)]
        await _ask_all(rt, asking, texts, groups, tally)
        if len(groups) > 1 and all(tally.answers[place] is None for place in left):
            break
        first = most == MOST_TOGETHER
        left = sorted(place for group in groups for place in group if _again(tally, place, group, first=first))
        if not left:
            break
    return Asked(
        answers=tally.answers,
        model=tally.model or rt.engine.name,
        label=asking.brief.label,
        prompt_version=asking.brief.version,
        spent=_together(tally.spent),
        fault=tally.fault,
        calls=tally.calls,
    )


def _again(tally: _Tally, place: int, group: Sequence[int], *, first: bool) -> bool:
    """Whether a text that has no answer is worth another call: it was left out, or others may be to blame."""
    if tally.answers[place] is not None:
        return False
    fault = tally.faults[place]
    return (fault is None or fault in PERHAPS_ONE) if len(group) > 1 else fault is None and first


async def _ask_all(
    rt: Runtime, asking: Asking, texts: Sequence[str], groups: Sequence[Sequence[int]], tally: _Tally
) -> None:
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(group: Sequence[int]) -> None:
        async with slots:
            await _call(rt, asking, texts, group, tally)

    async with asyncio.TaskGroup() as calls:
        for group in groups:
            calls.create_task(one(group))


async def _call(rt: Runtime, asking: Asking, texts: Sequence[str], group: Sequence[int], tally: _Tally) -> None:
    """One call about the texts at these places; what came of it goes into the tally."""
    mine = [texts[place] for place in group]
    try:
        outcome = await rt.engine.run(asking.task, asking.given(mine), asking.brief)
    except EngineFailed as failed:
        model, effort, found, fault = failed.model, failed.effort, [None] * len(mine), failed.kind
    else:
        model, effort, fault = outcome.model, outcome.effort, None
        found = asking.read(outcome.output, mine)
        tally.model = model
    for place, answer in zip(group, found, strict=True):
        tally.answers[place], tally.faults[place] = answer, fault
    if effort.asked:
        tally.calls += 1
        tally.spent.append(await asyncio.to_thread(spent_on, model, effort.usage, rt.settings))


def _together(parts: Iterable[Spent]) -> Spent:
    """What calls took together; the cost is unknown where a price is, or where a server told no tokens of any call."""
    spent = list(parts)
    costs = [one.cost for one in spent if one.cost is not None]
    unpriced = any(one.prices is None for one in spent)
    return Spent(
        input_tokens=sum(one.input_tokens for one in spent),
        output_tokens=sum(one.output_tokens for one in spent),
        cost=None if unpriced or (spent and not costs) else sum(costs, Decimal(0)),
        prices=spent[-1].prices if spent else None,
    )
