"""The management pages: projects, members, roles, API keys, the audit log."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from ouvidor.web.contexts.frame import Frame


@dataclass(frozen=True)
class ProjectDraft:
    """What was typed into the form for a new project; `wrong` names the field that was refused, if one was."""

    title: str = ""
    name: str = ""
    languages: str = "pt,en"
    wrong: Literal["", "title", "name", "taken"] = ""


@dataclass(frozen=True)
class ProjectCard:
    """A project of the person's, and what goes on in it."""

    name: str
    title: str
    role: str
    members: int
    sections: int
    waiting: int


@dataclass(frozen=True)
class ProjectsPage:
    """The person's projects; operators get the form for a new one."""

    template: ClassVar[str] = "projects.html"
    frame: Frame
    projects: tuple[ProjectCard, ...]
    operator: bool = False
    draft: ProjectDraft = ProjectDraft()


@dataclass(frozen=True)
class MemberView:
    """A member of the project; `own` is the person who looks."""

    id: str
    username: str
    name: str
    role: str
    joined_at: datetime
    seen_at: datetime | None
    there: bool
    own: bool


@dataclass(frozen=True)
class InvitationView:
    """An invitation that nobody has used yet."""

    id: str
    invitee: str
    role: str
    invited_by: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class IssuedLink:
    """An invitation's link, shown this once."""

    address: str
    invitee: str
    role: str
    expires_at: datetime


MemberTrouble = Literal["", "invitee", "role", "last_owner", "typed"]


@dataclass(frozen=True)
class MembersPage:
    """Who belongs to the project, and who is invited.

    `query` narrows the list, `total` counts without it. The panel is for `selected`, else (`inviting`) for an
    invitation, of which `issued` is the link. `trouble` tells what was refused, with what was typed into the form;
    `done` what has just been done.
    """

    template: ClassVar[str] = "members.html"
    frame: Frame
    members: tuple[MemberView, ...]
    total: int
    invitations: tuple[InvitationView, ...] = ()
    query: str = ""
    selected: MemberView | None = None
    inviting: bool = False
    issued: IssuedLink | None = None
    trouble: MemberTrouble = ""
    typed: str = ""
    role: str = "agent"
    done: str = ""


@dataclass(frozen=True)
class PermissionRow:
    """One permission, and the roles that have it."""

    permission: str
    roles: frozenset[str]


@dataclass(frozen=True)
class RolesPage:
    """The table of permissions; `own` is the role of the person who looks."""

    template: ClassVar[str] = "roles.html"
    frame: Frame
    groups: tuple[tuple[str, tuple[PermissionRow, ...]], ...]
    roles: tuple[str, ...]
    own: str


@dataclass(frozen=True)
class KeyView:
    """An API key without its text."""

    id: str
    label: str
    hint: str
    scopes: tuple[str, ...]
    state: Literal["good", "expired", "revoked"]
    demo: bool
    created_at: datetime
    used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True)
class KeyDraft:
    """What was typed into the form for a new key; `days` until it expires, empty for never."""

    label: str = ""
    scopes: frozenset[str] = frozenset()
    days: str = ""
    wrong: frozenset[str] = frozenset()


@dataclass(frozen=True)
class IssuedKeyView:
    """A new key, shown this once, and a command that tries it."""

    text: str
    label: str
    command: str


@dataclass(frozen=True)
class KeysPage:
    """The project's keys, those in force first: a page of them, `total` counts all.

    `begun` is the cursor that this page begins after (empty: the first page), `after` that of what follows (empty:
    nothing).
    The panel is for `selected`, else for a new key (`draft`), of which `issued` is the text; `offered` are the scopes
    that the person may give. `typed` was refused as the label of the key to revoke; `done` has just been done.
    """

    template: ClassVar[str] = "keys.html"
    frame: Frame
    keys: tuple[KeyView, ...]
    total: int
    offered: tuple[str, ...] = ()
    begun: str = ""
    after: str = ""
    selected: KeyView | None = None
    draft: KeyDraft | None = None
    issued: IssuedKeyView | None = None
    typed: str | None = None
    done: str = ""


@dataclass(frozen=True)
class AuditRow:
    """One entry: who did what, when; `details` are texts by name.

    What the sentence says: `name` of whoever or whatever it was done to, the `role` before and after, the rules that
    `changed`, and `counts` of what was done.
    """

    at: datetime
    actor_kind: str
    actor_name: str
    action: str
    subject: str
    details: tuple[tuple[str, str], ...]
    name: str = ""
    role: str = ""
    before: str = ""
    changed: tuple[str, ...] = ()
    counts: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class AuditActor:
    """Somebody whose deeds the log can be narrowed to."""

    id: str
    name: str


@dataclass(frozen=True)
class AuditLogPage:
    """What was done in the project, the newest first; `after` is the cursor of what follows (empty: nothing).

    `query` holds the filters as an address does.
    """

    template: ClassVar[str] = "audit_log.html"
    frame: Frame
    rows: tuple[AuditRow, ...]
    groups: tuple[str, ...]
    actors: tuple[AuditActor, ...]
    query: str = ""
    group: str = ""
    actor: str = ""
    after: str = ""
    continued: bool = False

    @property
    def filtered(self) -> bool:
        """Whether an empty list means "nothing found" rather than "nothing done"."""
        return bool(self.group or self.actor)


@dataclass(frozen=True)
class JoinPage:
    """An invitation to a project; `username` and `name` were typed, `wrong` tells what was refused.

    `member` is the role that the person who is signed in has in the project already (empty: none); `minutes` to wait
    after too many attempts (0: none).
    """

    template: ClassVar[str] = "join.html"
    frame: Frame
    address: str
    project: str
    role: str
    member: str = ""
    username: str = ""
    name: str = ""
    wrong: Literal["", "username", "taken", "name", "password"] = ""
    minutes: int = 0


@dataclass(frozen=True)
class ClosedInvitationPage:
    """The link of an invitation that is mistyped, used, revoked or too old."""

    template: ClassVar[str] = "join_closed.html"
    frame: Frame
