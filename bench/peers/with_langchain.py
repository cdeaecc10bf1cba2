"""The pipeline with langchain-core, langchain-openai and FastAPI: a retriever, a prompt and a structured model."""

import json

import uvicorn
from fastapi import FastAPI
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_openai import ChatOpenAI
from rank_bm25 import BM25Okapi
from shared import SECTIONS, Ask, Draft, arguments, reply_of

port, address, known, prompt = arguments()


class Bm25(BaseRetriever):
    """BM25 over the sections in memory, as langchain-community does it: rank_bm25, words split at blanks."""

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:  # noqa: ARG002 - LangChain's form
        return index.get_top_n(query.split(), documents, n=SECTIONS)


documents = [Document(one.searched, metadata={"title": one.title, "text": one.text}) for one in known]
index = BM25Okapi([document.page_content.split() for document in documents])
retriever = Bm25()
model = ChatOpenAI(base_url=address, api_key="none", model="stub")
chain = ChatPromptTemplate.from_messages([("system", "{rules}"), ("user", "{given}")]) | model.with_structured_output(
    Draft, method="json_schema"
)
app = FastAPI()


@app.post("/ask")
async def post_ask(ask: Ask) -> dict[str, object]:
    """One turn."""
    found = await retriever.ainvoke(ask.question)
    sections = [{"number": number, **document.metadata} for number, document in enumerate(found)]
    given = json.dumps({"question": ask.question, "history": [], "sections": sections}, ensure_ascii=False)
    return reply_of(await chain.ainvoke({"rules": prompt, "given": given}), len(found))


if __name__ == "__main__":
    uvicorn.run(app, port=port, log_level="warning", access_log=False)
