"""How well the score of answering holds where half of the knowledge is missing, beside raw cosine and raw BM25.

    OUVIDOR_DATA_DIR=… python bench/half_removed.py SECTIONS.jsonl QUERIES.jsonl [SEEDS]

For each seed a random half of the sections is removed, so that their questions cannot be answered. Each score decides
whether to answer from its own best section: ours from the first section of the product's search, the raw ones from the
section of the highest cosine (any of a section's vectors) and of the highest BM25. Prints AUROC (score against
answerable), and the coverage at 5 % wrong answers.
"""

import asyncio
import json
import random
import sys
import tempfile
from pathlib import Path
from statistics import mean

import numpy as np
from sqlalchemy import select

from ouvidor.db import driver_of
from ouvidor.evals.decision_metrics import auroc, best_threshold, coverage_at
from ouvidor.evals.files import RetrievalCase, read_cases
from ouvidor.evals.passing import passing_project
from ouvidor.knowledge.candidates import Query, find_candidates
from ouvidor.knowledge.embedding import embed_texts, vectors_name
from ouvidor.knowledge.models import Section
from ouvidor.knowledge.ranking import FEATURES, features
from ouvidor.knowledge.search import search
from ouvidor.runtime import Runtime, database_address, open_runtime
from ouvidor.settings import read_settings
from ouvidor.text import detect_language

SCORES = ("ours", "cosine", "BM25")


async def scores_of(
    rt: Runtime, sections: list[str], queries: list[RetrievalCase]
) -> dict[str, list[tuple[float, str]]]:
    """For each score and query: its value, and the id of the section it would answer from."""
    found: dict[str, list[tuple[float, str]]] = {name: [] for name in SCORES}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sections.jsonl"
        file.write_text("\n".join(sections), "utf-8")
        async with passing_project(rt, file) as project:
            for case in queries:
                result = await search(rt, project, case.query)
                best = result.sections[0].key if result.sections else ""
                found["ours"].append((result.confidence, best))
                language = detect_language(case.query, "pt")
                vector = (await embed_texts(rt.embedder, [case.query], [language]))[0]
                async with rt.db.read() as session:
                    raw = await find_candidates(
                        driver_of(session), Query.of(project.id, case.query, vectors_name(rt.embedder), vector)
                    )
                    keys = await keys_of(session, project.id)
                if raw is None:
                    found["cosine"].append((0.0, ""))
                    found["BM25"].append((0.0, ""))
                    continue
                rows = features(raw.query, raw.rows, raw.known.statistics)
                kinds = (
                    raw.rows.heading_cosine,
                    raw.rows.whole_cosine,
                    raw.rows.phrasing_cosine,
                    raw.rows.window_cosine,
                )
                cosine = np.nanmax(np.vstack(kinds), axis=0)
                for name, values in (("cosine", cosine), ("BM25", rows[:, FEATURES.index("bm25")])):
                    top = int(np.argmax(values))
                    found[name].append((float(values[top]), keys[raw.numbers[top]]))
    return found


async def keys_of(session, project_id) -> dict[int, str]:
    rows = await session.execute(select(Section.number, Section.key).where(Section.project_id == project_id))
    return {row.number: row.key for row in rows}


async def run(rt: Runtime, sections_file: str, queries_file: str, seeds: int) -> None:
    lines = [line for line in Path(sections_file).read_text("utf-8").splitlines() if line.strip()]
    cases = read_cases(Path(queries_file), RetrievalCase)
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in SCORES}
    for seed in range(seeds):
        kept = random.Random(seed).sample(lines, len(lines) // 2)
        ids = {json.loads(line)["id"] for line in kept}
        answerable = np.array([bool(ids & set(case.relevant_ids)) for case in cases])
        for name, found in (await scores_of(rt, kept, cases)).items():
            values = np.array([value for value, _ in found])
            right = np.array([best in set(case.relevant_ids) for (_, best), case in zip(found, cases, strict=True)])
            threshold = best_threshold(values, right, 0.05)
            covered = 0.0 if threshold is None else coverage_at(values, threshold)
            figures[name].append((auroc(values, answerable), covered))
        line = ", ".join(f"{name} {figures[name][-1][0]:.3f} ({figures[name][-1][1]:.3f})" for name in SCORES)
        print(f"seed {seed}: AUROC (coverage at 5 % wrong): {line}", flush=True)
    for name in SCORES:
        aurocs, coverages = zip(*figures[name], strict=True)
        print(f"{name:8} AUROC {mean(aurocs):.3f}  coverage at 5 % {mean(coverages):.3f}")


async def main(sections: str, queries: str, seeds: str = "5") -> None:
    settings = read_settings()
    with database_address(settings) as address:
        async with open_runtime(settings, address) as rt:
            await run(rt, sections, queries, int(seeds))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
