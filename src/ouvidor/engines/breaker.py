"""A circuit breaker: a server that fails again and again is left alone for a while, so that nobody waits for it."""

from collections.abc import Callable
from enum import Enum, auto

FAILURES_TO_OPEN = 5
OPEN_SECONDS = 30.0


class Circuit(Enum):
    """What the breaker lets through: all, nothing, or one probe."""

    CLOSED = auto()
    OPEN = auto()
    HALF_OPEN = auto()


class Breaker:
    """Opens after so many failures in a row; after so many seconds one probe decides whether it closes again.

    `clock` gives seconds that only grow. One for each process.
    """

    def __init__(
        self, clock: Callable[[], float], *, failures: int = FAILURES_TO_OPEN, seconds: float = OPEN_SECONDS
    ) -> None:
        self._clock = clock
        self._most = failures
        self._seconds = seconds
        self._failures = 0
        self._opened_at: float | None = None
        self._probing = False

    @property
    def circuit(self) -> Circuit:
        """How it stands."""
        if self._opened_at is None:
            return Circuit.CLOSED
        return Circuit.HALF_OPEN if self._clock() >= self._opened_at + self._seconds else Circuit.OPEN

    def admits(self) -> bool:
        """Whether a call may be made now; who is admitted tells how it went (`succeeded`, `failed` or `gave_up`)."""
        circuit = self.circuit
        if circuit is Circuit.HALF_OPEN and not self._probing:
            self._probing = True
            return True
        return circuit is Circuit.CLOSED

    def succeeded(self) -> None:
        """The server answered."""
        self._failures, self._opened_at, self._probing = 0, None, False

    def failed(self) -> None:
        """The server failed."""
        self._failures += 1
        if self._probing or self._failures >= self._most:
            self._opened_at = self._clock()
        self._probing = False

    def gave_up(self) -> None:
        """The call ended without telling anything of the server, because its caller went away."""
        self._probing = False
