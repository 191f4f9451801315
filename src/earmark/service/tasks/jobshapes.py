"""Jobs as JSON: what is asked for, and how it goes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from earmark.ports.ledger import JobRecord, JobState
from earmark.service.answering.schemas import Shape, Tag, Url
from earmark.service.answering.twinshapes import DuplicatesShape

Path = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
_MOST = 10_000


class NewJob(BaseModel):
    """Files of the service's machine or URLs to add, or a rebuild."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"urls": ["https://example.org/a.mp3"], "tags": ["radio"]}]
        },
    )

    kind: Literal["ingest", "rebuild"] = "ingest"
    paths: list[Path] = Field(
        default=[], max_length=_MOST, description="Absolute, below the service's roots"
    )
    urls: list[Url] = Field(default=[], max_length=_MOST)
    tags: list[Tag] = Field(default=[], max_length=100, description="What to mark new tracks with")
    model: str | None = Field(
        default=None, max_length=200, description="With rebuild: the sound model to go over to"
    )


class ProgressShape(Shape):
    """How far a job is; `done` counts inputs that are settled, failed ones included."""

    done: int = 0
    total: int = 0
    failed: int = 0
    audio_s: float = 0.0
    wall_s: float = 0.0
    left_s: float | None = Field(default=None, description="Estimated seconds to go")
    source: str = ""


class FailureShape(Shape):
    """An input that could not be taken, and why."""

    input: str
    code: str
    message: str


class ReportShape(Shape):
    """What a job came to; lists hold the first thousand, counts are of all.

    `resumed` says how often the job went on after the service had stopped. What an earlier run
    had added counts as added; a track that it replaced, as its file had changed, as unchanged.
    """

    added: int
    unchanged: int
    failed: list[FailureShape]
    failed_count: int
    audio_s: float
    wall_s: float
    track_ids: list[str]
    warnings: list[str] = Field(default=[])
    resumed: int = 0
    duplicates: DuplicatesShape | None = Field(default=None, description="Of the kind `dedupe`")


class TroubleShape(Shape):
    """Why a job as a whole failed."""

    code: str
    message: str


class JobShape(Shape):
    """A piece of long work."""

    id: str
    kind: str
    state: JobState
    created_at: str = Field(description="ISO 8601, UTC")
    started_at: str | None
    ended_at: str | None
    progress: ProgressShape
    report: ReportShape | None
    error: TroubleShape | None


class JobPage(Shape):
    """Some jobs, newest first; pass `next` as `before` to go on."""

    jobs: list[JobShape]
    next: str | None


def job_shape(job: JobRecord) -> dict[str, Any]:
    """Return a job's JSON."""
    kept = ProgressShape.model_fields
    progress = {name: value for name, value in job.progress.items() if name in kept}
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "created_at": moment(job.created_at),
        "started_at": moment(job.started_at),
        "ended_at": moment(job.ended_at),
        "progress": ProgressShape(**progress).model_dump(),
        "report": None if job.report is None else dict(job.report),
        "error": None if job.error is None else dict(job.error),
    }


def moment(at: float | None) -> str | None:
    """Return a time as ISO 8601 in UTC.

    >>> moment(0.0), moment(None)
    ('1970-01-01T00:00:00+00:00', None)
    """
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
