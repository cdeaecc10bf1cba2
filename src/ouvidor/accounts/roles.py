"""What the permissions and roles mean, in a sentence each, for those who give them out."""

from collections.abc import Mapping

from ouvidor.accounts.permissions import Permission, Role

PERMISSION_MEANING: Mapping[Permission, str] = {
    Permission.PROJECT_READ: "See the project and its rules.",
    Permission.KNOWLEDGE_READ: "Read and search the knowledge.",
    Permission.CONVERSATIONS_READ: "Read conversations and what each answer stands on.",
    Permission.ANALYSES_READ: "See what the analyses say of conversations.",
    Permission.COMMENTS_READ: "Read comments and what they are sorted into.",
    Permission.PROMPTS_READ: "Read the prompts that a language model is given.",
    Permission.USAGE_READ: "See volume, cost, speed and faults of the engine.",
    Permission.ANSWER: "Have customers answered, as a channel or in a chat.",
    Permission.CONVERSATIONS_REPLY: "Take conversations over, reply to customers, close and reopen.",
    Permission.CONVERSATIONS_MANAGE: "Take over or close what somebody else holds, and import conversations.",
    Permission.ANALYSES_RUN: "Have conversations analysed, pause it and cancel it.",
    Permission.COMMENTS_WRITE: "Send comments in to be classified.",
    Permission.COMMENTS_CORRECT: "Correct what a comment was sorted into.",
    Permission.COMMENTS_MANAGE: "Choose taxonomy, rules and classifier, and delete comments.",
    Permission.KNOWLEDGE_WRITE: "Add, change, import and remove knowledge.",
    Permission.PROMPTS_WRITE: "Write prompts and choose the active version.",
    Permission.PROJECT_WRITE: "Change the project's rules and phrases.",
    Permission.MEMBERS_READ: "See who belongs to the project, and open invitations.",
    Permission.AUDIT_READ: "Read and export the audit log.",
    Permission.PRIVACY_EXPORT: "Export what is kept of a customer or a conversation.",
    Permission.PRIVACY_ERASE: "Erase a conversation or all that is kept of a customer.",
    Permission.KEYS_READ: "See which API keys there are.",
    Permission.KEYS_WRITE: "Make and revoke API keys.",
    Permission.MEMBERS_WRITE: "Invite and remove members and change their roles.",
}

ROLE_MEANING: Mapping[Role, str] = {
    Role.OWNER: "Answers for the project: may do everything, and decides who else may.",
    Role.MANAGER: "Runs the daily work: knowledge, rules and everybody's conversations.",
    Role.AUDITOR: "Checks what was done and by whom, and changes nothing.",
    Role.AGENT: "Answers customers.",
    Role.VIEWER: "Reads along.",
}
