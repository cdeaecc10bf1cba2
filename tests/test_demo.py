"""The demo companies: whole, random per installation, and mended where the note of their access is lost."""

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import OpenRuntime
from sqlalchemy import select

from ouvidor.accounts.keys import UnknownApiKey, holder_of
from ouvidor.accounts.login import log_in
from ouvidor.accounts.models import AuditEntry
from ouvidor.accounts.projects import project_named
from ouvidor.conversations.models import Conversation, Message, Origin
from ouvidor.db import driver_of
from ouvidor.demo.comments import planted
from ouvidor.demo.history import past_talks
from ouvidor.demo.load import COMPANIES, load_demo
from ouvidor.engines.embeddings import Embedder, load_embedder
from ouvidor.evals.golden import run_golden
from ouvidor.feedback.learning.agreement import agreement
from ouvidor.feedback.models import Comment
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
    assert (await log_in(rt, "DEMO", second.password, address="127.0.0.1")).demo
    async with rt.db.begin() as session:
        assert (
            await holder_of(driver_of(session), second.keys["maresia"], rt.clock())
        ).project.title == "Rede Maresia de hotéis"
        with pytest.raises(UnknownApiKey):
            await holder_of(driver_of(session), first.keys["maresia"], rt.clock())


async def test_conversations_are_played_once_and_some_wait(rt: Runtime) -> None:
    await load_demo(rt)
    async with rt.db.read() as session:
        live = select(Conversation).where(Conversation.origin == Origin.LIVE)
        rows = (await session.execute(live.order_by(Conversation.last_message_at))).scalars().all()
    by_status = Counter(conversation.status for conversation in rows)
    assert len(rows) == 22
    assert by_status["closed"] == 2
    assert by_status["person"] == 2
    assert by_status["waiting"] >= 3
    assert {row.holder_name for row in rows if row.status == "person"} == {"Ana Prado"}
    assert all(row.customer_id and row.last_message_at <= rt.clock() for row in rows)
    async with rt.db.read() as session:
        told = (await session.execute(select(AuditEntry.project_id, AuditEntry.at).order_by(AuditEntry.id))).all()
    for project_id in {row.project_id for row in told if row.project_id}:
        moments = [row.at for row in told if row.project_id == project_id]
        assert moments == sorted(moments)
    await load_demo(rt)
    async with rt.db.read() as session:
        again = (await session.execute(live.with_only_columns(Conversation.id, Conversation.messages))).all()
    assert {(row.id, row.messages) for row in again} == {(row.id, row.messages) for row in rows}


async def test_the_past_is_brought_in_once(rt: Runtime) -> None:
    await load_demo(rt)
    await load_demo(rt)
    async with rt.db.read() as session:
        past = select(Conversation).where(Conversation.origin == Origin.IMPORTED)
        held = (await session.execute(past)).scalars().all()
        own = Message.conversation_id.in_([row.id for row in held])
        said = (await session.execute(select(Message.id).where(own))).all()
    assert len(held) == 120
    assert len(said) == sum(len(talk["turns"]) for company in COMPANIES for talk in past_talks(company.name))
    assert all(row.status == "closed" and row.unit and row.last_message_at <= rt.clock() for row in held)
    assert len({row.unit for row in held}) >= 8


async def test_the_older_comments_were_looked_through_once(rt: Runtime) -> None:
    await load_demo(rt)
    await load_demo(rt)
    async with rt.db.read() as session:
        label = await project_named(session, "aurora")
        rows = (await session.execute(select(Comment).where(Comment.project_id == label.id))).scalars().all()
        agreed = await agreement(session, label.id, rt.clock() - timedelta(days=90))
    now, corrected = rt.clock(), [row for row in rows if row.corrected_at]
    assert len(rows) == 1500
    assert all(row.written_at < row.corrected_at < now - timedelta(days=5) for row in corrected if row.corrected_at)
    assert all(row.category == planted()[row.external_id].category and row.waits is None for row in corrected)
    assert agreed.blind.looked_at + agreed.unsure.looked_at == len(corrected)
    assert agreed.blind.looked_at >= 10
    assert agreed.unsure.looked_at >= 30
    assert sum(row.waits is not None for row in rows) >= 100


def test_no_two_past_conversations_are_alike(with_model: Embedder) -> None:
    """Whoever adds one by changing a few words of another is told which."""
    talks = [talk for company in COMPANIES for talk in past_talks(company.name)]
    vectors = with_model.embed_now(["\n".join(turn["text"] for turn in talk["turns"]) for talk in talks])
    alike = np.triu(vectors @ vectors.T, k=1) > 0.92
    assert [(talks[a]["id"], talks[b]["id"]) for a, b in np.argwhere(alike)] == []


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
