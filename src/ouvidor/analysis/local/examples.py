"""Labelled conversations as the analyst is trained and measured on: their wire shape, and those that ship with it."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from pydantic import AliasChoices, AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from ouvidor.analysis.local.features import features_of
from ouvidor.analysis.local.reading import read
from ouvidor.analysis.local.sheet import Sheet
from ouvidor.analysis.local.train import Example
from ouvidor.analysis.transcript import Line, Speaker, Transcript

_SPEAKERS: Mapping[str, Speaker] = {
    **dict.fromkeys(("user", "customer", "client", "cliente"), "customer"),
    **dict.fromkeys(("bot", "agent", "assistant", "system", "atendente"), "bot"),
    **dict.fromkeys(("person", "human", "operator"), "person"),
}


class LabelledTurn(BaseModel):
    """One message: `role` is user or customer, agent, bot or assistant, person or human; other fields are ignored."""

    role: str
    text: str
    at: AwareDatetime | None = Field(default=None, validation_alias=AliasChoices("at", "created_at"))

    @field_validator("role")
    @classmethod
    def _known(cls, role: str) -> str:
        if role.strip().lower() not in _SPEAKERS:
            raise ValueError(f"unknown role {role!r}")
        return role.strip().lower()


class LabelledConversation(BaseModel):
    """A conversation and what is known of how it went; other fields are kept, to group by."""

    model_config = ConfigDict(extra="allow")

    turns: list[LabelledTurn]
    satisfaction: int | None = Field(default=None, ge=0, le=10)
    satisfied: bool | None = None
    goal_done: bool | None = None
    user_annoyed: bool | None = None

    def transcript(self) -> Transcript:
        """As the analyst reads it."""
        return Transcript(
            tuple(Line(place, _SPEAKERS[turn.role], turn.text, turn.at) for place, turn in enumerate(self.turns, 1))
        )

    def group(self, field: str) -> str:
        """The value of another field, a list joined; empty where it has none."""
        value: Any = (self.model_extra or {}).get(field)
        return "|".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # JSON

    def example(self, *, own: bool = False) -> Example:
        """With its features, as the analyst is trained on it."""
        return Example(
            sheet=sheet_of(self.transcript()),
            satisfaction=self.satisfaction,
            satisfied=self.satisfied,
            goal_done=self.goal_done,
            annoyed=self.user_annoyed,
            own=own,
        )


def sheet_of(transcript: Transcript) -> Sheet:
    """The features of a conversation."""
    return features_of(read(transcript))


def own_examples() -> Sequence[Example]:
    """The conversations of examples.jsonl, written for this product, which take part in every training."""
    text = files("ouvidor.analysis.local").joinpath("examples.jsonl").read_text(encoding="utf-8")
    rows = [LabelledConversation.model_validate_json(line) for line in text.splitlines() if line.strip()]
    return [row.example(own=True) for row in rows]
