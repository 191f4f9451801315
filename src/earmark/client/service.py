"""Where a service is, who asks it, and when to ask again: what both clients share."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

from earmark import __version__
from earmark.client.reply import Reply
from earmark.client.shapes import readable
from earmark.client.values import Job
from earmark.client.wire import Call
from earmark.errors import EarmarkError, ServiceError, TimedOutError, UsageError

T = TypeVar("T")

LONGEST_PAUSE_S = 30.0
"""A service that wants to be left alone for longer is not asked again."""
_FIRST_PAUSE_S = 0.2
_FIRST_POLL_S, _LONGEST_POLL_S = 0.05, 2.0


@dataclass(frozen=True, slots=True)
class Service:
    """One service as its callers see it.

    Attributes
    ----------
    url : str
        Its address without a slash at the end; a path in it is where a gateway keeps the service.
    key : str or None
        What the caller shows; never in messages.
    timeout_s : float
        How long it may say nothing.
    retries : int
        How often a call that is safe to repeat is repeated.
    """

    url: str
    key: str | None = field(repr=False)
    timeout_s: float
    retries: int

    def __post_init__(self) -> None:
        if not self.timeout_s > 0 or self.retries < 0:
            message = (
                "timeout_s must be above 0 and retries not below, "
                f"got {self.timeout_s} and {self.retries}"
            )
            raise UsageError(message)
        if self.key is not None and not _fit(self.key):
            message = "the key has characters that no key has; it begins with 'ek_', without spaces"
            raise UsageError(message)

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries."""
        headers = {"User-Agent": f"earmark/{__version__}"}
        if self.key is not None:
            headers["Authorization"] = f"Bearer {self.key}"
        return headers

    @property
    def listen_url(self) -> str:
        """The address to listen at."""
        return f"ws{self.url.removeprefix('http')}/v1/listen"

    def address(self, call: Call[T]) -> str:
        """Return the whole address of a request."""
        return f"{self.url}{call.target}"

    def pause_s(self, call: Call[T], tried: int, outcome: Reply | EarmarkError) -> float | None:
        """Return how long to wait before a call is made again, or None to let it be.

        Parameters
        ----------
        tried
            How often it has been repeated already.
        outcome
            What came of it the last time: a reply, or what kept it from coming.
        """
        if tried >= self.retries or not call.repeatable:
            return None
        asked_s: float | None = None
        if isinstance(outcome, Reply):
            asked_s = outcome.retry_after_s
            # The first of two equal requests may still be at work: 409 until it is done.
            unfinished = outcome.status == 409 and asked_s is not None
            if outcome.status not in (429, 503) and not unfinished:
                return None
        elif not isinstance(outcome, ServiceError) or isinstance(outcome, TimedOutError):
            return None
        if asked_s is not None and asked_s > LONGEST_PAUSE_S:
            return None
        return asked_s if asked_s is not None else backoff_s(tried)

    def settle(self, call: Call[T], outcome: Reply | EarmarkError) -> T:
        """Return what a call came to, or raise it."""
        if isinstance(outcome, EarmarkError):
            raise outcome
        with readable(f"the answer of {self.url}{call.path}"):
            return call.read(outcome)


def service_at(url: str, key: str | None, timeout_s: float, retries: int) -> Service:
    """Return the service at an address; raises `UsageError` for what is none."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # a port that is no number is a ValueError
    except (ValueError, AttributeError, TypeError):
        host = None
    if not host or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        shown = url.rpartition("@")[2] if isinstance(url, str) else url
        message = f"{shown!r} is no address of a service; write it as http://127.0.0.1:8645"
        raise UsageError(message)
    if "@" in parts.netloc:
        message = f"the address of {host} names a user; pass the key as key= instead"
        raise UsageError(message)
    bare = urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
    return Service(bare, key, timeout_s, retries)


def backoff_s(tried: int) -> float:
    """Return a pause that doubles each time, a little different for everyone."""
    whole_s = min(LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0**tried)
    return whole_s * random.uniform(0.75, 1.25)  # noqa: S311 - nothing to guess


def poll_s(asked: int) -> float:
    """Return how long to wait between two looks at something slow: short at first."""
    return min(_LONGEST_POLL_S, _FIRST_POLL_S * 1.5 ** min(asked, 30))


def unfinished(job: Job, timeout_s: float) -> TimedOutError:
    """Return the error for a job that was waited for in vain."""
    return TimedOutError(
        f"job {job.id} is still {job.state} after {timeout_s:g} s; it goes on, wait for it again"
    )


def _fit(key: str) -> bool:
    return bool(key) and key.isascii() and key.isprintable() and " " not in key
