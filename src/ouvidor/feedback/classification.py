"""What every classifier of comments answers."""

from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Sentiment: TypeAlias = Literal["positive", "neutral", "negative"]

MOST_TAGS = 5


class TagGiven(BaseModel):
    """A tag of a comment: one of the project's, or a new one that is proposed."""

    model_config = ConfigDict(frozen=True)

    code: str = Field(pattern=r"^[a-z0-9][a-z0-9_]{0,59}$")
    explanation: str = Field(default="", max_length=600)


class Classification(BaseModel):
    """Category (a code of the taxonomy), tags, sentiment and language (ISO 639-1) of a comment.

    `confidence`, 0 to 1, is the probability that the category is right, calibrated on comments not trained on.
    """

    model_config = ConfigDict(frozen=True)

    category: str
    tags: list[TagGiven] = Field(default=[], max_length=MOST_TAGS)
    confidence: float = Field(ge=0, le=1)
    sentiment: Sentiment
    language: str = Field(pattern=r"^[a-z]{2}$")
