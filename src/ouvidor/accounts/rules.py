"""The choices a project makes about how it answers."""

from enum import StrEnum


class Mode(StrEnum):
    """What the bot does when it cannot simply answer."""

    CLARIFICATION = "clarification"
    HANDOVER = "handover"
    BOTH = "both"


class SpecialistReply(StrEnum):
    """What the customer reads when specialist (N2) content hands over."""

    ANSWER_AND_TRANSFER = "answer_and_transfer"
    TRANSFER_ONLY = "transfer_only"


class HandoverTo(StrEnum):
    """Where people answer what the bot hands over: in the inbox here, or in a helpdesk of the project's own."""

    INBOX = "inbox"
    ELSEWHERE = "elsewhere"
