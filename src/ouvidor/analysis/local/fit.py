"""Small models with L2 that are trained by L-BFGS: logistic, and ordinal. Pure.

Rows are (n, features), standardised; losses are means over the weights, so that `l2` means the same for any n.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ouvidor.knowledge.lbfgs import Array, minimise

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Whole = NDArray[np.int64]

LEVELS = 11
MOST_STEPS = 300
TOLERANCE = 1e-9
SMALLEST = 1e-9


@dataclass(frozen=True)
class Logistic:
    """P(yes) = 1 / (1 + exp(-(constant + weights · row)))."""

    weights: Floats
    constant: float

    def odds(self, rows: Floats) -> Floats:
        """Log-odds of each row, (n,)."""
        return rows @ self.weights + self.constant


@dataclass(frozen=True)
class Ordinal:
    """Cumulative logit (McCullagh 1980) over 0 to 10: P(level < k) = 1 / (1 + exp(weights · row - cuts[k - 1]))."""

    weights: Floats
    cuts: Floats

    def chances(self, rows: Floats) -> Floats:
        """Probability of each level, (n, 11)."""
        below = _sigmoid(self.cuts[None, :] - (rows @ self.weights)[:, None])
        edges = np.hstack([np.zeros((len(rows), 1)), below, np.ones((len(rows), 1))])
        return np.diff(edges, axis=1)


def fit_logistic(rows: Floats, yes: Flags, weight: Floats, *, l2: float) -> Logistic:
    """Logistic regression; the constant is not held small."""
    sign, share = np.where(yes, 1.0, -1.0), weight / weight.sum()

    def loss(point: Array) -> tuple[float, Array]:
        agreed = sign * (rows @ point[:-1] + point[-1])
        value = float(share @ np.logaddexp(0, -agreed)) + l2 / 2 * float(point[:-1] @ point[:-1])
        pull = -share * sign * _sigmoid(-agreed)
        return value, np.append(rows.T @ pull + l2 * point[:-1], pull.sum())

    start = np.zeros(len(rows[0]) + 1)
    point = minimise(loss, start, iterations=MOST_STEPS, tolerance=TOLERANCE).astype(np.float64)
    return Logistic(point[:-1], float(point[-1]))


def fit_ordinal(rows: Floats, levels: Whole, *, l2: float) -> Ordinal:
    """Ordinal regression on the level of each row, 0 to 10.

    The cuts are the first one and the steps between them, each the exponential of a free number, so that they rise.
    """
    width, share = len(rows[0]), 1 / len(rows)

    def loss(point: Array) -> tuple[float, Array]:
        scores, cuts = rows @ point[:width], _cuts(point[width:])
        upper = np.append(cuts, np.inf)[levels] - scores
        lower = np.insert(cuts, 0, -np.inf)[levels] - scores
        over, under = _sigmoid(upper), _sigmoid(lower)
        chance = np.maximum(over - under, SMALLEST)
        pull_up, pull_down = -share * over * (1 - over) / chance, share * under * (1 - under) / chance
        by_cut = np.bincount(levels, pull_up, LEVELS)[:-1] + np.bincount(levels, pull_down, LEVELS)[1:]
        steps = np.exp(point[width + 1 :])
        tail = np.cumsum(by_cut[::-1])[::-1]
        # A weak pull keeps the steps near 1 where no row tells them apart.
        value = -share * float(np.log(chance).sum()) + l2 / 2 * float(point[:width] @ point[:width])
        value += _STEPS_HELD / 2 * float(point[width + 1 :] @ point[width + 1 :])
        slope = -rows.T @ (pull_up + pull_down) + l2 * point[:width]
        first, further = tail[:1], tail[1:] * steps + _STEPS_HELD * point[width + 1 :]
        return value, np.concatenate([slope, first, further]).astype(np.float64)

    start = np.concatenate([np.zeros(width), [-float(LEVELS - 1) / 2], np.zeros(LEVELS - 2)])
    point = minimise(loss, start, iterations=MOST_STEPS, tolerance=TOLERANCE).astype(np.float64)
    return Ordinal(point[:width], _cuts(point[width:]))


_STEPS_HELD = 1e-3


def balanced(yes: Flags, weight: Floats) -> Floats:
    """The weights, scaled so that both sides weigh the same."""
    sides = np.array([weight[~yes].sum(), weight[yes].sum()])
    return weight / np.maximum(sides, SMALLEST)[yes.astype(np.int64)]


def _cuts(free: Array) -> Floats:
    return free[0] + np.concatenate([np.zeros(1), np.cumsum(np.exp(free[1:]))])


def _sigmoid(values: Floats) -> Floats:
    return 1 / (1 + np.exp(-values.clip(-30, 30)))
