"""The classifier of comments: what classifies now and how well, what it may learn, and its trainings so far."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal

from ouvidor.feedback.learning.agreement import ShareOut
from ouvidor.feedback.local.model import Measured
from ouvidor.web.categories import CategoryView
from ouvidor.web.contexts.analyses import ChartView
from ouvidor.web.contexts.frame import Frame

NOTHING = ShareOut(agreed=0, looked_at=0, share=None, low=0.0, high=1.0)


@dataclass(frozen=True)
class ModelView:
    """A training: `before` and `after` are macro-F1 (None: not measured), `learnt` how many corrections were new.

    `noise` is what chance makes of their difference. `seconds` is how long it took.
    """

    number: int
    state: Literal["training", "promoted", "kept_out", "failed"]
    active: bool
    ordered_by: str
    created_at: datetime
    corrections: int = 0
    learnt: int = 0
    before: float | None = None
    after: float | None = None
    noise: float = 0.0
    new_before: float | None = None
    new_after: float | None = None
    calibration_error: float | None = None
    seconds: float | None = None
    attempts: int = 0
    reason: str = ""


@dataclass(frozen=True)
class MistakeView:
    """So many comments that the AI took for `given` are `said`; `address` leads to them."""

    given: CategoryView
    said: CategoryView
    comments: int
    address: str


@dataclass(frozen=True)
class LearningView:
    """What there is to learn, and the training under way, if there is one; `slow` where it takes longer than usual."""

    corrections: int = 0
    new: int = 0
    suggested: bool = False
    training: ModelView | None = None
    slow: bool = False


@dataclass(frozen=True)
class LearningFragment:
    """The same by itself, for a page that stands open in the browser."""

    template: ClassVar[str] = "classifier_learning.html"
    frame: Frame
    learning: LearningView


@dataclass(frozen=True)
class ClassifierPage:
    """The whole page.

    `active` is the number of the model in use (0: the one that ships, or was made of the taxonomy's examples), `own`
    that the taxonomy is the project's; `llm` names the language model that classifies in its stead (empty: none).
    `measured` is how good the local classifier is where it was not trained; None where vectors cannot be had.
    """

    template: ClassVar[str] = "classifier.html"
    frame: Frame
    learning: LearningView
    active: int
    measured: Measured | None = None
    own: bool = False
    llm: str = ""
    chart: ChartView | None = None
    blind: ShareOut = NOTHING
    unsure: ShareOut = NOTHING
    mistakes: tuple[MistakeView, ...] = ()
    days: int = 90
    models: tuple[ModelView, ...] = ()
    waiting: int | None = None
    done: str = ""
    trouble: str = ""
    look: Mapping[str, Any] = field(default_factory=dict[str, Any])
    code: str = ""
