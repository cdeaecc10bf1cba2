"""The pipeline with haystack-ai and FastAPI, in the way of its own guides: BM25, prompt, model, schema."""

import json

import uvicorn
from fastapi import FastAPI
from haystack import Document, Pipeline
from haystack.components.builders import ChatPromptBuilder
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever
from haystack.dataclasses import ChatMessage
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack.utils import Secret
from shared import SECTIONS, Ask, Draft, arguments, reply_of

GIVEN = """{"question": {{ question | tojson }}, "history": [], "sections": [{% for document in documents %}\
{"number": {{ loop.index0 }}, "title": {{ document.meta.title | tojson }}, "text": {{ document.meta.text | tojson }}}\
{{ "," if not loop.last }}{% endfor %}]}"""

port, address, sections, prompt = arguments()
store = InMemoryDocumentStore()
store.write_documents([Document(content=one.searched, meta={"title": one.title, "text": one.text}) for one in sections])
pipeline = Pipeline()
pipeline.add_component("retriever", InMemoryBM25Retriever(document_store=store, top_k=SECTIONS))
pipeline.add_component(
    "prompt",
    ChatPromptBuilder(
        template=[ChatMessage.from_system("{{ rules }}"), ChatMessage.from_user(GIVEN)], required_variables="*"
    ),
)
pipeline.add_component(
    "model",
    OpenAIChatGenerator(
        api_key=Secret.from_token("none"),
        api_base_url=address,
        model="stub",
        generation_kwargs={"response_format": Draft},
    ),
)
pipeline.connect("retriever.documents", "prompt.documents")
pipeline.connect("prompt.prompt", "model.messages")
app = FastAPI()


@app.post("/ask")
async def post_ask(ask: Ask) -> dict[str, object]:
    """One turn."""
    given = {"retriever": {"query": ask.question}, "prompt": {"question": ask.question, "rules": prompt}}
    done = await pipeline.run_async(given, include_outputs_from={"retriever"})
    draft = Draft.model_validate(json.loads(done["model"]["replies"][0].text))
    return reply_of(draft, len(done["retriever"]["documents"]))


if __name__ == "__main__":
    uvicorn.run(app, port=port, log_level="warning", access_log=False)
