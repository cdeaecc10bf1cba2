"""Minimisation of smooth functions by L-BFGS (Liu & Nocedal 1989; Nocedal & Wright 2006, algorithm 7.4). Pure."""

from collections import deque
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.floating]
Objective: TypeAlias = Callable[[Array], tuple[float, Array]]
Step: TypeAlias = tuple[Array, Array, float]

MEMORY = 8
SUFFICIENT_DECREASE = 1e-4
SMALLEST_STEP = 1e-6


def minimise(objective: Objective, start: Array, *, iterations: int = 100, tolerance: float = 1e-5) -> Array:
    """The point of any shape where `objective` (value and gradient) is least, sought from `start`.

    Stops after `iterations`, or once a step improves the value by less than `tolerance` relative to max(1, value).
    """
    point = start
    value, gradient = objective(point)
    steps: deque[Step] = deque(maxlen=MEMORY)
    for _ in range(iterations):
        direction = _direction(gradient, steps)
        found = _search_line(objective, point, value, gradient, direction)
        if found is None:
            break
        new_point, new_value, new_gradient = found
        moved, turned = new_point - point, new_gradient - gradient
        curvature = float(np.vdot(moved, turned))
        if curvature > 0:
            steps.append((moved, turned, 1 / curvature))
        improved = value - new_value
        point, value, gradient = new_point, new_value, new_gradient
        if improved <= tolerance * max(1.0, abs(value)):
            break
    return point


def _direction(gradient: Array, steps: deque[Step]) -> Array:
    """Downhill by the two-loop recursion; the first time a step of length 1 along the gradient."""
    if not steps:
        return -gradient / max(float(np.linalg.norm(gradient)), 1e-12)
    direction = -gradient
    shares: list[float] = []
    for moved, turned, inverse in reversed(steps):
        share = inverse * float(np.vdot(moved, direction))
        shares.append(share)
        direction = direction - share * turned
    moved, turned, inverse = steps[-1]
    direction = direction / (inverse * float(np.vdot(turned, turned)))
    for (moved, turned, inverse), share in zip(steps, reversed(shares), strict=True):
        direction = direction + (share - inverse * float(np.vdot(turned, direction))) * moved
    return direction


def _search_line(
    objective: Objective, point: Array, value: float, gradient: Array, direction: Array
) -> tuple[Array, float, Array] | None:
    """The first of the steps 1, 1/2, 1/4, … along `direction` that decreases the value enough (Armijo), if any."""
    slope = float(np.vdot(gradient, direction))
    step = 1.0
    while step >= SMALLEST_STEP:
        new_point = point + step * direction
        new_value, new_gradient = objective(new_point)
        if new_value <= value + SUFFICIENT_DECREASE * step * slope:
            return new_point, new_value, new_gradient
        step /= 2
    return None
