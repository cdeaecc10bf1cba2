"""A trained classifier of comments: category and sentiment from the same rows, each a linear model. Pure."""

import io
import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ouvidor.feedback.local.features import Features, Rows, Scaling
from ouvidor.feedback.local.fit import probabilities
from ouvidor.feedback.local.grams import Floats
from ouvidor.feedback.measures import Bin

Chances = NDArray[np.float64]


@dataclass(frozen=True)
class Head:
    """A linear model over rows: `scaling` makes these of features, `classes`, their weights (width, k), the temperature
    that calibrates it.
    """

    scaling: Scaling
    classes: tuple[str, ...]
    weights: Floats
    temperature: float

    def chances(self, rows: Rows) -> Chances:
        """The probability of each class, (n, k)."""
        return probabilities(rows.times(self.weights), self.temperature)


@dataclass(frozen=True)
class Measured:
    """How good a classifier is on examples of folds that it was not trained on.

    `log_loss` is that of calibrated probabilities, `raw_log_loss` that without calibration; each example was calibrated
    by the others' folds. `bins` are those of the reliability chart.
    """

    examples: int
    macro_f1: float
    accuracy: float
    log_loss: float
    raw_log_loss: float
    calibration_error: float
    bins: tuple[Bin, ...] = ()


@dataclass(frozen=True)
class Model:
    """Of categories and sentiments, for vectors of `vector_length` (0: words alone); `measured` is about categories.

    Both heads scale alike but for the weight of the signals.
    """

    vector_length: int
    category: Head
    sentiment: Head
    measured: Measured | None = None

    def judge(self, features: Features) -> tuple[Chances, Chances]:
        """The probabilities of the categories (n, k) and of the sentiments (n, 3)."""
        rows = self.category.scaling.rows(features)
        alike = self.category.scaling.signal_weight == self.sentiment.scaling.signal_weight
        toned = rows if alike else self.sentiment.scaling.rows(features)
        return self.category.chances(rows), self.sentiment.chances(toned)

    def to_bytes(self) -> bytes:
        """For a file or a binary column: weights in half precision, about 100 kB for five categories."""
        packed = io.BytesIO()
        about = {
            "vector_length": self.vector_length,
            "heads": [
                {"classes": one.classes, "temperature": one.temperature, "signal_weight": one.scaling.signal_weight}
                for one in (self.category, self.sentiment)
            ],
            "measured": asdict(self.measured) if self.measured else None,
        }
        np.savez_compressed(
            packed,
            about=np.frombuffer(json.dumps(about).encode(), np.uint8),
            mean=self.category.scaling.mean,
            deviation=self.category.scaling.deviation,
            rarity=self.category.scaling.rarity,
            category=self.category.weights.astype(np.float16),
            sentiment=self.sentiment.weights.astype(np.float16),
        )
        return packed.getvalue()

    @classmethod
    def from_bytes(cls, stored: bytes) -> "Model":
        """What `to_bytes` made; weights to three digits."""
        with np.load(io.BytesIO(stored), allow_pickle=False) as parts:
            about: Any = json.loads(parts["about"].tobytes())
            shared = parts["mean"], parts["deviation"], parts["rarity"]
            category, sentiment = (
                Head(
                    Scaling(*shared, one["signal_weight"]),
                    tuple(one["classes"]),
                    parts[name].astype(np.float32),
                    one["temperature"],
                )
                for name, one in zip(("category", "sentiment"), about["heads"], strict=True)
            )
            return cls(about["vector_length"], category, sentiment, _measured(about["measured"]))


def _measured(stored: Any) -> Measured | None:
    if stored is None:
        return None
    return Measured(**stored | {"bins": tuple(Bin(**one) for one in stored["bins"])})
