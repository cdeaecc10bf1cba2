"""What `ouvidor doctor` says of the language model."""

import pytest
from conftest import OpenRuntime
from llm_server import MODEL, VENDOR_TEXT, Answer, LlmServer, RefusesSchema, Status

from ouvidor.doctor import Finding, examine
from ouvidor.runtime import DatabaseAddress, Runtime, open_runtime
from ouvidor.settings import Settings

pytestmark = pytest.mark.anyio

READY = {"word": "ready"}


async def finding(rt: Runtime) -> Finding:
    found = [finding async for finding in examine(rt) if finding.name == "Language model"]
    assert len(found) == 1
    return found[0]


async def test_without_a_model_it_says_what_one_would_gain(opened: OpenRuntime) -> None:
    async with opened() as rt:
        found = await finding(rt)
    assert found.health == "good"
    assert "local engine" in found.says
    assert "OUVIDOR_LLM_MODEL" in found.advice


@pytest.mark.parametrize(
    ("answer", "health", "says", "advice"),
    [
        (READY, "good", f"{MODEL} answers", ""),
        (RefusesSchema(READY), "good", "does not hold it to a schema (json_object)", "json_schema"),
        (Status(401), "attention", "gives no answer (misconfigured)", "OUVIDOR_LLM_API_KEY"),
        (Status(404), "attention", "gives no answer (misconfigured)", "OUVIDOR_LLM_MODEL"),
        ("no", "attention", "gives no answer (bad output)", "more capable"),
    ],
)
async def test_with_a_model_it_is_tried(
    settings: Settings, database: DatabaseAddress, answer: Answer, health: str, says: str, advice: str
) -> None:
    with LlmServer() as upstream:
        upstream.always(answer)
        changed = settings.model_copy(update={"llm_base_url": upstream.url, "llm_model": "m-1"})
        async with open_runtime(changed, database) as rt:
            found = await finding(rt)
    assert found.health == health
    assert says in found.says
    assert advice in found.advice
    assert VENDOR_TEXT not in found.says + found.advice
