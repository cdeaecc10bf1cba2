"""One call that gave no usable answer, in our words; known without any vendor's SDK."""

from ouvidor.engines.base import FaultKind

FORMAT_REFUSALS = frozenset({400, 415, 422, 501})


class CallFault(Exception):
    """One call gave no usable answer; `retryable` says whether another may help, `retry_after` (seconds) when.

    `format_refused` is set where the server may have refused the response format, and nothing else; `doubtful_format`
    where it failed in a way in which some servers refuse one. `status` is the HTTP status, 0 where there was none.
    """

    def __init__(
        self, kind: FaultKind, *, retryable: bool = False, retry_after: float | None = None, status: int = 0
    ) -> None:
        super().__init__(kind)
        self.kind: FaultKind = kind
        self.retryable = retryable
        self.retry_after = retry_after
        self.status = status

    @property
    def format_refused(self) -> bool:
        """Whether a plainer response format may be accepted."""
        return self.kind == "refused" and self.status in FORMAT_REFUSALS

    @property
    def doubtful_format(self) -> bool:
        """Whether this may be a server's clumsy way to refuse the format: llama-cpp-python answers 500."""
        return self.status == 500
