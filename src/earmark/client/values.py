"""What a service tells that a library does not: frozen, times as ISO 8601 in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from earmark.reports import AddReport, Progress
from earmark.types import Track

T = TypeVar("T")
Scope = Literal["read", "write", "admin"]
JobState = Literal["queued", "running", "done", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What the service takes: bytes of one upload, seconds of listening, seconds for a request."""

    upload_bytes: int
    listen_s: float
    timeout_s: float


@dataclass(frozen=True, slots=True)
class About:
    """What a service says of itself; ``scopes`` are what this caller may do."""

    name: str
    version: str
    needs_key: bool
    modes: tuple[str, ...]
    tracks: int
    limits: Limits
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HeldTrack(Track):
    """A track as a service holds it.

    ``uploaded``: its audio is kept by the service. ``etag`` names this state of it, to change it
    only if nobody else has (empty in lists). ``number`` is -1: it is the library's own.
    """

    uploaded: bool = False
    etag: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape of a track."""
        shape = Track.as_dict(self)
        del shape["etag"]
        return shape


@dataclass(frozen=True, slots=True)
class Added:
    """What came of an ``add``: ``created`` is False for a track that was there already.

    ``replayed``: it had been answered before under the same idempotency key.
    """

    track: HeldTrack
    created: bool
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of many: ``next`` is what to hand in for the page after it, None at the end.

    ``total`` counts all of them where the service tells.
    """

    items: tuple[T, ...]
    next: str | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Media:
    """A picture or audio: its bytes, or the file that they went to."""

    content_type: str
    body: bytes = field(default=b"", repr=False)
    path: Path | None = None
    etag: str = ""


@dataclass(frozen=True, slots=True)
class JobFailure:
    """Why a job ended before it was done."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Job:
    """A long piece of work at the service: ``kind`` is ``ingest`` or ``rebuild``.

    ``report`` says what came of it; of a rebuild ``unchanged`` counts the audios indexed. It names
    the first thousand inputs that failed; ``progress.failed`` counts them all.
    """

    id: str
    kind: str
    state: JobState
    created_at: str
    progress: Progress
    started_at: str | None = None
    ended_at: str | None = None
    report: AddReport | None = None
    error: JobFailure | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in {"done", "failed", "cancelled"}


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the service, without its secret."""

    id: str
    name: str
    scopes: tuple[str, ...]
    created_at: str
    expires_at: str | None = None
    revoked_at: str | None = None


@dataclass(frozen=True, slots=True)
class NewKey(Key):
    """A key with its secret, which is told this once; ``repr`` leaves it out."""

    key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Model:
    """A sound model that the service knows; ``here``: it can be used without a download."""

    name: str
    dimension: int
    bytes: int
    licence: str
    here: bool
    about: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What somebody said of an answer."""

    id: str
    created_at: str
    right: bool
    track_id: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a service can work, and what each of its checks says (``ok``, or a sentence)."""

    ready: bool
    checks: Mapping[str, str]
