"""How long to wait before the next attempt, and whether there is one."""

from dataclasses import dataclass

from ouvidor.engines.call_fault import CallFault

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 8.0
SHARE_OF_AN_ATTEMPT = 0.5
"""While attempts remain, one may wait this share of the time left for its first token."""


@dataclass(frozen=True)
class Retries:
    """At most `attempts` for one answer, until `deadline` (seconds of the clock that `now` is told by)."""

    attempts: int
    deadline: float

    def wait_after(self, fault: CallFault, made: int, now: float, chance: float) -> float | None:
        """Seconds until the next attempt when `made` have failed, or None where another cannot help or be in time.

        Exponential backoff with full jitter (`chance` from 0 to 1), never shorter than what the server asked for.
        """
        if not fault.retryable or made >= self.attempts:
            return None
        ceiling = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** (made - 1))
        wait = max(ceiling * chance, fault.retry_after or 0.0)
        return wait if now + wait < self.deadline else None

    def patience(self, made: int, now: float) -> float:
        """Seconds that the attempt after `made` failed ones may wait for its first token."""
        left = max(0.0, self.deadline - now)
        return left if made + 1 >= self.attempts else left * SHARE_OF_AN_ATTEMPT
