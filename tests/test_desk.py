"""The human end of a hand-over: who may take, answer, give back, close and reopen a conversation, and what is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
from access_cases import add_person, bearer_of
from conftest import MovedClock
from factories import Site
from sqlalchemy import delete, select, update

from ouvidor.accounts.keys import issue_key
from ouvidor.accounts.models import ApiKey, AuditEntry, IdempotencyKey, Membership, Project
from ouvidor.accounts.permissions import Role
from ouvidor.accounts.presence import note_presence, set_away
from ouvidor.conversations.abandoned import return_abandoned
from ouvidor.conversations.models import Conversation, Message
from ouvidor.conversations.overview import read_overview
from ouvidor.runtime import Runtime
from ouvidor.worker import add_jobs, work

pytestmark = pytest.mark.anyio

PERSON = "I want to speak to a person"
JOINED = "{} has joined the conversation and will help you from here."
RETURNED = "You are back with our virtual assistant. If you need a person, just ask."
CLOSED = "This conversation has been closed. If you need anything else, just write."
TRANSFER = "I am passing you on to a person in our team, who will continue with you here."
NOBODY = "This needs a person in our team, and nobody is available at the moment. "


@dataclass(frozen=True)
class Desk:
    """A project with persons of several roles, a customer, and the door to all of it."""

    http: httpx.AsyncClient
    site: Site
    ids: dict[str, UUID]
    heads: dict[str, dict[str, str]]

    async def ask(self, text: str, helpdesk: str = "7", **more: Any) -> dict[str, Any]:
        body = {"helpdeskId": helpdesk, "projectName": "seaside", "messages": [{"role": "USER", "content": text}]}
        response = await self.http.post("/conversations/completions", json=body | more, headers=self.site.own.headers)
        assert response.status_code == 200, response.text
        return response.json()

    async def handed_over(self, helpdesk: str = "7") -> str:
        answer = await self.ask(PERSON, helpdesk)
        assert answer["handoverToHumanNeeded"]
        return answer["conversationId"]

    async def does(
        self, who: str, deed: str, conversation: str, body: dict[str, Any] | None = None, key: str | None = None
    ) -> httpx.Response:
        headers = self.heads[who] | ({"Idempotency-Key": key} if key else {})
        return await self.http.post(f"/api/v1/conversations/{conversation}/{deed}", json=body, headers=headers)

    async def read(self, conversation: str) -> dict[str, Any]:
        return (await self.http.get(f"/api/v1/conversations/{conversation}", headers=self.heads["key"])).json()

    async def last(self, conversation: str) -> tuple[str, str]:
        said = (await self.read(conversation))["history"][-1]
        return said["author"], said["content"]

    async def get(self, path: str, who: str = "ana") -> Any:
        response = await self.http.get(path, headers=self.heads[who])
        assert response.status_code == 200, response.text
        return response.json()


@pytest.fixture
async def desk(rt: Runtime, site: Site, client: httpx.AsyncClient) -> Desk:
    heads = {"key": site.own.headers}
    ids: dict[str, UUID] = {}
    roles = {"ana": Role.AGENT, "bruno": Role.AGENT, "marta": Role.MANAGER, "vera": Role.VIEWER}
    for name, role in roles.items():
        person = await add_person(rt, name, (site.own.project, role))
        ids[name] = person.id
        heads[name] = await bearer_of(rt, person, site.own.project)
    return Desk(client, site, ids, heads)


def code(response: httpx.Response) -> str:
    return response.json()["type"].removeprefix("urn:ouvidor:")


async def log_of(rt: Runtime) -> Sequence[tuple[str, str]]:
    """Actions on conversations with who did them, the oldest first."""
    async with rt.db.read() as session:
        query = select(AuditEntry).where(AuditEntry.action.startswith("conversation.")).order_by(AuditEntry.id)
        return [
            (entry.action.removeprefix("conversation."), entry.actor_name) for entry in await session.scalars(query)
        ]


async def test_a_handover_waits_in_the_queue_with_its_reason(desk: Desk, clock: MovedClock) -> None:
    first = await desk.handed_over("1")
    began = clock.now
    clock.advance(minutes=1)
    second = await desk.handed_over("2")
    queue = await desk.get("/api/v1/handovers")
    assert [row["id"] for row in queue["data"]] == [first, second]
    waiting = queue["data"][0]
    assert (waiting["status"], waiting["handover_reason"]) == ("waiting", "customer_asked")
    assert datetime.fromisoformat(waiting["waiting_since"]) == began
    assert await desk.get("/api/v1/inbox") == {"waiting": 2, "mine": 0, "open": 2}


async def test_a_person_answers_from_the_queue_to_the_end(rt: Runtime, desk: Desk) -> None:
    talk = await desk.handed_over()
    claimed = await desk.does("ana", "claim", talk)
    assert claimed.status_code == 200
    assert (claimed.json()["status"], claimed.json()["holder_name"]) == ("person", "ana")
    assert await desk.last(talk) == ("system", JOINED.format("ana"))
    said = await desk.does("ana", "reply", talk, {"text": " Hello, Ana here.\r\nHow can I help? "})
    assert said.status_code == 201
    assert said.json()["content"] == "Hello, Ana here.\nHow can I help?"
    assert (said.json()["author"], said.json()["author_name"], said.json()["role"]) == ("person", "ana", "AGENT")
    assert (await desk.read(talk))["waiting_since"] is None
    assert (await desk.does("ana", "close", talk)).json()["status"] == "closed"
    assert await desk.last(talk) == ("system", CLOSED)
    assert await desk.get("/api/v1/inbox") == {"waiting": 0, "mine": 0, "open": 0}
    assert await log_of(rt) == [("claimed", "ana"), ("closed", "ana")]


async def test_claiming_again_is_fine_and_changes_nothing(rt: Runtime, desk: Desk) -> None:
    talk = await desk.handed_over()
    first = await desk.does("ana", "claim", talk)
    again = await desk.does("ana", "claim", talk)
    assert again.status_code == 200
    assert again.json() == first.json()
    assert await log_of(rt) == [("claimed", "ana")]


async def test_the_second_to_claim_learns_who_was_first(desk: Desk) -> None:
    talk = await desk.handed_over()
    await desk.does("ana", "claim", talk)
    late = await desk.does("bruno", "claim", talk)
    assert (late.status_code, code(late)) == (409, "held_by_another")
    assert late.json()["detail"] == "ana is answering this conversation."
    for deed, body in (("reply", {"text": "me too"}), ("release", None), ("close", None), ("reopen", None)):
        assert (await desk.does("bruno", deed, talk, body)).status_code == 409, deed
    assert (await desk.read(talk))["holder_name"] == "ana"


async def test_taking_over_needs_a_manager(rt: Runtime, desk: Desk) -> None:
    talk = await desk.handed_over()
    await desk.does("ana", "claim", talk)
    refused = await desk.does("bruno", "claim", talk, {"take_over": True})
    assert (refused.status_code, code(refused)) == (403, "missing_permission")
    taken = await desk.does("marta", "claim", talk, {"take_over": True})
    assert taken.json()["holder_name"] == "marta"
    assert await desk.last(talk) == ("system", JOINED.format("marta"))
    assert (await desk.does("ana", "reply", talk, {"text": "still me"})).status_code == 409
    assert await log_of(rt) == [("claimed", "ana"), ("taken_over", "marta")]


async def test_a_conversation_is_passed_on_to_a_colleague(rt: Runtime, desk: Desk, clock: MovedClock) -> None:
    talk = await desk.handed_over()
    began = clock.now
    await desk.does("ana", "claim", talk)
    passed = (await desk.does("ana", "pass-on", talk, {"to": str(desk.ids["bruno"])})).json()
    assert (passed["status"], passed["holder_name"], passed["holder_id"]) == ("person", "bruno", str(desk.ids["bruno"]))
    assert datetime.fromisoformat(passed["waiting_since"]) == began
    assert await desk.last(talk) == ("system", JOINED.format("bruno"))
    assert (await desk.does("ana", "reply", talk, {"text": "still me"})).status_code == 409
    assert (await desk.does("bruno", "reply", talk, {"text": "Here."})).status_code == 201
    again = await desk.does("bruno", "pass-on", talk, {"to": str(desk.ids["bruno"])})
    assert again.json()["messages"] == passed["messages"] + 1
    assert await log_of(rt) == [("claimed", "ana"), ("passed_on", "ana")]
    async with rt.db.read() as session:
        query = select(AuditEntry.details).where(AuditEntry.action == "conversation.passed_on")
        assert (await session.execute(query)).scalar_one() == {"name": "bruno"}


async def test_passing_on_is_for_who_holds_it_or_manages(desk: Desk) -> None:
    talk = await desk.handed_over()
    to_bruno, to_ana = {"to": str(desk.ids["bruno"])}, {"to": str(desk.ids["ana"])}
    assert code(await desk.does("bruno", "pass-on", talk, to_ana)) == "not_held"
    assert (await desk.does("marta", "pass-on", talk, to_ana)).json()["holder_name"] == "ana"
    assert code(await desk.does("bruno", "pass-on", talk, to_bruno)) == "held_by_another"
    assert (await desk.does("marta", "pass-on", talk, to_bruno)).json()["holder_name"] == "bruno"
    await desk.does("bruno", "close", talk)
    assert code(await desk.does("marta", "pass-on", talk, to_ana)) == "conversation_closed"


@pytest.mark.parametrize("who", ["vera", "stranger", "key"])
async def test_nothing_is_passed_on_to_who_may_not_answer_here(rt: Runtime, desk: Desk, who: str) -> None:
    stranger = await add_person(rt, "stranger", (desk.site.other.project, Role.OWNER))
    talk = await desk.handed_over()
    key = UUID((await desk.does("key", "claim", talk)).json()["holder_id"])
    to = {**desk.ids, "stranger": stranger.id, "key": key}[who]
    refused = await desk.does("key", "pass-on", talk, {"to": str(to)})
    assert (refused.status_code, code(refused)) == (422, "unknown_colleague")
    assert (await desk.read(talk))["holder_name"] == "test"


async def test_a_viewer_reads_and_does_nothing(desk: Desk) -> None:
    talk = await desk.handed_over()
    assert (await desk.get("/api/v1/handovers", "vera"))["data"][0]["id"] == talk
    for deed in ("claim", "reply", "suggestion", "release", "close", "reopen"):
        response = await desk.does("vera", deed, talk, {"text": "x"} if deed == "reply" else None)
        assert response.status_code == 403, deed


async def test_a_program_answers_with_its_key(desk: Desk) -> None:
    talk = await desk.handed_over()
    assert (await desk.does("key", "claim", talk)).json()["holder_name"] == "test"
    assert (await desk.does("key", "reply", talk, {"text": "From our helpdesk."})).status_code == 201
    assert (await desk.read(talk))["history"][-1]["author_name"] == "test"


async def test_nobody_reaches_a_conversation_of_another_project(desk: Desk) -> None:
    talk = await desk.handed_over()
    for deed, body in (("claim", None), ("reply", {"text": "x"}), ("suggestion", None), ("release", None)):
        response = await desk.http.post(
            f"/api/v1/conversations/{talk}/{deed}", json=body, headers=desk.site.other.headers
        )
        assert (response.status_code, code(response)) == (404, "unknown_conversation")


async def test_the_bot_is_silent_while_a_person_holds_the_conversation(desk: Desk, clock: MovedClock) -> None:
    talk = await desk.handed_over()
    await desk.does("ana", "claim", talk)
    await desk.does("ana", "reply", talk, {"text": "Yes?"})
    clock.advance(minutes=1)
    asked_at = clock.now
    answer = await desk.ask("What time is breakfast?")
    assert (answer["handoverReason"], answer["messageId"]) == ("held_by_person", None)
    clock.advance(minutes=1)
    await desk.ask("Hello?")
    held = await desk.read(talk)
    assert datetime.fromisoformat(held["waiting_since"]) == asked_at
    assert [line["author"] for line in held["history"][-2:]] == ["customer", "customer"]
    turns = await desk.get(f"/api/v1/conversations/{talk}/turns")
    assert [turn["state"] for turn in turns] == ["answered", "silent", "silent"]


async def test_a_conversation_may_be_taken_from_the_bot(desk: Desk) -> None:
    answer = await desk.ask("What time is breakfast?")
    claimed = (await desk.does("ana", "claim", answer["conversationId"])).json()
    assert (claimed["status"], claimed["waiting_since"], claimed["handover_reason"]) == ("person", None, None)


async def test_given_back_the_bot_answers_in_a_new_episode(rt: Runtime, desk: Desk) -> None:
    for _ in range(3):
        talk = (await desk.ask("cookies"))["conversationId"]
    before = await desk.read(talk)
    assert (before["status"], before["clarifications"]) == ("waiting", 2)
    await desk.does("ana", "claim", talk)
    released = (await desk.does("ana", "release", talk)).json()
    assert (released["status"], released["clarifications"], released["episode"]) == ("bot", 0, before["episode"] + 1)
    assert (released["holder_id"], released["waiting_since"], released["handover_reason"]) == (None, None, None)
    assert await desk.last(talk) == ("system", RETURNED)
    assert (await desk.ask("What time is breakfast?"))["decision"] == "answer"
    assert (await desk.ask("cookies"))["decision"] == "clarify"
    assert await log_of(rt) == [("claimed", "ana"), ("released", "ana")]


async def test_who_holds_nothing_gives_nothing_back(desk: Desk) -> None:
    talk = await desk.handed_over()
    for deed, body in (("release", None), ("reply", {"text": "x"})):
        refused = await desk.does("ana", deed, talk, body)
        assert (refused.status_code, code(refused)) == (409, "not_held")
        refused = await desk.does("marta", deed, talk, body)
        assert (refused.status_code, code(refused)) == (409, "not_held")


async def test_a_manager_gives_back_and_closes_what_another_holds(desk: Desk) -> None:
    talk, other = await desk.handed_over("1"), await desk.handed_over("2")
    for one in (talk, other):
        await desk.does("ana", "claim", one)
    assert (await desk.does("marta", "release", talk)).json()["status"] == "bot"
    assert (await desk.does("marta", "close", other)).json()["status"] == "closed"


async def test_whoever_may_reply_closes_what_nobody_holds(desk: Desk) -> None:
    talk = await desk.handed_over()
    closed = (await desk.does("bruno", "close", talk)).json()
    assert (closed["status"], closed["waiting_since"]) == ("closed", None)
    before = await desk.read(talk)
    assert (await desk.does("bruno", "close", talk)).status_code == 200
    assert await desk.read(talk) == before


async def test_reopening_begins_an_episode_and_resets_the_counter(rt: Runtime, desk: Desk) -> None:
    for _ in range(2):
        talk = (await desk.ask("cookies"))["conversationId"]
    await desk.does("ana", "close", talk)
    for deed, body in (("claim", None), ("reply", {"text": "x"}), ("release", None)):
        refused = await desk.does("ana", deed, talk, body)
        assert (refused.status_code, code(refused)) == (409, "conversation_closed")
    reopened = (await desk.does("bruno", "reopen", talk)).json()
    assert (reopened["status"], reopened["holder_name"], reopened["episode"]) == ("person", "bruno", 2)
    assert reopened["clarifications"] == 0
    assert await desk.last(talk) == ("system", JOINED.format("bruno"))
    assert (await desk.does("bruno", "reopen", talk)).status_code == 200
    assert await log_of(rt) == [("closed", "ana"), ("reopened", "bruno")]


async def test_what_is_open_is_not_reopened(desk: Desk) -> None:
    refused = await desk.does("ana", "reopen", await desk.handed_over())
    assert (refused.status_code, code(refused)) == (409, "not_closed")


async def test_a_customer_who_writes_after_the_end_begins_anew_with_the_bot(desk: Desk) -> None:
    talk = await desk.handed_over()
    await desk.does("ana", "close", talk)
    assert (await desk.ask("What time is breakfast?"))["decision"] == "answer"
    after = await desk.read(talk)
    assert (after["status"], after["episode"], after["handover_reason"]) == ("bot", 2, None)


async def test_a_reply_sent_twice_is_said_once(rt: Runtime, desk: Desk) -> None:
    talk = await desk.handed_over()
    await desk.does("ana", "claim", talk)
    first = await desk.does("ana", "reply", talk, {"text": "Done."}, key="k")
    again = await desk.does("ana", "reply", talk, {"text": "Done."}, key="k")
    assert again.status_code == 201
    assert again.json() == first.json()
    assert [line["content"] for line in (await desk.read(talk))["history"]].count("Done.") == 1
    other = await desk.does("ana", "reply", talk, {"text": "Something else."}, key="k")
    assert (other.status_code, code(other)) == (422, "key_reused")
    async with rt.db.read() as session:
        kept = (await session.execute(select(IdempotencyKey.answer))).scalars().all()
    assert "Done." not in str(kept)


async def test_a_refused_reply_leaves_its_key_free(desk: Desk) -> None:
    talk = await desk.handed_over()
    assert (await desk.does("ana", "reply", talk, {"text": "Done."}, key="k")).status_code == 409
    await desk.does("ana", "claim", talk)
    assert (await desk.does("ana", "reply", talk, {"text": "Done."}, key="k")).status_code == 201


@pytest.mark.parametrize("text", ["", "   \r\n ", "x" * 20_001, "a\0b"])
async def test_a_reply_has_words(desk: Desk, text: str) -> None:
    talk = await desk.handed_over()
    await desk.does("ana", "claim", talk)
    assert (await desk.does("ana", "reply", talk, {"text": text})).status_code == 422


async def test_the_customer_is_told_in_their_language(desk: Desk) -> None:
    talk = (await desk.ask("Quero falar com uma pessoa, por favor"))["conversationId"]
    await desk.does("ana", "claim", talk)
    assert await desk.last(talk) == ("system", "ana entrou na conversa e continua o atendimento.")
    await desk.does("ana", "release", talk)
    assert (await desk.last(talk))[1].startswith("Você está de novo com o nosso assistente virtual.")


async def test_the_projects_own_words_are_used(rt: Runtime, desk: Desk) -> None:
    async with rt.db.begin() as session:
        await session.execute(update(Project).values(phrases={"joined": {"en": "{name} of Seaside is here."}}))
    talk = await desk.handed_over()
    await desk.does("ana", "claim", talk)
    assert await desk.last(talk) == ("system", "ana of Seaside is here.")


async def test_who_is_told_that_nobody_is_there(rt: Runtime, desk: Desk, clock: MovedClock) -> None:
    assert (await desk.ask(PERSON, "1"))["messages"][-1]["content"].startswith(NOBODY)
    await _say_where(desk, "ana", away=False)
    assert (await desk.ask(PERSON, "2"))["messages"][-1]["content"] == TRANSFER
    await _say_where(desk, "ana", away=True)
    assert (await desk.ask(PERSON, "3"))["messages"][-1]["content"].startswith(NOBODY)
    await _say_where(desk, "ana", away=False)
    clock.advance(minutes=3)
    assert (await desk.ask(PERSON, "4"))["messages"][-1]["content"].startswith(NOBODY)
    async with rt.db.begin() as session:
        await session.execute(update(Project).values(handover_to="elsewhere"))
    assert (await desk.ask(PERSON, "5"))["messages"][-1]["content"] == TRANSFER


async def test_presence_tells_who_is_there(desk: Desk) -> None:
    told = await _say_where(desk, "bruno", away=False)
    there = {row["name"]: row["there"] for row in told.json()["data"]}
    assert there == {"bruno": True, "ana": False, "marta": False}
    assert (await desk.get("/api/v1/presence", "vera"))["data"] == told.json()["data"]
    program = await _say_where(desk, "key", away=True)
    assert (program.status_code, code(program)) == (403, "people_only")


async def test_who_acts_is_there(desk: Desk) -> None:
    await desk.does("ana", "claim", await desk.handed_over())
    there = {row["name"]: row["there"] for row in (await desk.get("/api/v1/presence"))["data"]}
    assert there == {"ana": True, "bruno": False, "marta": False}


async def _say_where(desk: Desk, who: str, *, away: bool) -> httpx.Response:
    return await desk.http.put("/api/v1/presence", json={"away": away}, headers=desk.heads[who])


async def _seen(rt: Runtime, desk: Desk, who: str) -> None:
    """As an open inbox does, whose token was refreshed."""
    async with rt.db.begin() as session:
        await note_presence(session, desk.site.own.project.id, desk.ids[who], rt.clock())


async def test_a_suggestion_answers_with_its_sources(desk: Desk) -> None:
    talk = (await desk.ask("I was charged twice for my stay"))["conversationId"]
    before = await desk.read(talk)
    assert before["handover_reason"] == "specialist_content"
    drafted = (await desk.does("ana", "suggestion", talk)).json()
    assert "Keep both receipts" in drafted["text"]
    assert TRANSFER not in drafted["text"]
    cited = drafted["sections"][drafted["cited"][0]]
    assert (cited["tier"], cited["cited"]) == ("N2", True)
    assert await desk.read(talk) == before


async def test_a_suggestion_heeds_what_came_after_the_claim(desk: Desk) -> None:
    talk = await desk.handed_over()
    await desk.does("ana", "claim", talk)
    assert (await desk.does("bruno", "suggestion", talk)).json()["text"] == ""
    await desk.ask("What time is breakfast?")
    drafted = (await desk.does("bruno", "suggestion", talk)).json()
    assert "6:30" in drafted["text"]
    await desk.ask("xyzzy plugh")
    both = (await desk.does("bruno", "suggestion", talk)).json()
    assert both["sections"]


async def test_a_suggestion_of_nothing_grounded_is_empty(desk: Desk) -> None:
    talk = (await desk.ask("cookies"))["conversationId"]
    assert (await desk.does("ana", "suggestion", talk)).json()["text"] == ""


async def test_there_is_nothing_to_suggest_where_nothing_was_asked(rt: Runtime, desk: Desk) -> None:
    talk = await desk.handed_over()
    async with rt.db.begin() as session:
        await session.execute(delete(Message))
    refused = await desk.does("ana", "suggestion", talk)
    assert (refused.status_code, code(refused)) == (409, "nothing_asked")


async def test_a_conversation_whose_person_left_goes_back_to_the_queue(
    rt: Runtime, desk: Desk, clock: MovedClock
) -> None:
    talk = await desk.handed_over()
    began = clock.now
    await desk.does("ana", "claim", talk)
    clock.advance(minutes=29)
    assert await return_abandoned(rt) == 0
    clock.advance(minutes=1)
    assert await return_abandoned(rt) == 1
    after = await desk.read(talk)
    assert (after["status"], after["holder_id"], after["holder_name"]) == ("waiting", None, None)
    assert datetime.fromisoformat(after["waiting_since"]) == began
    assert (await desk.last(talk))[1].startswith(NOBODY)
    assert await log_of(rt) == [("claimed", "ana"), ("returned_to_queue", "Ouvidor")]
    assert await return_abandoned(rt) == 0


async def test_a_person_who_is_there_keeps_the_conversation(rt: Runtime, desk: Desk, clock: MovedClock) -> None:
    talk, other = await desk.handed_over("1"), await desk.handed_over("2")
    await desk.does("ana", "claim", talk)
    await desk.does("key", "claim", other)
    clock.advance(minutes=30)
    await _seen(rt, desk, "ana")
    assert await return_abandoned(rt) == 1
    assert [(await desk.read(one))["status"] for one in (talk, other)] == ["person", "waiting"]
    assert await desk.last(other) == ("system", TRANSFER)


async def test_an_answered_customer_waits_for_nobody(rt: Runtime, desk: Desk, clock: MovedClock) -> None:
    talk = await desk.handed_over()
    await desk.does("ana", "claim", talk)
    await desk.does("ana", "reply", talk, {"text": "One moment."})
    clock.advance(hours=5)
    assert await return_abandoned(rt) == 0


ENDS = {
    "ana": delete(Membership).where(Membership.role == Role.AGENT),
    "bruno": update(Membership).where(Membership.role == Role.AGENT).values(role=Role.VIEWER),
    "key": update(ApiKey).values(revoked_at=datetime(2026, 11, 21, tzinfo=UTC)),
}


@pytest.mark.parametrize("who", ENDS)
async def test_who_may_answer_no_more_keeps_no_customer_waiting(rt: Runtime, desk: Desk, who: str) -> None:
    talk, other = await desk.handed_over("1"), await desk.handed_over("2")
    await desk.does(who, "claim", talk)
    await desk.does("marta", "claim", other)
    assert await return_abandoned(rt) == 0
    async with rt.db.begin() as session:
        await session.execute(ENDS[who])
    assert await return_abandoned(rt) == 1
    assert [row["id"] for row in (await desk.get("/api/v1/handovers", "marta"))["data"]] == [talk]


async def test_a_person_who_is_away_keeps_no_customer_waiting(rt: Runtime, desk: Desk, clock: MovedClock) -> None:
    talk = await desk.handed_over()
    await desk.does("ana", "claim", talk)
    clock.advance(minutes=30)
    await _seen(rt, desk, "ana")
    assert await return_abandoned(rt) == 0
    async with rt.db.begin() as session:
        await set_away(session, desk.site.own.project.id, desk.ids["ana"], clock(), away=True)
    assert await return_abandoned(rt) == 1


async def test_the_queue_gets_abandoned_conversations_by_a_job(rt: Runtime, desk: Desk, clock: MovedClock) -> None:
    talk = await desk.handed_over()
    await desk.does("ana", "claim", talk)
    clock.advance(minutes=30)
    add_jobs(rt.jobs, rt.settings)
    await rt.jobs.configure_task("conversations.abandoned").defer_async(timestamp=0)
    await work(rt, once=True)
    assert (await desk.read(talk))["status"] == "waiting"


async def test_the_customers_id_is_kept(desk: Desk) -> None:
    talk = (await desk.ask("hello", customerId=42))["conversationId"]
    assert (await desk.read(talk))["customer_id"] == "42"
    await desk.ask("hello again")
    assert (await desk.read(talk))["customer_id"] == "42"
    await desk.ask("hello again", customerId="c-43")
    assert (await desk.read(talk))["customer_id"] == "c-43"


@pytest.mark.parametrize("customer", ["", "x" * 201, True, ["a"], "a\0b"])
async def test_a_customers_id_is_a_text_or_a_number(desk: Desk, customer: Any) -> None:
    body = {"helpdeskId": 1, "projectName": "seaside", "messages": [{"role": "USER", "content": "hi"}]}
    response = await desk.http.post(
        "/conversations/completions", json=body | {"customerId": customer}, headers=desk.site.own.headers
    )
    assert response.status_code == 422


async def test_an_erased_conversation_is_unknown_to_every_deed(rt: Runtime, desk: Desk) -> None:
    talk = await desk.handed_over()
    await desk.does("ana", "claim", talk)
    await desk.does("ana", "reply", talk, {"text": "Done."}, key="k")
    async with rt.db.begin() as session:
        await session.execute(delete(Conversation))
    for deed in ("claim", "reply", "suggestion", "release", "close", "reopen"):
        response = await desk.does("ana", deed, talk, {"text": "Done."} if deed == "reply" else None, key="k")
        assert (response.status_code, code(response)) == (404, "unknown_conversation"), deed


async def test_a_key_needs_the_scope_to_take_over(rt: Runtime, desk: Desk) -> None:
    talk = await desk.handed_over()
    await desk.does("ana", "claim", talk)
    async with rt.db.begin() as session:
        scopes = ("conversations:reply", "conversations:read")
        key = await issue_key(session, desk.site.own.project, label="weak", now=rt.clock(), scopes=scopes)
    response = await desk.http.post(
        f"/api/v1/conversations/{talk}/claim",
        json={"take_over": True},
        headers={"Authorization": f"Bearer {key.text}"},
    )
    assert response.status_code == 403


async def test_the_overview_counts_what_happened(rt: Runtime, desk: Desk, clock: MovedClock) -> None:
    await desk.ask("What time is breakfast?", "alone")
    waiting = await desk.handed_over("waits")
    clock.advance(days=-1)
    await desk.ask("cookies", "yesterday")
    clock.advance(days=1)
    for number, seconds in enumerate((10, 20, 30)):
        talk = await desk.handed_over(str(number))
        await desk.does("ana", "claim", talk)
        clock.advance(seconds=seconds)
        await desk.does("ana", "reply", talk, {"text": "Here."})
    clock.advance(seconds=100)
    await desk.does("ana", "reply", talk, {"text": "And more."})
    await desk.ask("and?", "2")
    async with rt.db.read() as session:
        seen = await read_overview(session, desk.site.own.project, clock(), days=2)
        other = await read_overview(session, desk.site.other.project, clock(), days=2)
    assert (seen.conversations, seen.alone, seen.share_alone) == (6, 2, 2 / 6)
    assert [(day.conversations, day.turns.clarify) for day in seen.days] == [(1, 1), (5, 0)]
    assert (seen.turns.answer, seen.turns.clarify, seen.turns.handover, seen.turns.silent) == (1, 1, 4, 1)
    assert [(row.reason, row.turns) for row in seen.reasons] == [("customer_asked", 4)]
    assert (seen.first_replies.replies, seen.first_replies.median, seen.first_replies.ninetieth) == (3, 20, 28)
    assert (seen.waiting, seen.longest_wait and seen.longest_wait.total_seconds()) == (1, 160)
    assert [(holder.name, holder.conversations) for holder in seen.holders] == [("ana", 3)]
    assert [member.name for member in seen.there] == ["ana"]
    assert (other.conversations, other.messages, other.share_alone, other.holders) == (0, 0, None, ())
    assert (await desk.read(waiting))["status"] == "waiting"
