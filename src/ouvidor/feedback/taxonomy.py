"""What a project's comments are sorted into: categories and tags. Pure."""

from collections.abc import Sequence
from typing import TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ouvidor.text import Language

Code: TypeAlias = str

MOST_CATEGORIES = 50
MOST_TAGS = 500
LONGEST_NAME = 60
LONGEST_DESCRIPTION = 600
LONGEST_EXAMPLE = 2_000
_CATEGORY_CODE = r"^[a-z][a-z0-9_]{0,39}$"
_TAG_CODE = r"^[a-z0-9][a-z0-9_]{0,59}$"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Category(_Frozen):
    """One of the categories: `names` by language, a description and a few examples in the words of people."""

    code: Code = Field(pattern=_CATEGORY_CODE)
    names: dict[Language, str]
    description: str = Field(default="", max_length=LONGEST_DESCRIPTION)
    examples: tuple[str, ...] = ()

    def name(self, language: Language) -> str:
        """The name in the language, else in any other, else the code."""
        return self.names.get(language) or next(iter(self.names.values()), self.code)


class Tag(_Frozen):
    """What a comment may be about: a short code, what it means, and examples where there are any."""

    code: Code = Field(pattern=_TAG_CODE)
    explanation: str = Field(default="", max_length=LONGEST_DESCRIPTION)
    examples: tuple[str, ...] = ()


class Taxonomy(_Frozen):
    """The categories of a project, at least two, and its tags; `language` is that of the codes of new tags."""

    categories: tuple[Category, ...] = Field(min_length=2, max_length=MOST_CATEGORIES)
    tags: tuple[Tag, ...] = Field(default=(), max_length=MOST_TAGS)
    language: Language = "pt"

    @model_validator(mode="after")
    def _distinct(self) -> "Taxonomy":
        for codes in (self.codes, tuple(tag.code for tag in self.tags)):
            if twice := _first_twice(codes):
                raise ValueError(f"the code {twice} stands twice")
        return self

    @property
    def codes(self) -> tuple[Code, ...]:
        """The codes of the categories, in order."""
        return tuple(category.code for category in self.categories)

    def category(self, code: Code) -> Category:
        """The category with the code.

        Raises:
            KeyError: there is none.
        """
        for category in self.categories:
            if category.code == code:
                return category
        raise KeyError(code)

    def code_named(self, name: str) -> Code | None:
        """The code of the category that has this code or name in any language, whatever its case; None where none."""
        wanted = name.strip().casefold()
        for category in self.categories:
            if wanted in {category.code, *(one.casefold() for one in category.names.values())}:
                return category.code
        return None


def _first_twice(codes: Sequence[Code]) -> Code | None:
    return next((code for place, code in enumerate(codes) if code in codes[:place]), None)


DEFAULT = Taxonomy(
    categories=(
        Category(
            code="praise",
            names={"pt": "ELOGIO", "en": "PRAISE"},
            description="The person likes something, is content or thankful, and asks for nothing.",
        ),
        Category(
            code="criticism",
            names={"pt": "CRÍTICA", "en": "CRITICISM"},
            description="The person is discontent or complains, plainly or with irony, also as a rhetorical question.",
        ),
        Category(
            code="suggestion",
            names={"pt": "SUGESTÃO", "en": "SUGGESTION"},
            description="The person proposes or wishes for something new or different, whatever else is said.",
        ),
        Category(
            code="question",
            names={"pt": "DÚVIDA", "en": "QUESTION"},
            description="The person wants to know something and expects an answer.",
        ),
        Category(
            code="spam",
            names={"pt": "SPAM", "en": "SPAM"},
            description="Advertising, self-promotion, fraud, chain letters, noise: nothing about the company.",
        ),
    )
)
_IN_PORTUGUESE = {
    "praise": "A pessoa gosta de alguma coisa, está contente ou agradece, e não pede nada.",
    "criticism": "A pessoa está descontente ou reclama, às claras ou com ironia, também em pergunta retórica.",
    "suggestion": "A pessoa propõe ou deseja algo novo ou diferente, seja o que for que diga além disso.",
    "question": "A pessoa quer saber alguma coisa e espera resposta.",
    "spam": "Propaganda, autopromoção, golpe, corrente, ruído: nada sobre a empresa.",
}


def default_in(language: Language) -> Taxonomy:
    """The default categories with their descriptions in the language."""
    if language == "en":
        return DEFAULT.model_copy(update={"language": language})
    told = tuple(one.model_copy(update={"description": _IN_PORTUGUESE[one.code]}) for one in DEFAULT.categories)
    return Taxonomy(categories=told, language=language)
