"""What each page is given: one frozen value with everything its template may name."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from ouvidor.web.citations import ReplyPart
from ouvidor.web.words import Language

Theme = Literal["system", "light", "dark"]
Place = Literal["chat", "knowledge", "reference", "none"]
Outcome = Literal["answer", "clarify", "handover", "silent", "running", "lost", "failed"]
ConversationStatus = Literal["bot", "waiting", "person", "closed"]
THEMES: tuple[Theme, ...] = ("system", "light", "dark")


@dataclass(frozen=True)
class ProjectLink:
    """A project that the person may switch to."""

    name: str
    title: str


@dataclass(frozen=True)
class Frame:
    """What stands round every page.

    `address` is the page's own path and query without `lang` and `theme`; `token` the form token of the sign-in
    (empty where nobody is signed in); `now` the moment that relative times count from.
    """

    language: Language
    theme: Theme
    address: str
    now: datetime
    place: Place = "none"
    person: str = ""
    token: str = ""
    project: ProjectLink | None = None
    projects: tuple[ProjectLink, ...] = ()

    def with_query(self, name: str, value: str) -> str:
        """The page's own address with one parameter more."""
        return f"{self.address}{'&' if '?' in self.address else '?'}{name}={value}"

    @property
    def next_theme(self) -> Theme:
        """The theme that the switch leads to."""
        return THEMES[(THEMES.index(self.theme) + 1) % len(THEMES)]


@dataclass(frozen=True)
class SignInPage:
    """The form for name and password; `refused` after a wrong one, `then` is where to go afterwards."""

    template: ClassVar[str] = "sign_in.html"
    frame: Frame
    then: str = "/"
    username: str = ""
    refused: bool = False


@dataclass(frozen=True)
class ErrorPage:
    """A problem in words: the status chooses the sentences, `detail` is what the program says of it."""

    template: ClassVar[str] = "error.html"
    frame: Frame
    status: int
    detail: str
    request_id: str


@dataclass(frozen=True)
class NoProjectPage:
    """The person belongs to no project yet."""

    template: ClassVar[str] = "no_project.html"
    frame: Frame


@dataclass(frozen=True)
class SourceView:
    """A retrieved section as the turn saw it: `rank` from 1, `score` the probability that it answers, 0 to 1.

    `relevant` tells whether the score passed the turn's gate; `section_id` is empty once the section is gone.
    """

    rank: int
    section_id: str
    title: str
    content: str
    tier: str
    score: float
    cited: bool
    relevant: bool

    @property
    def share(self) -> int:
        """The score as a whole percentage, for the bar."""
        return round(100 * min(max(self.score, 0.0), 1.0))


@dataclass(frozen=True)
class TurnView:
    """What the customer said, what came back, and why.

    `reason` is a code of the policy, empty beside a plain answer; `clarifications` of at most `cap` were asked by
    then; `milliseconds` is the time the reply took; an answer needs `confidence` of at least `gate` (both 0 to 1).
    `retrieved` counts the sections; `sources` holds them for the selected turn only.
    """

    number: int
    at: datetime
    said: str
    reply: tuple[ReplyPart, ...]
    outcome: Outcome
    reason: str
    clarifications: int
    cap: int
    language: str
    milliseconds: float | None
    confidence: float | None
    gate: float | None
    model: str
    message_id: str
    retrieved: int = 0
    sources: tuple[SourceView, ...] = ()

    @property
    def cites(self) -> bool:
        """Whether the reply rests on sections."""
        return any(part.rank for part in self.reply)


@dataclass(frozen=True)
class Trouble:
    """A message that got no reply: its text, why, and the mark under which it can be sent again."""

    status: int
    detail: str
    request_id: str
    text: str
    key: str


@dataclass(frozen=True)
class ChatPage:
    """A conversation with the bot, played by a person of the project.

    `key` is the resend mark of the next message; `last` the number of the newest turn; `earlier` and `later` are turns
    outside the shown window (0: none); `opened` tells that the selected turn was asked for (on a phone the panel is a
    sheet); `source` the rank of the section shown in full; a real customer's conversation is not `playable`.
    """

    template: ClassVar[str] = "chat.html"
    frame: Frame
    helpdesk: str
    key: str
    status: ConversationStatus = "bot"
    turns: tuple[TurnView, ...] = ()
    selected: TurnView | None = None
    last: int = 0
    earlier: int = 0
    later: int = 0
    opened: bool = False
    source: int = 0
    sections: int = 0
    suggestions: tuple[str, ...] = ()
    trouble: Trouble | None = None
    playable: bool = True


@dataclass(frozen=True)
class TurnFragment:
    """One new turn with its panel, for the chat page that stands open in the browser."""

    template: ClassVar[str] = "turn_fragment.html"
    frame: Frame
    helpdesk: str
    key: str
    status: ConversationStatus
    selected: TurnView
    last: int


@dataclass(frozen=True)
class SectionRow:
    """A section in a list; `score` where a search found it, `updated_at` else."""

    id: str
    title: str
    excerpt: str
    tier: str
    language: str
    tags: tuple[str, ...]
    phrasings: int
    updated_at: datetime | None = None
    score: float | None = None


@dataclass(frozen=True)
class KnowledgePage:
    """The project's sections, all or those that a search found; `after` is the cursor of what follows (empty: none)."""

    template: ClassVar[str] = "knowledge.html"
    frame: Frame
    rows: tuple[SectionRow, ...]
    total: int
    query: str = ""
    tier: str = ""
    after: str = ""
    continued: bool = False

    @property
    def filtered(self) -> bool:
        """Whether an empty list means "nothing found" rather than "nothing there"."""
        return bool(self.query or self.tier)


@dataclass(frozen=True)
class SectionPage:
    """One section in full."""

    template: ClassVar[str] = "section.html"
    frame: Frame
    id: str
    key: str
    title: str
    content: str
    tier: str
    language: str
    tags: tuple[str, ...]
    phrasings: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    back: str


@dataclass(frozen=True)
class Span:
    """A stretch of a paragraph; what stood between backquotes is code."""

    text: str
    code: bool


Paragraph = tuple[Span, ...]


@dataclass(frozen=True)
class ApiField:
    """A parameter, or a property of a body; `place` is `path`, `query` or `header` for a parameter."""

    name: str
    kind: str
    required: bool
    place: str
    description: tuple[Paragraph, ...]


@dataclass(frozen=True)
class ApiAnswer:
    """What may come back under a status; fields and example where it is a good one."""

    status: str
    description: tuple[Paragraph, ...]
    fields: tuple[ApiField, ...]
    example: str


@dataclass(frozen=True)
class ApiOperation:
    """One method of one path; `command` calls it from a shell."""

    anchor: str
    method: str
    path: str
    summary: str
    description: tuple[Paragraph, ...]
    protected: bool
    parameters: tuple[ApiField, ...]
    body: tuple[ApiField, ...]
    command: str
    answers: tuple[ApiAnswer, ...]


@dataclass(frozen=True)
class ApiTag:
    """Operations that belong together."""

    name: str
    operations: tuple[ApiOperation, ...]


@dataclass(frozen=True)
class ReferencePage:
    """The API, for people who call it."""

    template: ClassVar[str] = "reference.html"
    frame: Frame
    version: str
    description: tuple[Paragraph, ...]
    tags: tuple[ApiTag, ...]


Page = SignInPage | ErrorPage | NoProjectPage | ChatPage | TurnFragment | KnowledgePage | SectionPage | ReferencePage
