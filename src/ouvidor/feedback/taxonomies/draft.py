"""A taxonomy as somebody writes it, read part by part, so that every mistake is told where it stands. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ouvidor.errors import Fault, Unprocessable
from ouvidor.feedback.taxonomy import (
    LONGEST_DESCRIPTION,
    LONGEST_EXAMPLE,
    LONGEST_NAME,
    MOST_CATEGORIES,
    MOST_TAGS,
    Category,
    Code,
    Tag,
    Taxonomy,
)
from ouvidor.inputs import storable
from ouvidor.text import Language, fold

MOST_EXAMPLES = 50
LONGEST_CODE = 40
LONGEST_TAG_CODE = 60
CATEGORY_CODE = re.compile(r"[a-z][a-z0-9_]*")
TAG_CODE = re.compile(r"[a-z0-9][a-z0-9_]*")

TroubleKind: TypeAlias = Literal[
    "few_categories",
    "many_categories",
    "many_tags",
    "code_form",
    "tag_form",
    "code_twice",
    "name_missing",
    "name_long",
    "name_twice",
    "description_long",
    "example_long",
    "many_examples",
    "unreadable",
]
SENTENCES: Mapping[TroubleKind, str] = {
    "few_categories": "A taxonomy has at least two categories.",
    "many_categories": f"A taxonomy has at most {MOST_CATEGORIES} categories.",
    "many_tags": f"A taxonomy has at most {MOST_TAGS} tags.",
    "code_form": f"A code begins with a letter and has small letters, digits and _, at most {LONGEST_CODE}.",
    "tag_form": f"The code of a tag has small letters, digits and _, at most {LONGEST_TAG_CODE}.",
    "code_twice": "The code {what} stands twice.",
    "name_missing": "A category needs a name in Portuguese or English.",
    "name_long": f"A name has at most {LONGEST_NAME} characters.",
    "name_twice": "The name {what} stands twice.",
    "description_long": f"A description or explanation has at most {LONGEST_DESCRIPTION} characters.",
    "example_long": f"An example has at most {LONGEST_EXAMPLE} characters.",
    "many_examples": f"A category or tag has at most {MOST_EXAMPLES} examples.",
    "unreadable": "It holds characters that cannot be kept.",
}


@dataclass(frozen=True)
class CategoryDraft:
    """A category as it was typed."""

    code: str = ""
    names: Mapping[Language, str] = field(default_factory=dict[Language, str])
    description: str = ""
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class TagDraft:
    """A tag as it was typed."""

    code: str = ""
    explanation: str = ""
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Draft:
    """A taxonomy as it was typed."""

    categories: tuple[CategoryDraft, ...]
    tags: tuple[TagDraft, ...] = ()
    language: Language = "pt"


@dataclass(frozen=True)
class Trouble:
    """What is wrong with which part: `where` is such as `categories.2.code` (counted from 0), `what` the word at it."""

    where: str
    kind: TroubleKind
    what: str = ""

    @property
    def sentence(self) -> str:
        """What to change, in English."""
        return SENTENCES[self.kind].format(what=self.what)


class UnacceptableTaxonomy(Unprocessable):
    """This taxonomy cannot be saved; `errors` names what to change."""

    def __init__(self, troubles: Sequence[Trouble]) -> None:
        self.troubles = tuple(troubles)
        faults = [Fault(trouble.where, trouble.sentence) for trouble in troubles]
        first = troubles[0]
        super().__init__(
            f"{first.sentence} See {first.where}." if "." in first.where else first.sentence, faults=faults
        )


def read_draft(draft: Draft) -> Taxonomy:
    """The taxonomy: texts without needless white space; an empty code becomes one made of the name.

    Raises:
        UnacceptableTaxonomy: something in it is missing, too long, of the wrong form or stands twice.
    """
    categories = [_category(one) for one in draft.categories]
    tags = [_tag(one) for one in draft.tags]
    troubles = [*_of_all(categories, tags), *_of_categories(categories), *_of_tags(tags)]
    if troubles:
        raise UnacceptableTaxonomy(troubles)
    return Taxonomy(
        categories=tuple(
            Category(code=one.code, names=dict(one.names), description=one.description, examples=one.examples)
            for one in categories
        ),
        tags=tuple(Tag(code=one.code, explanation=one.explanation, examples=one.examples) for one in tags),
        language=draft.language,
    )


def draft_of(taxonomy: Taxonomy) -> Draft:
    """The taxonomy, to be changed."""
    return Draft(
        tuple(CategoryDraft(one.code, one.names, one.description, one.examples) for one in taxonomy.categories),
        tuple(TagDraft(one.code, one.explanation, one.examples) for one in taxonomy.tags),
        taxonomy.language,
    )


def coded(name: str, longest: int = LONGEST_CODE) -> Code:
    """A code made of a name: `Dúvida sobre entrega` as `duvida_sobre_entrega`; empty where it has no letter."""
    return re.sub(r"[^a-z0-9]+", "_", fold(name)).lstrip("_0123456789")[:longest].strip("_")


def _category(draft: CategoryDraft) -> CategoryDraft:
    names: dict[Language, str] = {language: name for language, text in draft.names.items() if (name := _line(text))}
    code = draft.code.strip() or coded(next(iter(names.values()), ""))
    return CategoryDraft(code, names, _line(draft.description), _lines(draft.examples))


def _tag(draft: TagDraft) -> TagDraft:
    return TagDraft(draft.code.strip(), _line(draft.explanation), _lines(draft.examples))


def _of_all(categories: Sequence[CategoryDraft], tags: Sequence[TagDraft]) -> Iterator[Trouble]:
    if len(categories) < 2:
        yield Trouble("categories", "few_categories")
    if len(categories) > MOST_CATEGORIES:
        yield Trouble("categories", "many_categories")
    if len(tags) > MOST_TAGS:
        yield Trouble("tags", "many_tags")


def _of_categories(categories: Sequence[CategoryDraft]) -> Iterator[Trouble]:
    codes: set[str] = set()
    named: dict[str, int] = {}
    for place, one in enumerate(categories):
        where = f"categories.{place}"
        if not one.names:
            yield Trouble(f"{where}.names", "name_missing")
        elif not CATEGORY_CODE.fullmatch(one.code) or len(one.code) > LONGEST_CODE:
            yield Trouble(f"{where}.code", "code_form", one.code)
        elif one.code in codes:
            yield Trouble(f"{where}.code", "code_twice", one.code)
        codes.add(one.code)
        for name in one.names.values():
            if len(name) > LONGEST_NAME:
                yield Trouble(f"{where}.names", "name_long", name)
            elif named.setdefault(name.casefold(), place) != place:
                yield Trouble(f"{where}.names", "name_twice", name)
        yield from _of_texts(
            where, "description", [*one.names.values(), one.description], one.description, one.examples
        )


def _of_tags(tags: Sequence[TagDraft]) -> Iterator[Trouble]:
    codes: set[str] = set()
    for place, one in enumerate(tags):
        where = f"tags.{place}"
        if not TAG_CODE.fullmatch(one.code) or len(one.code) > LONGEST_TAG_CODE:
            yield Trouble(f"{where}.code", "tag_form", one.code)
        elif one.code in codes:
            yield Trouble(f"{where}.code", "code_twice", one.code)
        codes.add(one.code)
        yield from _of_texts(where, "explanation", [one.explanation], one.explanation, one.examples)


def _of_texts(
    where: str, name: str, texts: Sequence[str], description: str, examples: Sequence[str]
) -> Iterator[Trouble]:
    if not all(map(_can_be_stored, (*texts, *examples))):
        yield Trouble(where, "unreadable")
    if len(description) > LONGEST_DESCRIPTION:
        yield Trouble(f"{where}.{name}", "description_long")
    if len(examples) > MOST_EXAMPLES:
        yield Trouble(f"{where}.examples", "many_examples")
    if any(len(example) > LONGEST_EXAMPLE for example in examples):
        yield Trouble(f"{where}.examples", "example_long")


def _can_be_stored(text: str) -> bool:
    try:
        return storable(text) == text
    except ValueError:
        return False


def _line(text: str) -> str:
    return " ".join(text.split())


def _lines(texts: Sequence[str]) -> tuple[str, ...]:
    """Each example once, in order."""
    return tuple(dict.fromkeys(filter(None, map(_line, texts))))
