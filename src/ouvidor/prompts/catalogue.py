"""Which prompts there are, what each is for, the variables it may name, and the text that is shipped for it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files

from ouvidor.errors import NotFound


class UnknownPrompt(NotFound):
    """There is no prompt of that name; `GET /api/v1/prompts` lists those there are."""


@dataclass(frozen=True)
class Variable:
    """What a prompt may name as `{{ name }}`; its value has at most `longest` characters."""

    name: str
    meaning: str
    longest: int


@dataclass(frozen=True)
class Prompt:
    """A task of the product that is described to a language model in words; `text` is what is shipped."""

    name: str
    purpose: str
    variables: tuple[Variable, ...]
    text: str

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the shipped text, in hexadecimal."""
        return digest_of(self.text)

    @property
    def default_label(self) -> str:
        """How results name the shipped text: `reply default 1a2b3c4d`, so that an update is told from what it was."""
        return f"{self.name} default {self.digest[:8]}"

    @property
    def longest(self) -> Mapping[str, int]:
        """The most characters of each variable."""
        return {variable.name: variable.longest for variable in self.variables}


COMPANY = Variable("company", "The project's title: the company or brand as customers know it.", 120)
PERSONA = Variable("persona", "How the bot presents itself, from the settings; empty where nothing was chosen.", 200)
LANGUAGE = Variable("language", "The language of the customer: pt or en.", 2)


def label_of(name: str, number: int) -> str:
    """How results name a saved version: `reply 3`."""
    return f"{name} {number}"


def digest_of(text: str) -> str:
    """SHA-256 of a text in UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def prompt_named(name: str) -> Prompt:
    """The prompt of this name.

    Raises:
        UnknownPrompt: there is none.
    """
    found = PROMPTS.get(name)
    if found is None:
        raise UnknownPrompt(f"There is no prompt {name!r}; there are: {', '.join(PROMPTS)}.")
    return found


def _shipped(name: str, purpose: str, *variables: Variable) -> Prompt:
    text = files("ouvidor.prompts").joinpath("defaults", f"{name}.md").read_text(encoding="utf-8")
    return Prompt(name, purpose, variables, text)


PROMPTS: Mapping[str, Prompt] = {
    prompt.name: prompt
    for prompt in (
        _shipped("reply", "How the bot answers customers.", COMPANY, PERSONA, LANGUAGE),
        _shipped("analysis", "Judges a conversation after it is over.", COMPANY),
        _shipped("comments", "Sorts comments into the project's categories, many in one call.", COMPANY),
        _shipped("rewrite", "Completes a follow-up question from the conversation, for search.", COMPANY, LANGUAGE),
    )
}
"""Every prompt, by its name: that of the task it goes along with."""
