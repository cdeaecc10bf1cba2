"""The demo companies: whole, random per installation, and mended where the note of their access is lost."""

import json
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import pytest
from conftest import OpenRuntime

from ouvidor.accounts.keys import UnknownApiKey, holder_of
from ouvidor.accounts.users import user_with_password
from ouvidor.demo.load import COMPANIES, load_demo
from ouvidor.engines.embeddings import Embedder, load_embedder
from ouvidor.evals.golden import run_golden
from ouvidor.runtime import Runtime

pytestmark = pytest.mark.anyio


def rows(company: str, name: str) -> list[dict[str, Any]]:
    text = (files("ouvidor.demo") / company / name).read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("company", [company.name for company in COMPANIES])
def test_the_companies_have_enough_to_say(company: str) -> None:
    sections, cases = rows(company, "knowledge.jsonl"), rows(company, "cases.jsonl")
    assert len(sections) >= 60
    assert sum(section["tier"] == "N2" for section in sections) >= 5
    assert len(cases) == 25
    assert {case["kind"] for case in cases} == {"answerable", "ambiguous", "outside", "n2"}
    assert {one for case in cases for one in case["relevant_ids"]} <= {section["id"] for section in sections}


async def test_access_is_kept_and_only_renewed_when_lost(rt: Runtime) -> None:
    first = await load_demo(rt)
    assert await load_demo(rt) == first
    assert (rt.settings.data_dir / "demo-access.json").stat().st_mode & 0o777 == 0o600
    (rt.settings.data_dir / "demo-access.json").unlink()
    second = await load_demo(rt)
    assert second.password != first.password
    async with rt.db.begin() as session:
        assert (await user_with_password(session, "DEMO", second.password)).demo
        assert (await holder_of(session, second.keys["maresia"], rt.clock())).project.title == "Rede Maresia de hotéis"
        with pytest.raises(UnknownApiKey):
            await holder_of(session, first.keys["maresia"], rt.clock())


@pytest.fixture
def with_model(test_folder: Path) -> Embedder:
    """The real model, prepared once for all runs."""
    found = load_embedder(test_folder, None, threads=1)
    assert found.available
    return found


@pytest.mark.slow
@pytest.mark.parametrize("company", [company.name for company in COMPANIES])
async def test_golden_questions(opened: OpenRuntime, with_model: Embedder, company: str) -> None:
    """The questions are hard on purpose; this keeps what was reached (docs/quality.md has the figures)."""
    folder = files("ouvidor.demo") / company
    async with opened() as rt:
        with_vectors = replace(rt, embedder=with_model)
        with as_file(folder / "knowledge.jsonl") as sections, as_file(folder / "cases.jsonl") as cases:
            figures = await run_golden(with_vectors, sections, cases, lambda *_: None)
    assert figures["right_moves"] >= 13
    assert figures["right_outside"] >= 4
    assert figures["answered_wrongly"] <= 6
