"""How much of the personal data in labelled texts is masked, and how much of what is masked is personal data."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from ouvidor.engines.personal_data import Found, Kind, find
from ouvidor.evals.files import read_cases
from ouvidor.text import Language


class LabelledValue(BaseModel):
    """Personal data as written in the text."""

    kind: Kind
    value: str


class MaskingCase(BaseModel):
    """A text and all personal data in it, in the order of the text."""

    text: str
    language: Language
    values: list[LabelledValue]


@dataclass(frozen=True)
class Miss:
    """What went wrong in a case: a value of which a sign stays, or a stretch masked without need."""

    text: str
    kind: Kind
    written: str
    needless: bool


def judge(case: MaskingCase) -> Iterator[tuple[Kind, Miss | None, bool]]:
    """Each labelled value with its miss or None, then each stretch masked; the last part: whether it is a stretch.

    A value counts as masked when one stretch of its kind covers it wholly; a stretch counts as right when it touches
    a value of its kind and hides not more than half as much again.
    """
    found = find(case.text)
    wanted = list(_places(case))
    for kind, start, end in wanted:
        hit = any(one.kind == kind and one.start <= start and one.end >= end for one in found)
        yield kind, None if hit else Miss(case.text, kind, case.text[start:end], needless=False), False
    for one in found:
        right = any(_right(one, kind, start, end) for kind, start, end in wanted)
        yield (
            one.kind,
            None if right else Miss(case.text, one.kind, case.text[one.start : one.end], needless=True),
            True,
        )


def run_masking(cases_file: Path) -> dict[str, float | None]:
    """Recall and precision over all kinds and of each, and in how many texts without personal data some was found."""
    cases = read_cases(cases_file, MaskingCase)
    return measure(cases)


def measure(cases: Sequence[MaskingCase]) -> dict[str, float | None]:
    """The figures of these cases; a share of nothing is None."""
    values, hits, stretches, right = (Counter[Kind]() for _ in range(4))
    disturbed = 0
    for case in cases:
        judged = list(judge(case))
        disturbed += not case.values and bool(judged)
        for kind, miss, stretch in judged:
            (stretches if stretch else values)[kind] += 1
            (right if stretch else hits)[kind] += miss is None
    figures: dict[str, float | None] = {
        "cases": len(cases),
        "without_personal_data": sum(not case.values for case in cases),
        "of_these_masked": disturbed,
        "values": values.total(),
        "recall": _share(hits.total(), values.total()),
        "precision": _share(right.total(), stretches.total()),
    }
    for kind in Kind:
        name = kind.lower()
        figures |= {
            f"{name}_values": values[kind],
            f"{name}_recall": _share(hits[kind], values[kind]),
            f"{name}_precision": _share(right[kind], stretches[kind]),
        }
    return figures


def _places(case: MaskingCase) -> Iterator[tuple[Kind, int, int]]:
    """Where the labelled values stand; each is looked for behind the one before."""
    end = 0
    for value in case.values:
        start = case.text.index(value.value, end)
        end = start + len(value.value)
        yield value.kind, start, end


def _right(one: Found, kind: Kind, start: int, end: int) -> bool:
    touches = one.start < end and one.end > start
    return one.kind == kind and touches and one.end - one.start <= 1.5 * (end - start)


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
