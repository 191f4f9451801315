"""A few bytes sent to an http(s) URL, within limits of time: redirects are not followed."""

from __future__ import annotations

import email.utils
import http.client
import ipaddress
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from typing import IO

from earmark.audio._guard import Guard, is_public
from earmark.audio._line import Line
from earmark.audio._opening import opener
from earmark.errors import FetchError, UsageError


@dataclass(frozen=True, slots=True)
class PostLimits:
    """What sending may take: seconds without an answer, seconds in all.

    With ``public_only`` hosts of private networks, this machine among them, are refused.
    """

    stall_s: float = 10.0
    total_s: float = 30.0
    public_only: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back.

    ``status`` is 0 where nothing did; ``error`` is empty where the status is 2xx, and names no
    address: those of webhooks are secrets. ``slow`` says that time ran out. ``retry_after_s`` is
    what the other side asked for.
    """

    status: int = 0
    error: str = ""
    slow: bool = False
    retry_after_s: float | None = None


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    limits: PostLimits | None = None,
    guard: Guard | None = None,
) -> Reply:
    """Send a body and return what came back; whatever goes wrong is told, not raised.

    Parameters
    ----------
    url
        http or https.
    guard
        What connects where only public addresses may be; None is `Guard` as it is.
    """
    limits = limits or PostLimits()
    with Line(limits.total_s) as line:
        try:
            request = urllib.request.Request(  # noqa: S310 - the scheme is checked below
                urllib.parse.quote(url, safe="%/:=&?~#+!$,;'@()*[]"),
                data=body,
                headers=dict(headers),
                method="POST",
            )
            if request.type not in ("http", "https"):
                return Reply(error="the address is not http or https")
            with opener(_Stay(), limits.public_only, guard, line).open(
                request, timeout=limits.stall_s
            ) as answer:
                if line.over:  # what was cut looks as if it had ended
                    return _late(limits)
                return _reply(answer.status, answer.headers)
        except urllib.error.HTTPError as error:
            error.close()
            return _reply(error.code, error.headers)
        except FetchError as error:
            return Reply(error=error.message)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return _failure(error, limits, line)


def refuse_address(url: str, *, public_only: bool) -> None:
    """Raise `UsageError` unless bytes may be sent to a URL.

    A host's name is not asked for here: whether its addresses are public is judged at every
    sending.
    """
    scheme, mark, rest = url.partition("://")
    if not mark or scheme.lower() not in ("http", "https") or not url.isprintable() or " " in url:
        message = "the address is not an http or https URL; give https://HOST/PATH"
        raise UsageError(message)
    try:
        parts = urllib.parse.urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        message = f"the address has no proper host and port ({error}); give https://HOST/PATH"
        raise UsageError(message) from error
    if not host:
        message = f"the address {scheme}://{rest[:20]} has no host; give https://HOST/PATH"
        raise UsageError(message)
    if "@" in parts.netloc:
        message = (
            "an address that is posted to has no user name and password; the receiver checks "
            "the signature"
        )
        raise UsageError(message)
    if public_only and (host == "localhost" or (_is_number(host) and not is_public(host))):
        message = f"{host} is not an address of the public internet; give one that is"
        raise UsageError(message)


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the next address would be given what was signed for this one."""

    def redirect_request(
        self,
        req: urllib.request.Request,  # noqa: ARG002 - urllib's shape
        fp: IO[bytes],  # noqa: ARG002
        code: int,  # noqa: ARG002
        msg: str,  # noqa: ARG002
        headers: http.client.HTTPMessage,  # noqa: ARG002
        newurl: str,  # noqa: ARG002
    ) -> None:
        return None


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _reply(status: int, headers: Message) -> Reply:
    if status // 100 == 2:
        return Reply(status)
    reason = http.client.responses.get(status, "an unknown status")
    told = f"answered {status} {reason}"
    if status // 100 == 3:
        told = f"{told}, and redirects are not followed"
    return Reply(status, told, retry_after_s=_retry_after_s(headers.get("Retry-After")))


def _retry_after_s(text: str | None) -> float | None:
    """Return what ``Retry-After`` asks for: a number of seconds, or a date."""
    text = (text or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _failure(error: Exception, limits: PostLimits, line: Line) -> Reply:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if line.over:
        return _late(limits)
    if isinstance(cause, TimeoutError):
        return Reply(error=f"did not answer within {limits.stall_s:g} s", slow=True)
    if isinstance(cause, http.client.InvalidURL):
        return Reply(error="the address is not a proper URL")
    why = (cause.strerror if isinstance(cause, OSError) else None) or type(cause).__name__
    return Reply(error=f"cannot be reached ({' '.join(why.split())})")


def _late(limits: PostLimits) -> Reply:
    return Reply(error=f"was not done after {limits.total_s:g} s", slow=True)
