"""hit@1 of questions that lean on what was said before, as written and as completed by the local rule.

    python bench/follow_up.py [--misses] [--words]

The cases are ours (tests/follow_up.jsonl) and ask the two demo companies; `--words` searches without vectors.
"""

import argparse
import asyncio
import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from ouvidor import demo
from ouvidor.agent.follow_up import complete
from ouvidor.agent.given import Said
from ouvidor.agent.lookup import look_up, look_up_all
from ouvidor.engines.embeddings import Embedder, NoEmbedder
from ouvidor.evals.passing import passing_project
from ouvidor.migrations.run import upgrade
from ouvidor.postgres import EmbeddedPostgres
from ouvidor.runtime import DatabaseAddress, Runtime, open_runtime
from ouvidor.settings import Settings
from ouvidor.text import Language

CASES = Path(__file__).parent.parent / "tests" / "follow_up.jsonl"
LANGUAGES: dict[str, Language] = {"maresia": "pt", "ventara": "en"}


@dataclass(frozen=True)
class Case:
    company: str
    history: tuple[str, ...]
    question: str
    relevant_ids: tuple[str, ...]
    leans: bool

    @property
    def said(self) -> tuple[Said, ...]:
        return tuple(line for text in self.history for line in (Said("USER", text), Said("AGENT", "…")))


def read_cases() -> list[Case]:
    rows = map(json.loads, CASES.read_text(encoding="utf-8").splitlines())
    return [
        Case(**row | {"history": tuple(row["history"]), "relevant_ids": tuple(row["relevant_ids"])}) for row in rows
    ]


async def measure(rt: Runtime, company: str, cases: Sequence[Case], *, misses: bool) -> Counter[str]:
    language = LANGUAGES[company]
    counted: Counter[str] = Counter()
    async with passing_project(rt, Path(str(files(demo) / company / "knowledge.jsonl"))) as project:
        for case in cases:
            completed = complete(case.question, case.said, language)
            before = await look_up(rt, project, case.question, language)
            after = (await look_up_all(rt, project, completed.readings, language)).found
            hits = [found.sections and found.sections[0].key in case.relevant_ids for found in (before, after)]
            kind = "leaning" if case.leans else "whole"
            counted.update(
                [f"{kind} cases", *([f"{kind} before"] * bool(hits[0])), *([f"{kind} after"] * bool(hits[1]))]
            )
            counted[f"{kind} told apart"] += completed.leans == case.leans
            if misses and (not hits[1] or completed.leans != case.leans):
                top = after.sections[0].key if after.sections else ""
                print(kind, "|", case.history[-1], "|", case.question, "|", completed.readings, "|", top)
    return counted


async def run(*, misses: bool, words: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        with EmbeddedPostgres(Path(folder) / "server") as server:
            server.create_database("bench")
            upgrade(server.url("bench"))
            settings = Settings(_env_file=None)  # pyright: ignore[reportCallIssue]
            address = DatabaseAddress(server.url("bench"), server.conninfo("bench"))
            embedder: Embedder | None = NoEmbedder("left out") if words else None
            async with open_runtime(settings, address, embedder=embedder) as rt:
                for company in LANGUAGES:
                    cases = [case for case in read_cases() if case.company == company]
                    counted = await measure(rt, company, cases, misses=misses)
                    print(
                        company, dict(sorted(counted.items())), "with vectors" if rt.embedder.available else "by words"
                    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--misses", action="store_true", help="print what was not found first")
    parser.add_argument("--words", action="store_true", help="search by words alone")
    given = parser.parse_args()
    asyncio.run(run(misses=given.misses, words=given.words))


if __name__ == "__main__":
    main()
