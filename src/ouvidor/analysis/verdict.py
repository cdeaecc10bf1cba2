"""What an analysis says of a conversation: the schema that every analyst's answer holds to."""

from typing import Annotated, Literal, TypeAlias, get_args

from pydantic import BaseModel, Field

from ouvidor.analysis.transcript import Transcript

Judgement: TypeAlias = Literal["yes", "no", "unknown"]
Sentiment: TypeAlias = Literal["positive", "neutral", "negative"]
FaultKind: TypeAlias = Literal[
    "wrong_language",
    "contradiction",
    "price_mismatch",
    "unanswered_question",
    "false_promise",
    "asks_again",
    "loop",
    "never_closes",
]
Rating: TypeAlias = Annotated[int, Field(ge=0, le=10)]
Positions: TypeAlias = list[int]

FAULT_KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
MOST_POINTS = 8
MOST_TOPICS = 5
MOST_FAULTS = 12
LONGEST_POINT = 400
LONGEST_TOPIC = 60


class Point(BaseModel):
    """A bullet of the summary or an improvement, and the messages that it rests on."""

    text: str = Field(min_length=1, max_length=LONGEST_POINT, description="One sentence.")
    at: Positions = Field(default=[], description="Positions of the messages that it rests on.")


class BotFault(BaseModel):
    """Something that the bot did wrong, seen in the conversation itself."""

    kind: FaultKind
    what: str = Field(default="", max_length=LONGEST_POINT, description="What exactly, in one short sentence.")
    at: Positions = Field(default=[], description="Positions of the messages where it shows.")


class Evidence(BaseModel):
    """The messages that support each verdict, by position."""

    satisfaction: Positions = []
    sentiment: Positions = []
    resolved: Positions = []
    goal: Positions = []
    effort: Positions = []


class Verdict(BaseModel):
    """What an analyst says of a conversation.

    `satisfaction` and `effort` (the customer's) are 0 to 10; `goal_reached` is about the project's goal; `language` the
    customer's, as ISO 639-1; `confidence`, 0 to 1, how sure the analyst is of the satisfaction within two points.
    """

    satisfaction: Rating = Field(description="How satisfied the customer left, 0 to 10.")
    sentiment: Sentiment
    resolved: Judgement = Field(description="Whether the customer's concern was resolved.")
    goal_reached: Judgement = Field(description="Whether the company's goal was reached.")
    effort: Rating = Field(description="How much effort it cost the customer, 0 (none) to 10.")
    language: str = Field(pattern=r"^[a-z]{2}$", description="The customer's language, as ISO 639-1.")
    topics: list[Annotated[str, Field(min_length=1, max_length=LONGEST_TOPIC)]] = Field(
        default=[], max_length=MOST_TOPICS, description="What it was about, in one to three words each."
    )
    summary: list[Point] = Field(min_length=1, max_length=MOST_POINTS)
    improvements: list[Point] = Field(default=[], max_length=MOST_POINTS)
    faults: list[BotFault] = Field(default=[], max_length=MOST_FAULTS)
    evidence: Evidence = Field(default_factory=Evidence)
    confidence: float = Field(ge=0, le=1)


def grounded_in(verdict: Verdict, transcript: Transcript) -> Verdict:
    """The verdict with every position that is no line of the transcript left out, the rest in order and once each.

    A fault that points to no line at all is left out too: nobody could audit it.
    """
    known = transcript.positions

    def kept(at: Positions) -> Positions:
        return sorted(known.intersection(at))

    return verdict.model_copy(
        update={
            "summary": [point.model_copy(update={"at": kept(point.at)}) for point in verdict.summary],
            "improvements": [point.model_copy(update={"at": kept(point.at)}) for point in verdict.improvements],
            "faults": [
                fault.model_copy(update={"at": kept(fault.at)}) for fault in verdict.faults if known & {*fault.at}
            ],
            "evidence": Evidence(**{name: kept(at) for name, at in verdict.evidence.model_dump().items()}),
        }
    )
