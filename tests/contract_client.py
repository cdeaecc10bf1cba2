"""A client of the published contract of comments (part 1c): it knows what is written there, and nothing of ours."""

import csv
import io
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass
class ContractClient:
    """Speaks the contract's routes under one credential."""

    http: httpx.AsyncClient
    credential: str = ""

    async def register(self, username: str, password: str) -> httpx.Response:
        return await self.http.post("/api/auth/register", json={"username": username, "password": password})

    async def login(self, username: str, password: str) -> httpx.Response:
        """Logs in; from then on this client calls as that person."""
        answer = await self.http.post("/api/auth/login", json={"username": username, "password": password})
        if answer.status_code == 200:
            self.credential = answer.json()["access"]
        return answer

    async def refresh(self, refresh: str) -> httpx.Response:
        answer = await self.http.post("/api/auth/refresh", json={"refresh": refresh})
        if answer.status_code == 200:
            self.credential = answer.json()["access"]
        return answer

    async def send(self, comments: object, **headers: str) -> httpx.Response:
        """One comment or a list; of a header `Idempotency_Key` is the name."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post("/api/comentarios", json=comments, headers=self._headers | named)

    async def page(self, **query: Any) -> dict[str, Any]:
        answer = await self.get("", **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def everything(self, **query: Any) -> list[dict[str, Any]]:
        """All pages of a list, one after the other."""
        found, page = [], await self.page(**query)
        found += page["data"]
        while page["has_more"]:
            assert page["last_id"] == page["data"][-1]["id"]
            page = await self.page(**query, after=page["last_id"])
            found += page["data"]
        return found

    async def export(self, **query: Any) -> list[dict[str, str]]:
        answer = await self.get("/export", **query)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("text/csv")
        return list(csv.DictReader(io.StringIO(answer.text)))

    async def job(self, address: str) -> dict[str, Any]:
        answer = await self.http.get(address, headers=self._headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def items(self, address: str, *, limit: int = 100) -> list[dict[str, Any]]:
        """The results of a job, all pages."""
        found: list[dict[str, Any]] = []
        after = 0
        while True:
            page = await self.job(f"{address}/itens?limit={limit}&after={after}")
            found += page["data"]
            if not page["has_more"]:
                return found
            after = page["last_id"]

    async def get(self, under: str, **query: Any) -> httpx.Response:
        return await self.http.get(f"/api/comentarios{under}", params=query, headers=self._headers)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.credential}"} if self.credential else {}
