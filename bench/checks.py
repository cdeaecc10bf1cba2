"""How many planted faults the check of drafts finds, and how many sound drafts it withholds.

    python bench/checks.py [--json] [--misses]

The cases are ours: tests/checks.jsonl (`{expect, set, sections, question, draft}`) over tests/checks_sections.jsonl.
`expect` is "good" or the fault that was planted; set "a" was seen while the rules were written, "b" was not.
"""

import argparse
import json
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from ouvidor.agent.checks import Checked, check
from ouvidor.agent.given import Given, Source
from ouvidor.agent.reply import Draft
from ouvidor.text import Language, detect_language

TESTS = Path(__file__).parent.parent / "tests"
NOT_RETRIEVED = "9"


@dataclass(frozen=True)
class Case:
    expect: str
    set: str
    sections: tuple[str, ...]
    question: str
    draft: str

    @property
    def good(self) -> bool:
        return self.expect == "good"


def read_cases() -> list[Case]:
    rows = map(json.loads, (TESTS / "checks.jsonl").read_text(encoding="utf-8").splitlines())
    return [Case(**{**row, "sections": tuple(row["sections"])}) for row in rows]


def read_sources() -> dict[str, Source]:
    rows = map(json.loads, (TESTS / "checks_sections.jsonl").read_text(encoding="utf-8").splitlines())
    return {row["id"]: Source(0, row["question"], row["text"], "N1", row["language"], 0.9) for row in rows}


def run(case: Case, sources: dict[str, Source]) -> Checked:
    """The check of one draft, which cites the case's sections as retrieved first, before two others."""
    others = [name for name in sources if name not in case.sections][:2]
    named = [*(name for name in case.sections if name != NOT_RETRIEVED), *others]
    retrieved = tuple(
        Source(number, sources[name].question, sources[name].text, "N1", sources[name].language, 0.9)
        for number, name in enumerate(named)
    )
    cited = [9] if NOT_RETRIEVED in case.sections else list(range(len(case.sections)))
    language: Language = detect_language(case.draft, "en")
    given = Given(case.question, (), retrieved, language, confidence=0.9, threshold=0.4)
    return check(Draft(kind="answer", text=case.draft, cited=cited, confidence=0.9, language=language), given)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--misses", action="store_true", help="print the cases that went wrong")
    asked = parser.parse_args()
    cases, sources = read_cases(), read_sources()
    right: defaultdict[str, list[bool]] = defaultdict(list)
    begun = time.perf_counter()
    for case in cases:
        checked = run(case, sources)
        correct = bool(checked.findings) != case.good
        right[f"{case.set} {case.expect}"].append(correct)
        right[f"{case.set} {'all good' if case.good else 'all faults'}"].append(correct)
        if asked.misses and not correct:
            print(case.set, case.expect, "|", case.draft, "|", [(one.kind.value, one.what) for one in checked.findings])
    spent = (time.perf_counter() - begun) / len(cases)
    figures = {name: {"cases": len(found), "right": round(sum(found) / len(found), 3)} for name, found in right.items()}
    if asked.json:
        print(json.dumps({"ms_a_check": round(spent * 1000, 2), **figures}, ensure_ascii=False))
        return
    print(f"{spent * 1000:.2f} ms a check")
    for name, told in sorted(figures.items()):
        print(f"{name:24} {told['right']:.3f} of {told['cases']}")


if __name__ == "__main__":
    main()
