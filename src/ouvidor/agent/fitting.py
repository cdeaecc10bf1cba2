"""What of a turn fits a language model's window: what matters least is left out first."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ouvidor.agent.given import Given
from ouvidor.agent.reply import present
from ouvidor.engines.tokens import estimate_tokens

KEPT_MESSAGES = 4
KEPT_SOURCES = 1


@dataclass(frozen=True)
class Fitted:
    """What is given, and how much of it was left out."""

    given: Given
    messages_left_out: int = 0
    sources_left_out: int = 0


def fit(given: Given, tokens: int) -> Fitted:
    """As much as fits into so many tokens (estimated).

    Left out are the oldest messages but for the last four, then the least relevant sections but for the best, then the
    other messages. The question and the best section always stay: an engine refuses what is still too large.
    """
    excess = estimate_tokens(present(given)) - tokens
    messages = sources = 0
    for is_message, size in _least_important(given):
        if excess <= 0:
            break
        excess -= size
        messages, sources = messages + is_message, sources + (not is_message)
    kept = replace(given, history=given.history[messages:], sources=given.sources[: len(given.sources) - sources])
    return Fitted(kept, messages, sources)


def _least_important(given: Given) -> Iterator[tuple[bool, int]]:
    """Whether it is a message, and its tokens at least, in the order in which things are left out."""
    messages = [(True, estimate_tokens(said.content)) for said in given.history]
    sources = [(False, estimate_tokens(source.text)) for source in reversed(given.sources)]
    older = max(0, len(messages) - KEPT_MESSAGES)
    yield from messages[:older]
    yield from sources[: max(0, len(sources) - KEPT_SOURCES)]
    yield from messages[older:]
