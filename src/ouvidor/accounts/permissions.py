"""What each role may do, as one table; API keys hold permissions one by one, as scopes."""

from collections.abc import Mapping
from enum import StrEnum


class Permission(StrEnum):
    """One thing that somebody may be allowed to do in a project."""

    PROJECT_READ = "project:read"
    KNOWLEDGE_READ = "knowledge:read"
    CONVERSATIONS_READ = "conversations:read"
    ANALYSES_READ = "analyses:read"
    COMMENTS_READ = "comments:read"
    PROMPTS_READ = "prompts:read"
    USAGE_READ = "usage:read"
    ANSWER = "answer"
    CONVERSATIONS_REPLY = "conversations:reply"
    CONVERSATIONS_MANAGE = "conversations:manage"
    ANALYSES_RUN = "analyses:run"
    COMMENTS_WRITE = "comments:write"
    COMMENTS_CORRECT = "comments:correct"
    COMMENTS_MANAGE = "comments:manage"
    KNOWLEDGE_WRITE = "knowledge:write"
    PROMPTS_WRITE = "prompts:write"
    PROJECT_WRITE = "project:write"
    MEMBERS_READ = "members:read"
    AUDIT_READ = "audit:read"
    PRIVACY_EXPORT = "privacy:export"
    PRIVACY_ERASE = "privacy:erase"
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"
    MEMBERS_WRITE = "members:write"


class Role(StrEnum):
    """A person's part in a project."""

    OWNER = "owner"
    MANAGER = "manager"
    AUDITOR = "auditor"
    AGENT = "agent"
    VIEWER = "viewer"


_VIEWER = frozenset(
    {
        Permission.PROJECT_READ,
        Permission.KNOWLEDGE_READ,
        Permission.CONVERSATIONS_READ,
        Permission.ANALYSES_READ,
        Permission.COMMENTS_READ,
    }
)
_AGENT = _VIEWER | {Permission.ANSWER, Permission.CONVERSATIONS_REPLY, Permission.COMMENTS_CORRECT}
_AUDITOR = _VIEWER | {
    Permission.MEMBERS_READ,
    Permission.AUDIT_READ,
    Permission.PROMPTS_READ,
    Permission.USAGE_READ,
    Permission.COMMENTS_CORRECT,
}
_MANAGER = (
    _AGENT
    | _AUDITOR
    | {
        Permission.CONVERSATIONS_MANAGE,
        Permission.ANALYSES_RUN,
        Permission.COMMENTS_WRITE,
        Permission.COMMENTS_MANAGE,
        Permission.KNOWLEDGE_WRITE,
        Permission.PROMPTS_WRITE,
        Permission.PROJECT_WRITE,
        Permission.PRIVACY_EXPORT,
        Permission.KEYS_READ,
    }
)

PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.OWNER: frozenset(Permission),
    Role.MANAGER: _MANAGER,
    Role.AUDITOR: _AUDITOR,
    Role.AGENT: _AGENT,
    Role.VIEWER: _VIEWER,
}
"""The one table: whoever has a role may do these things, and nothing else."""

ANSWERING_ROLES = tuple(role for role in Role if Permission.CONVERSATIONS_REPLY in PERMISSIONS[role])
"""Who may answer customers."""

KEY_SCOPES: tuple[str, ...] = tuple(
    permission for permission in Permission if permission not in {Permission.KEYS_WRITE, Permission.MEMBERS_WRITE}
)
"""What a program may be allowed: anything but letting others in."""

USUAL_SCOPES: tuple[str, ...] = (
    Permission.ANSWER,
    Permission.KNOWLEDGE_READ,
    Permission.KNOWLEDGE_WRITE,
    Permission.CONVERSATIONS_READ,
    Permission.PROJECT_READ,
)
"""What a key may do where nobody says otherwise: answer customers and keep the knowledge up to date."""
