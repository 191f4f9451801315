"""What callers ask of scans and streams: options, and which addresses may be listened to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints

from earmark.audio.fetch import is_url, shown
from earmark.config import ServeSettings
from earmark.errors import ForbiddenError, InvalidRequestError
from earmark.service.answering.schemas import Url
from earmark.service.bodies.uploads import validated
from earmark.service.tasks import roots

Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
_Second = Literal["melody", "sound"]
DIALLED = ("rtmp", "rtmps", "rtsp", "rtsps")
"""Protocols whose connections a decoder opens by itself: nobody can look at them first."""


class Options(BaseModel):
    """How to listen; what is left out is as `earmark scan` and `earmark watch` have it."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"least_s": 3.0}]}
    )

    also: list[_Second] | None = Field(
        default=None, max_length=2, description="Second opinions on what no recording explains"
    )
    least_s: _Seconds | None = Field(default=None, description="Shorter detections are left out")
    least_confidence: float | None = Field(default=None, ge=0, le=1, allow_inf_nan=False)
    join_s: _Seconds | None = Field(
        default=None, description="Pieces of one track this far apart are one detection"
    )
    gap_s: _Seconds | None = Field(default=None, description="Shorter gaps are not told")
    evidence_s: float | None = Field(
        default=None, ge=0, le=60, allow_inf_nan=False, description="The most that is kept of each"
    )
    repeats: StrictBool | None = Field(default=None, description="Look for unknown repeats")

    def told(self) -> dict[str, Any]:
        """Return what was asked for: JSON for the store."""
        names = Options.model_fields
        return {n: v for n, v in self.model_dump().items() if n in names and v is not None}


class ScanWords(Options):
    """How to listen to a file, what to call it, and when it began."""

    station: Name | None = Field(default=None, description="What people call it; else its name")
    began_at: float | None = Field(
        default=None,
        ge=0,
        le=1e11,
        allow_inf_nan=False,
        description="When it began, in seconds since 1970; else now",
    )


class ScanQuery(ScanWords):
    """The same as parameters of an address or fields of a form, in which everything is text."""

    model_config = ConfigDict(extra="forbid", strict=False)

    repeats: bool | None = Field(default=None, description="Look for unknown repeats")


class NewScan(ScanWords):
    """A file at an http(s) address, or of the service's machine."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [{"url": "https://example.org/friday.mp3", "station": "Radio Example"}]
        },
    )

    url: Url | None = None
    path: Annotated[str, StringConstraints(min_length=1, max_length=4096)] | None = Field(
        default=None, description="Absolute, below the service's roots"
    )


class NewStream(BaseModel):
    """A source to watch."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [{"name": "Radio Example", "url": "https://radio.example.org/live"}]
        },
    )

    name: Name
    url: Annotated[str, StringConstraints(min_length=1, max_length=4000)] = Field(
        description="http(s); see the guide for others"
    )
    wanted: StrictBool = Field(default=True, description="Whether it is to run")
    options: Options = Options()


class StreamChanges(BaseModel):
    """What to change of a stream; what is left out or null stays."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"wanted": False}]}
    )

    name: Name | None = None
    url: Annotated[str, StringConstraints(min_length=1, max_length=4000)] | None = None
    wanted: StrictBool | None = None
    options: Options | None = None


class NewPruning(BaseModel):
    """What is too old to be kept."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"older_than_days": 90.0, "dry_run": True}]},
    )

    older_than_days: float | None = Field(
        default=None, ge=0, le=100_000, allow_inf_nan=False, description="null: as the settings say"
    )
    evidence_only: StrictBool = Field(default=False, description="Only clips; detections stay")
    decided: StrictBool = Field(default=False, description="What was confirmed goes too")
    dry_run: StrictBool = Field(default=False, description="Only count what would go")


def scan_words(query: ScanWords, fields: Mapping[str, Sequence[str]]) -> ScanWords:
    """Return what parameters and a form's fields ask for; the fields go over the parameters."""
    document: dict[str, Any] = query.model_dump(exclude_none=True)
    for name, values in fields.items():
        if name == "also":
            document[name] = [w.strip() for v in values for w in v.split(",") if w.strip()]
        elif len(values) > 1:
            message = f"the field {name!r} came {len(values)} times; send it once"
            raise InvalidRequestError(message)
        else:
            document[name] = values[0]
    return validated(ScanQuery, document)


def require_watchable(url: str, options: ServeSettings) -> str:
    """Return the address of a stream as it is opened, or refuse it.

    http(s) is always taken: its connections are looked at when they are opened. RTMP and RTSP
    are dialled by the decoder, past that look, so only where private addresses are allowed
    anyway. A file must lie below the service's roots.

    Raises
    ------
    ForbiddenError, InvalidRequestError
        It may not be watched, or is no address.
    """
    scheme = url.partition("://")[0].lower() if is_url(url) else ""
    if any(c.isspace() or not c.isprintable() for c in url) and scheme:
        message = f"{shown(url)!r:.200} is no address: it has spaces"
        raise InvalidRequestError(message)
    if scheme in ("http", "https"):
        return url
    if scheme in DIALLED:
        if options.private_urls:
            return url
        message = (
            f"{scheme} is watched only where URLs of private networks may be fetched "
            "(EARMARK_SERVE_PRIVATE_URLS): nobody can look where it leads first"
        )
        raise ForbiddenError(message)
    if scheme:
        known = ", ".join(("http", "https", *DIALLED))
        message = f"{shown(url)!r:.200} is not watched; the address of a stream begins with {known}"
        raise InvalidRequestError(message)
    path = roots.resolved(url, options.root_folders)
    if not path.is_file():
        message = f"{url!r:.200} is no file of the service's machine"
        raise InvalidRequestError(message)
    return str(path)
