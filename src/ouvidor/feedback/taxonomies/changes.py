"""What differs between two taxonomies. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ouvidor.feedback.examples import examples_of
from ouvidor.feedback.taxonomy import Category, Code, Tag, Taxonomy


@dataclass(frozen=True)
class Part:
    """A part that has another value: `name` is `name_pt`, `name_en`, `description`, `explanation` or `examples`."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class Change:
    """A category or tag that is new, gone, or has other parts."""

    kind: Literal["added", "gone", "changed"]
    code: Code
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True)
class Changes:
    """What a second taxonomy makes of a first one; `reordered` tells that what stays stands in another order."""

    categories: tuple[Change, ...]
    tags: tuple[Change, ...]
    reordered: bool
    language: bool

    @property
    def any(self) -> bool:
        """Whether they differ at all."""
        return bool(self.categories or self.tags or self.reordered or self.language)


def changes_between(before: Taxonomy, after: Taxonomy) -> Changes:
    """What changes from the one to the other, in the order of the second; what is gone comes last."""
    return Changes(
        categories=_changes(_category_parts(before), _category_parts(after)),
        tags=_changes(_tag_parts(before), _tag_parts(after)),
        reordered=_reordered(before.codes, after.codes) or _reordered(_tag_codes(before), _tag_codes(after)),
        language=before.language != after.language,
    )


def teaches_the_same(before: Taxonomy, after: Taxonomy) -> bool:
    """Whether a classifier learns the same from both, so that one that was trained for the first serves the second."""
    if set(before.codes) != set(after.codes):
        return False
    first, second = ({(one.text, one.category) for one in examples_of(taxonomy)} for taxonomy in (before, after))
    return first == second


def _changes(before: Mapping[Code, Mapping[str, str]], after: Mapping[Code, Mapping[str, str]]) -> tuple[Change, ...]:
    found: list[Change] = []
    for code, parts in after.items():
        told = _differing(before.get(code, {}), parts)
        if code not in before:
            found.append(Change("added", code, told))
        elif told:
            found.append(Change("changed", code, told))
    gone = [Change("gone", code, _differing(parts, {})) for code, parts in before.items() if code not in after]
    return tuple(found + gone)


def _differing(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Part, ...]:
    names = dict.fromkeys([*after, *before])
    parts = [Part(name, before.get(name, ""), after.get(name, "")) for name in names]
    return tuple(part for part in parts if part.before != part.after)


def _category_parts(taxonomy: Taxonomy) -> dict[Code, dict[str, str]]:
    return {one.code: _parts_of_category(one) for one in taxonomy.categories}


def _parts_of_category(one: Category) -> dict[str, str]:
    names = {f"name_{language}": name for language, name in one.names.items()}
    return names | {"description": one.description, "examples": "\n".join(one.examples)}


def _tag_parts(taxonomy: Taxonomy) -> dict[Code, dict[str, str]]:
    return {one.code: _parts_of_tag(one) for one in taxonomy.tags}


def _parts_of_tag(one: Tag) -> dict[str, str]:
    return {"explanation": one.explanation, "examples": "\n".join(one.examples)}


def _tag_codes(taxonomy: Taxonomy) -> tuple[Code, ...]:
    return tuple(one.code for one in taxonomy.tags)


def _reordered(before: Sequence[Code], after: Sequence[Code]) -> bool:
    both = set(before) & set(after)
    return [code for code in before if code in both] != [code for code in after if code in both]
