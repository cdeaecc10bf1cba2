"""One sample of every page, and the states that are hard to reach through the door."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

from analysis_samples import ID, analysis_pages
from comment_samples import comment_pages
from correction_samples import correction_pages
from taxonomy_samples import taxonomy_pages

from ouvidor.agent.checks import FindingKind
from ouvidor.conversations.overview import Day, Outcomes
from ouvidor.engines.base import FaultKind
from ouvidor.engines.calls import Ending
from ouvidor.monitoring.of_turn import TurnCalls
from ouvidor.monitoring.usage import (
    CallFigures,
    CallsOfModel,
    CallsOfTask,
    Counted,
    Moment,
    Seconds,
    Tokens,
    TurnFigures,
    TurnsOfPrompt,
    UsageReport,
)
from ouvidor.prompts.diff import compare
from ouvidor.web.citations import ReplyPart, reply_parts
from ouvidor.web.contexts.account import AccountEvent, AccountPage, SignInRow
from ouvidor.web.contexts.conversations import ConversationPage, ConversationRow, ConversationsPage, ListFilters
from ouvidor.web.contexts.entry import ErrorPage, NoProjectPage, SignInPage
from ouvidor.web.contexts.frame import Frame, Page, ProjectLink
from ouvidor.web.contexts.inbox import TABS, Colleague, Composer, DeskTrouble, InboxPage, Mode, SuggestionView
from ouvidor.web.contexts.knowledge import KnowledgePage, SectionPage, SectionRow
from ouvidor.web.contexts.manage import (
    AuditActor,
    AuditLogPage,
    AuditRow,
    ClosedInvitationPage,
    InvitationView,
    IssuedKeyView,
    IssuedLink,
    JoinPage,
    KeyDraft,
    KeysPage,
    KeyView,
    MembersPage,
    MemberView,
    PermissionRow,
    ProjectCard,
    ProjectDraft,
    ProjectsPage,
    RolesPage,
)
from ouvidor.web.contexts.monitoring import MonitoringPage
from ouvidor.web.contexts.overview import HolderRow, OverviewPage, ReasonRow, Steps
from ouvidor.web.contexts.privacy import ExportView, Loss, PrivacyPage, ReceiptView, Whose
from ouvidor.web.contexts.prompts import (
    Comparison,
    PromptEditPage,
    PromptLink,
    PromptsPage,
    PromptVersionPage,
    TroubleView,
    VersionView,
)
from ouvidor.web.contexts.reference import ApiAnswer, ApiField, ApiOperation, ApiTag, ReferencePage, Span
from ouvidor.web.contexts.rules import PhraseField, PhraseFields, RulesPage
from ouvidor.web.contexts.talk import (
    ChatPage,
    ConversationStatus,
    ConversationView,
    FindingView,
    Item,
    NoticeView,
    Outcome,
    PersonView,
    SaidView,
    SourceView,
    TalkView,
    Trouble,
    TurnFragment,
    TurnView,
)
from ouvidor.web.monitoring import charts_of, shares
from ouvidor.web.overview import day_bars
from ouvidor.web.words import Language

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOSTILE = "<script>alert('x')</script> & \"quoted\""
FAULTS = (*get_args(FaultKind), *get_args(get_args(Ending)[-1]))
OUTCOMES: tuple[Outcome, ...] = ("answer", "clarify", "handover", "silent", "running", "lost", "failed")


def turn_view(number: int, outcome: Outcome, reply: tuple[ReplyPart, ...]) -> TurnView:
    source = SourceView(1, "018f-1", HOSTILE, HOSTILE, "N2", 0.734, cited=True, relevant=True)
    return TurnView(
        number=number,
        at=NOW - timedelta(minutes=2),
        said=HOSTILE,
        reply=reply,
        outcome=outcome,
        reason="",
        clarifications=1,
        cap=2,
        language="en",
        milliseconds=12.3,
        confidence=0.81,
        gate=0.5,
        model="local",
        message_id="018f",
        retrieved=2,
        prompt=HOSTILE,
        searched_for=HOSTILE,
        withheld=HOSTILE,
        findings=(FindingView("number", HOSTILE), FindingView(HOSTILE, "")),
        degraded="timeout",
        calls=TurnCalls(calls=2, seconds=1.4, retries=1, read=1234, written=56, cost=0.0012 if number % 2 else None),
        sources=(source, replace(source, rank=2, tier="N1", score=0.2, cited=False, relevant=False, section_id="")),
    )


def conversation_view(status: ConversationStatus) -> ConversationView:
    return ConversationView(
        id="018f",
        helpdesk_id=HOSTILE,
        customer_id=HOSTILE,
        status=status,
        episode=2,
        clarifications=1,
        cap=2,
        messages=7,
        language="pt",
        holder_id="018f-2" if status == "person" else "",
        holder=HOSTILE if status == "person" else "",
        waiting_since=NOW - timedelta(minutes=12) if status == "waiting" else None,
        reason="clarifications_exhausted",
        created_at=NOW - timedelta(days=2),
        last_message_at=NOW,
    )


def imported_talk() -> TalkView:
    """A long conversation that was held elsewhere."""
    head = replace(conversation_view("closed"), imported=True, unit=HOSTILE, messages=302)
    said = (SaidView(3, NOW, HOSTILE, customer=True), SaidView(4, NOW, HOSTILE, customer=False))
    return TalkView("/here", head, (*said, PersonView(5, NOW, "", HOSTILE)), left_out=2)


def talk_view(status: ConversationStatus, selected: int = 0) -> TalkView:
    """Every kind of turn, a person's message, a notice and a new episode; turn `selected` (from 1) laid open."""
    said = reply_parts(f"{HOSTILE} [1]", [1])
    turns = tuple(
        turn_view(number, outcome, said if number < 4 else ()) for number, outcome in enumerate(OUTCOMES, start=1)
    )
    later = (replace(turns[-1], opens_episode=True, said=""),)
    items: tuple[Item, ...] = (
        *turns[:-1],
        NoticeView(8, NOW, HOSTILE),
        PersonView(9, NOW, HOSTILE, HOSTILE),
        PersonView(10, NOW, "", HOSTILE),
        *later,
    )
    return TalkView(
        here="/projects/seaside/chat?helpdesk=chat-abc",
        head=conversation_view(status),
        items=items,
        selected=turns[selected - 1] if selected else None,
        last=7,
        earlier=3,
        later=9,
        opened=selected > 0,
        source=1,
    )


def account_pages(frame: Frame) -> list[Page]:
    here = SignInRow("00", "browser", HOSTILE, NOW, here=True)
    sign_ins = (here, replace(here, id="01", here=False), replace(here, id="02", kind="program", named="", here=False))
    actions = ("signed_in", "sign_in_refused", "signed_out", "signed_out_everywhere", "password_changed", "renamed")
    every = (*actions, "refresh_token_reused", "created", "something_new")
    events = tuple(AccountEvent(f"user.{action}", NOW, "api", HOSTILE) for action in every)
    page = AccountPage(frame, HOSTILE, HOSTILE, sign_ins=sign_ins, events=events)
    return [
        page,
        replace(page, demo=True, events=()),
        *[replace(page, saved=saved) for saved in ("name", "password", "sign-in")],
        *[
            replace(page, trouble=trouble, minutes=3)
            for trouble in ("name", "old-password", "new-password", "repetition", "attempts")
        ],
    ]


def desk_pages(frame: Frame) -> list[Page]:
    """The inbox in every mode and trouble, the list of conversations and one of them."""
    answers = replace(frame, permissions=frozenset(("conversations:reply", "conversations:manage", "answer")))
    rows = tuple(
        ConversationRow(
            id=f"018f-{number}",
            address=f"/x?{number}",
            helpdesk_id=HOSTILE,
            customer_id=HOSTILE,
            status=status,
            holder=HOSTILE if status == "person" else "",
            mine=number == 3,
            words=HOSTILE,
            reason=reason,
            language="pt",
            messages=7,
            waiting_since=NOW - timedelta(hours=2) if status == "waiting" else None,
            last_message_at=NOW,
            imported=number == 1,
            unit=HOSTILE if number == 1 else "",
        )
        for number, (status, reason) in enumerate(
            (("waiting", "customer_asked"), ("bot", ""), ("person", HOSTILE), ("person", "outside_content")), start=0
        )
    )
    colleagues = (Colleague(HOSTILE, there=True, away=False), Colleague(HOSTILE, there=False, away=True))
    empty = InboxPage(answers, "waiting", 0, 0, 0, Composer("key"))
    full = replace(empty, waiting=3, mine=1, open=4, rows=rows, beyond=7, colleagues=colleagues)
    sources = talk_view("person", 1).selected
    suggestion = SuggestionView(HOSTILE, sources.sources if sources else ())
    trouble = DeskTrouble("taken", 409, HOSTILE, "018f", name=HOSTILE)
    written = Composer("key", HOSTILE, suggestion)
    modes: tuple[tuple[ConversationStatus, Mode], ...] = (
        ("bot", "take"),
        ("waiting", "take"),
        ("person", "mine"),
        ("person", "held"),
        ("closed", "closed"),
        ("waiting", "read"),
    )
    return [
        *[replace(empty, tab=tab) for tab in TABS],
        replace(full, away=True),
        *[replace(full, talk=talk_view(status, 1), mode=mode, composer=written) for status, mode in modes],
        replace(full, talk=talk_view("person"), mode="held", trouble=trouble, composer=written),
        replace(full, talk=talk_view("person"), mode="mine", trouble=replace(trouble, kind="changed")),
        replace(full, talk=talk_view("person"), mode="mine", trouble=replace(trouble, kind="failed", status=503)),
        replace(full, talk=talk_view("person"), mode="mine", composer=Composer("key", "", SuggestionView("", ()))),
        ConversationsPage(frame, ListFilters(q=HOSTILE, customer=HOSTILE, since="2026-01-01"), "q=1", rows, "018f"),
        ConversationsPage(frame, ListFilters(q=HOSTILE), "q=1", continued=True),
        ConversationsPage(answers, ListFilters(), ""),
        ConversationPage(
            replace(frame, permissions=frozenset(("analyses:read",))), talk_view("closed", 2), "/back", ID
        ),
        ConversationPage(frame, talk_view("closed", 2), "/back?q=%22"),
        ConversationPage(frame, imported_talk(), "/back"),
    ]


def overview_pages(frame: Frame) -> list[Page]:
    days = tuple(
        Day((NOW - timedelta(days=number)).date(), number, 2 * number, Outcomes(handover=number))
        for number in range(29, -1, -1)
    )
    wait = timedelta(minutes=75)
    full = OverviewPage(
        frame=frame,
        days=30,
        since=days[0].day,
        waiting=3,
        longest_wait=wait,
        conversations=435,
        alone=400,
        share_alone=92,
        handovers=35,
        replies=30,
        median=wait,
        ninetieth=2 * wait,
        bars=day_bars(days, 29),
        top=29,
        reasons=(ReasonRow("customer_asked", 30, 100), ReasonRow(HOSTILE, 5, 17)),
        holders=(HolderRow(HOSTILE, 2),),
        members=(Colleague(HOSTILE, there=True, away=False), Colleague(HOSTILE, there=False, away=True)),
    )
    empty = OverviewPage(
        frame,
        7,
        days[0].day,
        0,
        None,
        0,
        0,
        None,
        0,
        0,
        None,
        None,
        day_bars(days[:7], 0),
        0,
        steps=Steps(knowledge=True, conversations=True, members=True),
    )
    return [full, empty]


def monitoring_pages(frame: Frame) -> list[Page]:
    """A full day with an unknown price, a month narrowed to a prompt, and nothing at all."""
    took = Seconds(p50=0.004, p95=1.2, p99=2.5)
    calls = CallFigures(calls=9, faults=2, degraded=1, tokens=Tokens(input=5), cost=0.1234, unpriced=2, latency=took)
    turns = TurnFigures(answer=5, clarify=2, handover=1, failed=1, withheld=1, degraded=1)
    moments = [Moment(at=NOW + timedelta(hours=number), calls=calls, turns=turns) for number in range(24)]
    report = UsageReport(
        period="24h",
        step="hour",
        since=NOW,
        until=NOW,
        calls=calls,
        turns=turns,
        moments=moments,
        models=[CallsOfModel(model=name, calls=calls) for name in (HOSTILE, "local")],
        tasks=[CallsOfTask(task=HOSTILE, prompt=prompt, calls=calls) for prompt in (HOSTILE, "")],
        prompts=[TurnsOfPrompt(model=HOSTILE, prompt=prompt, turns=turns) for prompt in (HOSTILE, "")],
        faults=[Counted(name=name, count=3) for name in (*FAULTS, HOSTILE)],
        reasons=[Counted(name=name, count=3) for name in ("draft_withheld", "engine_down", HOSTILE)],
        findings=[Counted(name=name, count=3) for name in (*FindingKind, HOSTILE)],
    )
    counted = {name: shares(getattr(report, name)) for name in ("faults", "reasons", "findings")}
    full = MonitoringPage(frame, report, charts_of(report), **counted, models=(HOSTILE, "local"), prompts=(HOSTILE,))
    month = report.model_copy(update={"period": "30d", "step": "day"})
    nothing = report.model_copy(update={"calls": CallFigures(), "turns": TurnFigures(), "moments": []})
    no_prices = report.model_copy(update={"calls": CallFigures(calls=2, unpriced=2), "turns": TurnFigures()})
    return [
        full,
        replace(full, report=month, model=HOSTILE, prompt=HOSTILE, connected=HOSTILE),
        replace(full, report=no_prices, reasons=(), findings=(), faults=()),
        replace(full, report=nothing),
        replace(full, report=nothing, prompt=HOSTILE),
    ]


def project_pages(frame: Frame, alone: Frame) -> list[Page]:
    """The list of projects, the way into one, and an invitation in every state."""
    stranger = replace(frame, project=None)
    draft = ProjectDraft(HOSTILE, HOSTILE, HOSTILE)
    projects = ProjectsPage(frame, (ProjectCard("seaside", HOSTILE, "agent", 1200, 3, 1),))
    join = JoinPage(alone, "/join/ouv_join_x", HOSTILE, "agent", username=HOSTILE, name=HOSTILE)
    return [
        NoProjectPage(stranger),
        NoProjectPage(stranger, operator=True, draft=draft),
        projects,
        ProjectsPage(stranger, ()),
        *[replace(projects, operator=True, draft=replace(draft, wrong=wrong)) for wrong in ("title", "name", "taken")],
        join,
        *[replace(join, wrong=wrong) for wrong in ("username", "taken", "name", "password")],
        replace(join, frame=stranger),
        replace(join, frame=stranger, member="owner"),
        ClosedInvitationPage(alone),
        ClosedInvitationPage(stranger),
    ]


def settings_pages(frame: Frame) -> list[Page]:
    """The settings as a form and for reading, members, roles and keys in every state, and the audit log."""
    frame = replace(frame, place="settings", permissions=frozenset(("members:read", "members:write", "keys:write")))
    reader = replace(frame, permissions=frozenset(("members:read", "keys:read", "audit:read")))
    rules = ("title", "persona", "mode", "n2_reply", "handover_to", "max_clarifications", "expiry_minutes", "languages")
    more = ("sections_shown", "hold_minutes", "relevance_gate", "retention_days", "mask_personal_data")
    more += ("analysis_goal", "analysis_budget", "analysis_idle_minutes", "analysis_paused")
    names = ("clarification", "transfer", "nobody", "joined", "returned", "closed", "error", "a_new_one")
    phrases = tuple(PhraseFields(name, (PhraseField("pt", f"phrases.{name}.pt", HOSTILE, HOSTILE),)) for name in names)
    values = dict.fromkeys((*rules, *more), HOSTILE)
    form = RulesPage(frame, values, phrases, editable=True)
    member = MemberView("018f-1", "marina", HOSTILE, "owner", NOW, NOW, there=False, own=False)
    others = (replace(member, id="2", seen_at=None, role=HOSTILE), replace(member, id="3", there=True, own=True))
    invitation = InvitationView("018f-2", HOSTILE, "agent", HOSTILE, NOW, NOW + timedelta(days=6))
    members = MembersPage(frame, (member, *others), 12, (invitation,))
    link = IssuedLink(f"http://x/join/{HOSTILE}", HOSTILE, "viewer", NOW)
    groups = tuple(
        (group, (PermissionRow(HOSTILE, frozenset({"owner"})),))
        for group in ("conversations", "knowledge", "project", "privacy", "access")
    )
    key = KeyView("018f-3", HOSTILE, "ouv_live_…abcd", ("answer", HOSTILE), "good", True, NOW, NOW, None, None)
    ended = (
        replace(key, id="4", expires_at=NOW + timedelta(days=3)),
        replace(key, id="5", state="expired", expires_at=NOW, used_at=None),
        replace(key, id="6", state="revoked", revoked_at=NOW),
    )
    keys = KeysPage(frame, (key, *ended), 4, ("answer", "knowledge:read"))
    draft = KeyDraft(HOSTILE, frozenset({"answer"}), "30", frozenset({"label", "scopes", "days"}))
    issued = IssuedKeyView("ouv_live_x", HOSTILE, f"curl {HOSTILE}")
    return [
        form,
        replace(form, saved=True),
        replace(form, wrong=frozenset((*values, *(field.wordings[0].field for field in phrases)))),
        replace(form, frame=reader, editable=False),
        replace(
            form, editable=False, values=values | dict.fromkeys(("persona", "relevance_gate", "retention_days"), "")
        ),
        *[replace(members, done=done) for done in ("role", "removed", "revoked")],
        replace(members, members=(), query=HOSTILE, invitations=()),
        replace(members, frame=reader, selected=member, invitations=()),
        *[
            replace(members, selected=member, trouble=trouble, typed=typed)
            for trouble, typed in (("", ""), ("role", ""), ("last_owner", ""), ("last_owner", "x"), ("typed", HOSTILE))
        ],
        replace(members, selected=others[1]),
        *[replace(members, inviting=True, trouble=trouble, typed=HOSTILE) for trouble in ("", "invitee", "role")],
        replace(members, inviting=True, issued=link),
        RolesPage(frame, groups, ("owner", "manager", "auditor", "agent", "viewer"), "owner"),
        replace(keys, done="revoked", begun="018e", after="018f"),
        KeysPage(frame, (), 0),
        KeysPage(reader, (), 0),
        *[replace(keys, selected=each) for each in keys.keys],
        replace(keys, selected=key, typed=HOSTILE),
        replace(keys, draft=draft),
        replace(keys, draft=draft, issued=issued),
        replace(keys, draft=draft, issued=replace(issued, command="")),
        *audit_pages(frame),
    ]


def audit_pages(frame: Frame) -> list[Page]:
    actions = (
        *("project.created", "project.changed", "member.joined", "member.role_changed", "member.removed"),
        *("invitation.issued", "invitation.revoked", "invitation.accepted", "key.issued", "key.revoked"),
        *("knowledge.imported", "section.added", "section.changed", "section.removed", "conversation.claimed"),
        *("conversation.taken_over", "conversation.released", "conversation.closed", "conversation.reopened"),
        *("conversation.passed_on", "conversation.returned_to_queue", "conversation.imported"),
        *("privacy.erasure_requested", "privacy.erased", "privacy.exported", "privacy.export_fetched", HOSTILE),
        *("prompt.saved", "prompt.activated"),
    )
    row = AuditRow(
        NOW,
        "user",
        HOSTILE,
        "",
        HOSTILE,
        ((HOSTILE, HOSTILE),),
        HOSTILE,
        HOSTILE,
        HOSTILE,
        ("mode",),
        (("added", 1), ("changed", 2), ("removed", 3)),
    )
    rows = tuple(replace(row, action=action) for action in actions)
    doers = tuple(replace(row, actor_kind=kind, subject="") for kind in ("key", "command", "system"))
    log = AuditLogPage(frame, (*rows, *doers), ("project", "member", "prompt"), (AuditActor("018f", HOSTILE),))
    return [
        log,
        replace(log, query="group=member", group="member", actor="018f", after="018f", continued=True),
        replace(log, rows=()),
        replace(log, rows=(), group="key"),
    ]


def privacy_pages(frame: Frame) -> list[Page]:
    """As an owner and as a manager see it, each panel, each state."""
    owner = replace(frame, permissions=frozenset({"privacy:export", "privacy:erase", "project:write"}))
    manager = replace(frame, permissions=frozenset({"privacy:export"}))
    export = ExportView("018f", "customer", HOSTILE, "done", 12_345, HOSTILE, NOW, NOW + timedelta(days=3))
    receipt = ReceiptView("018f", "conversation", "done", 1, 12, 3, HOSTILE, NOW, NOW)
    pending = replace(receipt, kind="customer", state="pending", done_at=None)
    running = replace(export, kind="conversation", state="running", size=None)
    exports = (export, running, replace(running, state="failed"))
    receipts = (receipt, pending, replace(pending, kind="retention", state="running"))
    full = PrivacyPage(owner, exports, receipts, 30, done="export", more=True)
    whose = Whose("customer", HOSTILE)
    return [
        full,
        PrivacyPage(manager, (), (), None, panel="export"),
        PrivacyPage(owner, (), (), 1, done="erasure"),
        replace(full, panel="export", whose=replace(whose, wrong="unknown")),
        replace(full, panel="erase", whose=replace(whose, wrong="missing")),
        replace(full, panel="erase", whose=whose, loss=Loss(1, 2, 3)),
        replace(full, panel="erase", whose=whose, loss=Loss(3, 40, 0, typed=HOSTILE)),
        replace(full, panel="check", whose=whose, found=(receipt, pending)),
        replace(full, panel="check", whose=whose, found=()),
    ]


def prompt_pages(frame: Frame) -> list[Page]:
    """As a manager and as an auditor see them: in use, shipped, compared, refused."""
    reader = replace(frame, permissions=frozenset({"prompts:read"}))
    writer = replace(frame, permissions=frozenset({"prompts:read", "prompts:write"}))
    version = VersionView("018f-1", 3, HOSTILE, HOSTILE, HOSTILE, HOSTILE, NOW, active=True)
    shipped = VersionView("", 0, HOSTILE, "1a2b3c4d")
    links = (PromptLink("reply", HOSTILE), PromptLink("rewrite", HOSTILE), PromptLink(HOSTILE, HOSTILE))
    page = PromptsPage(
        writer,
        links,
        "reply",
        version,
        HOSTILE,
        HOSTILE,
        shipped,
        (version, replace(version, active=False)),
        2,
        previous=HOSTILE,
    )
    lines = compare(f"same {HOSTILE}\n" * 9 + f"was {HOSTILE}\n", f"same {HOSTILE}\n" * 9 + f"is {HOSTILE}\nnew\n")
    compared = (Comparison("active", HOSTILE), Comparison("018f-2", HOSTILE))
    one = PromptVersionPage(writer, "reply", replace(version, active=False), HOSTILE, compared)
    kinds = (
        *("empty", "too_long", "too_many_lines", "rendered_too_long", "unstorable", "syntax", "too_deep"),
        *("unknown_variable", "unknown_filter", "not_allowed"),
    )
    troubles = tuple(TroubleView(number, HOSTILE, kind, HOSTILE) for number, kind in enumerate(kinds, start=1))
    variables = (("company", 120), ("persona", 200), ("language", 1), (HOSTILE, 2))
    edit = PromptEditPage(writer, "reply", HOSTILE, f"\n{HOSTILE}\n</textarea>", variables, ("lower", "upper"))
    return [
        page,
        *[replace(page, done=done, begun="018e", after="018f") for done in ("activated", "same")],
        replace(
            page, name="rewrite", active=replace(shipped, active=True), versions=(), total=0, previous="", model=""
        ),
        replace(page, frame=reader, name=HOSTILE, shipped=replace(shipped, active=True)),
        *[replace(one, done=done) for done in ("saved", "known")],
        replace(one, against="active", before=HOSTILE, lines=lines),
        replace(one, against="active", before=HOSTILE),
        replace(one, against="reading"),
        replace(one, frame=reader, version=shipped, comparisons=()),
        edit,
        replace(edit, troubles=troubles, wrong_note=True, note=HOSTILE, activate=False, source=""),
    ]


def samples(language: Language) -> list[Page]:
    """Pages with hostile text in every place that people fill."""
    own = ProjectLink("seaside", HOSTILE)
    alone = Frame(language, "system", "/x", NOW)
    frame = Frame(language, "dark", "/x?a=1", NOW, "chat", HOSTILE, "token", own, (own, ProjectLink("other", "Other")))
    trouble = Trouble(503, HOSTILE, "018f", HOSTILE, "key")
    chat = ChatPage(frame, helpdesk="chat-abc", key="key", talk=TalkView("/x?a=b"), sections=3)
    fragments = [talk_view("closed", 1), talk_view("person", 4)]
    row = SectionRow("018f-1", HOSTILE, HOSTILE, "N2", "pt", (HOSTILE,), 3, updated_at=NOW)
    field = ApiField("a[].b", "string", required=True, place="query", description=((Span(HOSTILE, code=True),),))
    answers = (ApiAnswer("200", ((Span(HOSTILE, code=False),),), (field,), HOSTILE),)
    operation = ApiOperation("x", "POST", "/x", HOSTILE, (), True, (field,), (field,), HOSTILE, answers)
    return [
        SignInPage(alone, username=HOSTILE, refused=True),
        SignInPage(alone, username=HOSTILE, minutes=15),
        *account_pages(frame),
        *desk_pages(frame),
        *overview_pages(frame),
        *monitoring_pages(frame),
        *analysis_pages(frame, HOSTILE, NOW),
        *comment_pages(frame, HOSTILE, NOW),
        *correction_pages(frame, HOSTILE, NOW),
        *taxonomy_pages(frame, HOSTILE, NOW),
        *privacy_pages(frame),
        *prompt_pages(frame),
        *[ErrorPage(alone, status, HOSTILE, "018f") for status in (400, 401, 403, 404, 409, 429, 500, 503)],
        ErrorPage(frame, 404, HOSTILE, "018f"),
        *project_pages(frame, alone),
        *settings_pages(frame),
        chat,
        replace(chat, suggestions=(HOSTILE,)),
        replace(chat, sections=0),
        *[replace(chat, talk=talk_view("bot", number)) for number in range(1, len(OUTCOMES) + 1)],
        replace(chat, talk=talk_view("waiting"), trouble=trouble),
        replace(chat, talk=talk_view("person"), playable=False),
        *[TurnFragment(frame, "chat-abc", "key", talk, talk.selected) for talk in fragments if talk.selected],
        KnowledgePage(frame, (row, replace(row, updated_at=None, score=0.5)), 2, query=HOSTILE, after="018f"),
        KnowledgePage(frame, (), 2, query="nothing", continued=True),
        KnowledgePage(frame, (), 0),
        SectionPage(
            frame, "018f-1", HOSTILE, HOSTILE, HOSTILE, "N2", "pt", (HOSTILE,), (HOSTILE,), NOW, NOW, "/back?q=%22"
        ),
        ReferencePage(frame, "1.0", ((Span(HOSTILE, code=False),),), (ApiTag("tag", (operation,)),), "tag"),
    ]
