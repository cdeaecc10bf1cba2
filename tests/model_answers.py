"""What a good language model says to questions about the hotel of `factories`: the double behind `LlmServer`."""

import json
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from llm_server import Asked, LlmServer
from pydantic import BaseModel

from ouvidor.agent.follow_up import Rewritten
from ouvidor.agent.reply import Draft
from ouvidor.db import Database
from ouvidor.engines.base import Engine
from ouvidor.engines.llm import LlmEngine
from ouvidor.settings import Settings

KNOWN = ("breakfast", "pets", "parking", "charged", "pool")


def good_model(asked: Asked) -> BaseModel:
    """The reply or the completed question, by what stands in the request and nothing else."""
    given = json.loads(asked.said("user"))
    return Rewritten(question=given["question"]) if asked.task == "rewrite" else good_reply(given)


def good_reply(given: dict[str, object]) -> Draft:
    """A cited answer where a section has it; else recall, a courtesy, a wish for a person, or doubt."""
    question = str(given["question"]).lower()
    if "human" in question or "person" in question:
        return Draft(kind="wants_person", language="en")
    if "my name is" in question:
        return Draft(kind="smalltalk", text="How can I help you?", confidence=1.0, language="en")
    told = re.search(r"my name is (\w+)", json.dumps(given["history"]))
    if "my name" in question and told:
        return Draft(kind="recall", text=f"Your name is {told[1]}.", confidence=1.0, language="en")
    sections = given["sections"]
    assert isinstance(sections, list)
    for section in sections:
        if any(word in question and word in f"{section['title']}".lower() for word in KNOWN):
            return Draft(kind="answer", text=section["text"], cited=[section["number"]], confidence=0.95, language="en")
    return Draft(kind="unsure", language="en")


@asynccontextmanager
async def good_engine(**changed: object) -> AsyncGenerator[Engine]:
    """An engine on a server that runs the good model while the block does; `changed` are settings."""
    nowhere = Database("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    with LlmServer() as upstream:
        upstream.always(good_model)
        values = {"llm_base_url": upstream.url, "llm_model": "good", **changed}
        llm = LlmEngine(Settings(_env_file=None, **values), nowhere)  # pyright: ignore[reportArgumentType, reportCallIssue]
        try:
            yield llm
        finally:
            await llm.close()
            await nowhere.close()
