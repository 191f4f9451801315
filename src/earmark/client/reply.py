"""An answer as it came over the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Reply:
    """What the service at ``url`` answered; header names are in small letters.

    ``saved`` is the file that the body was written to, where one was wanted.
    """

    url: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    saved: Path | None = None

    @property
    def good(self) -> bool:
        """Whether the service did what was asked."""
        return 200 <= self.status < 300

    @property
    def named(self) -> str:
        """The status in words: ``404 Not Found``."""
        try:
            return f"{self.status} {HTTPStatus(self.status).phrase}"
        except ValueError:
            return str(self.status)

    @property
    def retry_after_s(self) -> float | None:
        """How long the service wants to be left alone, if it says so in seconds."""
        told = self.headers.get("retry-after", "").strip()
        return float(told) if told.isascii() and told.isdigit() and len(told) < 10 else None
