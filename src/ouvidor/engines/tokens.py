"""How many tokens a text takes, estimated without any vendor's tokeniser, and how many a call has left for its data."""

from ouvidor.engines.base import G, O, Task
from ouvidor.engines.structured import schema_in_words

BYTES_PER_TOKEN = 3
TOKENS_PER_MESSAGE = 8
SPARE_SHARE = 0.95
"""Masks may be longer than what they stand for."""


def estimate_tokens(text: str) -> int:
    """About how many tokens this text takes, rather too many than too few: one for three bytes of UTF-8.

    English and Portuguese prose takes some four characters a token, so this is a quarter to a third too high there; for
    JSON, digits and Asian scripts it is about right.
    """
    return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)


def tokens_for_data(task: Task[G, O], prompt: str, window: int) -> int:
    """How many of the `window`'s tokens this prompt and the task's schema leave for what is given."""
    taken = estimate_tokens(prompt) + estimate_tokens(schema_in_words(task.name, task.output)) + 2 * TOKENS_PER_MESSAGE
    return max(0, int((window - taken) * SPARE_SHARE))
