"""What went wrong in a call, in our words: whatever a server or its SDK says ends here and is seen by nobody."""

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import httpx2
import openai

from ouvidor.engines.call_fault import FORMAT_REFUSALS, CallFault

MISCONFIGURED = frozenset({301, 302, 303, 307, 308, 401, 403, 404, 405})
TIMED_OUT = frozenset({408, 504, 524})
TOO_LONG = frozenset({"context_length_exceeded", "string_above_max_length"})


class AnswerTooLarge(Exception):
    """The server sent more than any answer needs."""


def fault_of(error: Exception, now: float | None = None) -> CallFault:
    """The fault that this exception of a call is; `now` is the time of day in seconds, for dates in `Retry-After`."""
    match error:
        case CallFault():
            return error
        case openai.APITimeoutError() | httpx2.TimeoutException() | TimeoutError():
            return CallFault("timeout", retryable=True)
        case openai.APIStatusError():
            return _of_status(error, time.time() if now is None else now)
        case AnswerTooLarge():
            return CallFault("too_large")
        case httpx2.InvalidURL() | httpx2.UnsupportedProtocol() | UnicodeEncodeError():
            return CallFault("misconfigured")
        case openai.APIConnectionError() | httpx2.HTTPError() | OSError():
            return CallFault("connection", retryable=True)
        case openai.APIError() | ValueError():
            return CallFault("server_error", retryable=True)
        case _:
            return CallFault("server_error")


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait by `Retry-After` (seconds or a date, RFC 9110, section 10.2.3) or `retry-after-ms`, or None."""
    told, milliseconds = headers.get("retry-after", ""), headers.get("retry-after-ms", "")
    for value, unit in ((milliseconds, 0.001), (told, 1.0)):
        try:
            return max(0.0, float(value) * unit)
        except ValueError:
            continue
    until, since = _moment(told), _moment(headers.get("date", ""))
    return None if until is None else max(0.0, until - (now if since is None else since))


def _moment(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None


def _of_status(error: openai.APIStatusError, now: float) -> CallFault:
    status, wait = error.status_code, retry_after(error.response.headers, now)
    if status in MISCONFIGURED:
        return CallFault("misconfigured", status=status)
    if status == 429:
        return CallFault("rate_limited", retryable=error.code != "insufficient_quota", retry_after=wait, status=status)
    if status in TIMED_OUT:
        return CallFault("timeout", retryable=True, retry_after=wait, status=status)
    if status == 413 or error.code in TOO_LONG:
        return CallFault("too_large", status=status)
    if status == 409 or (status >= 500 and status not in FORMAT_REFUSALS):
        return CallFault("server_error", retryable=True, retry_after=wait, status=status)
    return CallFault("refused", status=0 if error.code == "content_filter" else status)
