"""The form of a taxonomy: from fields to a draft and back; a tag is a line, so that five hundred fit. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ouvidor.feedback.taxonomies.draft import CategoryDraft, Draft, TagDraft, Trouble
from ouvidor.text import Language
from ouvidor.web.contexts.taxonomy import CategoryFields, TroubleLine

MOST_ROWS = 60
"""So many categories are read from a form, which is more than can be saved."""
MOST_LINES = 1_100
NO_FIELDS = CategoryFields("", "", "", "", "", open=True)
_SEPARATOR = re.compile(r"(?<!\\)\|")


def categories_typed(typed: Mapping[str, str]) -> list[CategoryFields]:
    """The categories of a form, by the places in the names of its fields."""
    places = sorted({int(found[1]) for name in typed if (found := re.fullmatch(r"categories\.(\d{1,3})\.\w+", name))})
    return [_fields_typed(typed, place) for place in places[:MOST_ROWS]]


def fields_of(draft: Draft) -> list[CategoryFields]:
    """The categories of a draft, as the form shows them; those with nothing but a name are open."""
    return [
        CategoryFields(
            code=one.code,
            name_pt=one.names.get("pt", ""),
            name_en=one.names.get("en", ""),
            description=one.description,
            examples="\n".join(one.examples),
            open=not one.description and not one.examples,
        )
        for one in draft.categories
    ]


def draft_typed(categories: Iterable[CategoryFields], tags: str, language: str) -> Draft:
    """What was typed; a row of which nothing was filled in does not count."""
    return Draft(
        categories=tuple(_category(one) for one in categories if not is_empty(one)),
        tags=tuple(_tag(line) for _, line in _lines(tags)),
        language="en" if language == "en" else "pt",
    )


def is_empty(one: CategoryFields) -> bool:
    """Whether nothing was filled in."""
    return not any(text.strip() for text in (one.code, one.name_pt, one.name_en, one.description, one.examples))


def tag_lines(tags: Iterable[TagDraft]) -> str:
    """Tags as lines: the code, a colon and the explanation; after each bar an example. A bar in a text is `\\|`."""
    return "\n".join(" | ".join(map(_escaped, (_told(one), *one.examples))) for one in tags)


def with_troubles(categories: Sequence[CategoryFields], troubles: Iterable[Trouble]) -> tuple[CategoryFields, ...]:
    """The rows of the form, each with what is wrong with it; those with troubles are open."""
    filled = [place for place, one in enumerate(categories) if not is_empty(one)]
    found: dict[int, list[TroubleLine]] = {}
    for one in troubles:
        part, _, rest = one.where.partition(".")
        if part == "categories" and rest:
            place = filled[int(rest.partition(".")[0])]
            found.setdefault(place, []).append(TroubleLine(one.kind, one.what))
    return tuple(
        replace(one, open=one.open or place in found, troubles=tuple(found.get(place, ())))
        for place, one in enumerate(categories)
    )


def tag_troubles(tags: str, troubles: Iterable[Trouble]) -> tuple[TroubleLine, ...]:
    """What is wrong with which line of the tags."""
    numbers = [number for number, _ in _lines(tags)]
    return tuple(
        TroubleLine(one.kind, one.what, numbers[int(one.where.split(".")[1])])
        for one in troubles
        if one.where.startswith("tags.")
    )


def of_all(troubles: Iterable[Trouble]) -> tuple[TroubleLine, ...]:
    """What is wrong with the taxonomy as a whole."""
    return tuple(TroubleLine(one.kind, one.what) for one in troubles if "." not in one.where)


def _fields_typed(typed: Mapping[str, str], place: int) -> CategoryFields:
    def field(name: str) -> str:
        return typed.get(f"categories.{place}.{name}", "").replace("\r\n", "\n")

    told = CategoryFields(field("code"), field("name_pt"), field("name_en"), field("description"), field("examples"))
    return replace(told, open=not told.description.strip() and not told.examples.strip())


def _category(one: CategoryFields) -> CategoryDraft:
    names: dict[Language, str] = {"pt": one.name_pt, "en": one.name_en}
    return CategoryDraft(one.code, names, one.description, tuple(one.examples.split("\n")))


def _tag(line: str) -> TagDraft:
    first, *examples = (part.replace("\\|", "|").strip() for part in _SEPARATOR.split(line))
    code, _, explanation = first.partition(":")
    return TagDraft(code.strip(), explanation.strip(), tuple(examples))


def _lines(text: str) -> list[tuple[int, str]]:
    """The lines with something on them, each with its number from 1."""
    lines = text.replace("\r\n", "\n").split("\n")[:MOST_LINES]
    return [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]


def _told(one: TagDraft) -> str:
    return f"{one.code}: {one.explanation}" if one.explanation else one.code


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
