"""Multinomial logistic regression over dense and sparse rows, and the temperature that calibrates it. Pure."""

import numpy as np
from numpy.typing import NDArray

from ouvidor.feedback.local.features import Rows
from ouvidor.feedback.local.grams import BINS, Floats, Numbers
from ouvidor.knowledge.lbfgs import Array, minimise

PENALTY = 1e-3
STEPS = 60
TOLERANCE = 1e-4
COLDEST, HOTTEST = 0.2, 5.0


def fit(rows: Rows, labels: Numbers, weights: Floats, outputs: int, *, penalty: float = PENALTY) -> Floats:
    """Weights (width, outputs) of the penalised regression; `weights` (n,) tell how much each row counts."""
    own, each = rows.dense.shape[1], np.arange(labels.size)
    share = (weights / weights.sum()).astype(np.float32)
    transposed, across = np.ascontiguousarray(rows.dense.T), rows.sparse.transposed(BINS)

    def loss(point: Array) -> tuple[float, Array]:
        logits = rows.times(point.astype(np.float32))
        logits -= logits.max(axis=1, keepdims=True)
        likelihood = np.exp(logits)
        total = likelihood.sum(axis=1, keepdims=True)
        value = float(share @ (np.log(total[:, 0]) - logits[each, labels]))
        likelihood /= total
        likelihood[each, labels] -= 1
        likelihood *= share[:, None]
        gradient = penalty * point
        gradient[:own] += transposed @ likelihood
        gradient[own:] += across.times(likelihood)
        return value + penalty / 2 * float(np.vdot(point, point)), gradient

    start = np.zeros((rows.width, outputs), np.float32)
    return minimise(loss, start, iterations=STEPS, tolerance=TOLERANCE).astype(np.float32)


def probabilities(logits: Floats, temperature: float = 1.0) -> NDArray[np.float64]:
    """Softmax of the logits (n, k) over the temperature; each row adds up to 1."""
    scaled = logits.astype(np.float64) / temperature
    likelihood = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return likelihood / likelihood.sum(axis=1, keepdims=True)


def log_loss(chances: NDArray[np.float64], labels: Numbers) -> float:
    """Mean of -ln of the probability of what is right; NaN where there is no row."""
    right = chances[np.arange(labels.size), labels]
    return float(-np.log(right.clip(min=1e-12)).mean()) if labels.size else float("nan")


def best_temperature(logits: Floats, labels: Numbers) -> float:
    """The temperature of least log-loss on logits of rows not trained on (Guo et al. 2017), by golden section."""
    low, high = np.log(COLDEST), np.log(HOTTEST)
    ratio = (5**0.5 - 1) / 2
    while high - low > 1e-3:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        losses = [log_loss(probabilities(logits, float(np.exp(one))), labels) for one in (left, right)]
        low, high = (low, right) if losses[0] < losses[1] else (left, high)
    return float(np.exp((low + high) / 2))
