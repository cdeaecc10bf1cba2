"""Golden questions through the whole turn: does the bot answer, ask back or hand over as it should, and from what."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from ouvidor.agent.answer import Reply, answer
from ouvidor.agent.policy import Move
from ouvidor.evals.files import read_cases
from ouvidor.evals.passing import passing_project
from ouvidor.runtime import Runtime


class GoldenCase(BaseModel):
    """A question, the move that is right in the mode `both`, and the sections that an answer may rest on."""

    query: str
    expect: Literal["answer", "clarify", "handover"]
    kind: str
    relevant_ids: list[str] = []


async def run_golden(
    rt: Runtime, sections: Path, cases_file: Path, progress: Callable[[int, int], None]
) -> dict[str, float]:
    """How many questions of each kind met the right move, and of all answers how many rest on a wrong section."""
    cases = read_cases(cases_file, GoldenCase)
    async with passing_project(rt, sections) as project:
        replies: list[Reply] = []
        for case in cases:
            replies.append(await answer(rt, project, case.query))
            progress(len(replies), len(cases))
    right = Counter(case.kind for case, reply in zip(cases, replies, strict=True) if reply.decision.move == case.expect)
    answered = [(case, reply) for case, reply in zip(cases, replies, strict=True) if reply.decision.move is Move.ANSWER]
    wrong = sum(not _rests_on(reply, case) for case, reply in answered)
    figures: dict[str, float] = {"cases": len(cases), "right_moves": right.total(), "answered": len(answered)}
    figures["answered_wrongly"] = wrong
    return figures | {f"right_{kind}": right[kind] for kind in sorted({case.kind for case in cases})}


def _rests_on(reply: Reply, case: GoldenCase) -> bool:
    return bool({reply.sections[number].key for number in reply.cited} & set(case.relevant_ids))
