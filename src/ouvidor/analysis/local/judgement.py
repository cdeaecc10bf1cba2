"""How content the customer left, and what came of it: trained numbers over the features, kept in judgement.json. Pure.

Three logistic regressions (dissatisfied, goal failed, annoyed) and one ordinal regression (satisfaction 0 to 10) share
the standardised features. `bench/train_analysis.py` makes the file; docs/quality.md tells from what.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, Literal, TypeAlias

import numpy as np

from ouvidor.analysis.local.fit import LEVELS, Floats, Logistic, Ordinal
from ouvidor.analysis.local.sheet import Sheet

Head: TypeAlias = Literal["dissatisfied", "goal_failed", "annoyed"]
HEADS: tuple[Head, ...] = ("dissatisfied", "goal_failed", "annoyed")
FARTHEST = 4.0
NEAR = 2
# Conversations of others are told worse than those that the model was fitted to: their distribution is this much
# flatter. Measured on conversations that were written after the training (docs/quality.md).
FLATTER = 0.75
_DIGITS = 5


@dataclass(frozen=True)
class Model:
    """All trained numbers; `mean` and `scale` (features,) standardise, `names` tell the features' order."""

    names: tuple[str, ...]
    mean: Floats
    scale: Floats
    heads: Mapping[Head, Logistic]
    satisfaction: Ordinal

    @cached_property
    def middle(self) -> float:
        """The expected satisfaction of a conversation that is typical in every respect."""
        return float(self.satisfaction.chances(np.zeros((1, len(self.names))))[0] @ np.arange(LEVELS))

    def standardise(self, values: Floats) -> Floats:
        """Rows of features in standard deviations from the mean, none farther than FARTHEST."""
        return ((values - self.mean) / self.scale).clip(-FARTHEST, FARTHEST)


@dataclass(frozen=True)
class Judgement:
    """What the model says of one conversation: a probability of each head, and of each level of satisfaction (11,).

    `row` are the standardised features, `flatter` the levels as they are for conversations of strangers.
    """

    model: Model
    row: Floats
    chance: Mapping[Head, float]
    levels: Floats
    flatter: Floats

    @cached_property
    def expected(self) -> float:
        """The expected satisfaction, 0 to 10."""
        return float(self.levels @ np.arange(LEVELS))

    @property
    def satisfaction(self) -> int:
        """The expected satisfaction as a whole number."""
        return round(self.expected)

    @property
    def confidence(self) -> float:
        """How probable it is that `satisfaction` is right within two points."""
        place = self.satisfaction
        return float(self.flatter[max(0, place - NEAR) : place + NEAR + 1].sum().clip(0, 1))

    def shares(self, head: Head | None) -> Mapping[str, float]:
        """What each feature adds to the odds of a head, or, without one, to satisfaction."""
        weights = self.model.satisfaction.weights if head is None else self.model.heads[head].weights
        return dict(zip(self.model.names, (weights * self.row).tolist(), strict=True))


def judge(sheet: Sheet, model: Model | None = None) -> Judgement:
    """The judgement of the model that ships with the package, or of another."""
    model = model or shipped()
    row = model.standardise(np.array([[sheet.values[name] for name in model.names]]))
    chance: dict[Head, float] = {
        head: float(1 / (1 + np.exp(-own.odds(row)[0].clip(-30, 30)))) for head, own in model.heads.items()
    }
    own = model.satisfaction
    flatter = Ordinal(own.weights * FLATTER, own.cuts * FLATTER)
    return Judgement(model, row[0], chance, own.chances(row)[0], flatter.chances(row)[0])


@cache
def shipped() -> Model:
    """The trained numbers of judgement.json."""
    return model_from_json(files("ouvidor.analysis.local").joinpath("judgement.json").read_text(encoding="utf-8"))


def model_from_json(text: str) -> Model:
    """From the text of judgement.json."""
    stored = json.loads(text)
    features: Mapping[str, Mapping[str, float]] = stored["features"]

    def column(name: str) -> Floats:
        return np.array([entry[name] for entry in features.values()])

    heads: dict[Head, Logistic] = {head: Logistic(column(head), stored["constants"][head]) for head in HEADS}
    return Model(
        names=tuple(features),
        mean=column("mean"),
        scale=column("scale"),
        heads=heads,
        satisfaction=Ordinal(column("satisfaction"), np.array(stored["satisfaction_cuts"])),
    )


def model_to_json(model: Model, trained_on: Sequence[str]) -> str:
    """The text of judgement.json: one line a feature, with its weight in each model."""
    columns = {"mean": model.mean, "scale": model.scale, "satisfaction": model.satisfaction.weights}
    columns |= {head: model.heads[head].weights for head in HEADS}
    stored: dict[str, Any] = {
        "trained_on": list(trained_on),
        "constants": {head: round(model.heads[head].constant, _DIGITS) for head in HEADS},
        "satisfaction_cuts": [round(cut, _DIGITS) for cut in model.satisfaction.cuts.tolist()],
    }
    lines = [f'    "{name}": {json.dumps(_entry(columns, place))}' for place, name in enumerate(model.names)]
    head = json.dumps(stored, indent=2, ensure_ascii=False).removesuffix("\n}")
    return head + ',\n  "features": {\n' + ",\n".join(lines) + "\n  }\n}\n"


def _entry(columns: Mapping[str, Floats], place: int) -> dict[str, float]:
    return {name: round(float(column[place]), _DIGITS) for name, column in columns.items()}
