"""Moments as people say them, and as tables show them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from earmark.errors import UsageError

_AGO = re.compile(r"(\d{1,6})(m|h|d)", re.ASCII)
_UNIT_S = {"m": 60.0, "h": 3600.0, "d": 86_400.0}


def moment(text: str, now: float) -> float:
    """Return seconds since 1970 of a date, a time (UTC where no zone is said), or ``24h`` ago.

    Raises
    ------
    UsageError
        It is neither.

    >>> moment("2023-11-14", 0.0), moment("2023-11-14T22:13:20+01:00", 0.0)
    (1699920000.0, 1699996400.0)
    >>> moment("2h", 1700000000.0)
    1699992800.0
    """
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return now - int(ago[1]) * _UNIT_S[ago[2]]
    try:
        said = datetime.fromisoformat(text)
        return (said if said.tzinfo else said.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        message = f"a moment is 2026-11-23, 2026-11-23T14:00 (UTC) or 24h ago, got {text!r}"
        raise UsageError(message) from error


def shown_moment(at: float) -> str:
    """Return a moment for a table, in UTC.

    >>> shown_moment(1700000000.0)
    '2023-11-14 22:13:20'
    """
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
