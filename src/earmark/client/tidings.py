"""JSON of what only a service tells: jobs, keys, models, figures. `decode` reads answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from earmark.client.shapes import number, seq, table, text, text_or_none, texts, truth, whole
from earmark.client.values import (
    About,
    Job,
    JobFailure,
    JobState,
    Key,
    Limits,
    Model,
    NewKey,
    Page,
    Verdict,
)
from earmark.reports import AddReport, CopyReport, Failure, LibraryStats, Progress, RepairReport

T = TypeVar("T")


def about(json: Any) -> About:  # noqa: ANN401 - whatever JSON holds, here and below
    """Return what a service says of itself."""
    shape = table(json)
    limits = table(shape["limits"])
    return About(
        name=text(shape["name"]),
        version=text(shape["version"]),
        needs_key=truth(shape["needs_key"]),
        modes=texts(shape["modes"]),
        tracks=whole(shape["tracks"]),
        limits=Limits(
            upload_bytes=whole(limits["upload_bytes"]),
            listen_s=number(limits["listen_s"]),
            timeout_s=number(limits["timeout_s"]),
        ),
        scopes=texts(shape["scopes"]),
    )


def page_of(name: str, make: Callable[[Any], T]) -> Callable[[Any], Page[T]]:
    """Return a reader of pages whose items stand under ``name``."""

    def read(json: Any) -> Page[T]:  # noqa: ANN401
        shape = table(json)
        total = shape.get("total")
        return Page(
            items=tuple(make(one) for one in seq(shape[name])),
            next=text_or_none(shape.get("next")),
            total=None if total is None else whole(total),
        )

    return read


def job(json: Any) -> Job:  # noqa: ANN401
    """Return a job; what is not known before it begins may be missing."""
    shape = table(json)
    error = shape.get("error")
    return Job(
        id=text(shape["id"]),
        kind=text(shape["kind"]),
        state=cast(JobState, text(shape["state"])),
        created_at=text(shape["created_at"]),
        progress=_progress(table(shape.get("progress") or {})),
        started_at=text_or_none(shape.get("started_at")),
        ended_at=text_or_none(shape.get("ended_at")),
        report=_report(shape.get("report")),
        error=None if error is None else _job_failure(table(error)),
    )


def stats(json: Any) -> LibraryStats:  # noqa: ANN401
    """Return the library's counts and sizes."""
    shape = table(json)
    return LibraryStats(
        tracks=whole(shape["tracks"]),
        audios=whole(shape["audios"]),
        audio_s=number(shape["audio_s"]),
        truth_bytes=whole(shape["truth_bytes"]),
        engines={
            name: {what: whole(count) for what, count in table(counts).items()}
            for name, counts in table(shape["engines"]).items()
        },
        choices={
            name: {what: text(chosen) for what, chosen in table(choices).items()}
            for name, choices in table(shape.get("choices", {})).items()
        },
        vectors=text(shape.get("vectors", "embedded")),
    )


def copied(json: Any) -> CopyReport:  # noqa: ANN401
    """Return what an import came to."""
    shape = table(json)
    return CopyReport(
        tracks=whole(shape["tracks"]),
        unchanged=whole(shape.get("unchanged", 0)),
        bytes=whole(shape.get("bytes", 0)),
    )


def repaired(json: Any) -> RepairReport:  # noqa: ANN401
    """Return what a repair came to."""
    shape = table(json)
    return RepairReport(*(texts(shape[name]) for name in ("found", "done", "faults")))


def engines(json: Any) -> Mapping[str, bool]:  # noqa: ANN401
    """Return which engines there are, and whether each is on."""
    return {name: truth(on) for name, on in table(table(json)["engines"]).items()}


def model(json: Any) -> Model:  # noqa: ANN401
    """Return a sound model."""
    shape = table(json)
    return Model(
        name=text(shape["name"]),
        dimension=whole(shape["dimension"]),
        bytes=whole(shape["bytes"]),
        licence=text(shape["licence"]),
        here=truth(shape["here"]),
        about=text(shape["about"]),
    )


def key(json: Any) -> Key:  # noqa: ANN401
    """Return a key without its secret."""
    shape = table(json)
    return Key(
        id=text(shape["id"]),
        name=text(shape["name"]),
        scopes=texts(shape["scopes"]),
        created_at=text(shape["created_at"]),
        expires_at=text_or_none(shape.get("expires_at")),
        revoked_at=text_or_none(shape.get("revoked_at")),
    )


def new_key(json: Any) -> NewKey:  # noqa: ANN401
    """Return a key with its secret."""
    bare = key(json)
    secret = text(table(json)["key"])
    return NewKey(
        bare.id,
        bare.name,
        bare.scopes,
        bare.created_at,
        bare.expires_at,
        bare.revoked_at,
        secret,
    )


def verdict(json: Any) -> Verdict:  # noqa: ANN401
    """Return what somebody said of an answer."""
    shape = table(json)
    return Verdict(
        id=text(shape["id"]),
        created_at=text(shape["created_at"]),
        right=truth(shape["right"]),
        track_id=text_or_none(shape.get("track_id")),
        details=table(shape.get("details") or {}),
    )


def _progress(shape: Mapping[str, Any]) -> Progress:
    return Progress(
        done=whole(shape.get("done", 0)),
        total=whole(shape.get("total", 0)),
        failed=whole(shape.get("failed", 0)),
        audio_s=number(shape.get("audio_s", 0.0)),
        wall_s=number(shape.get("wall_s", 0.0)),
        source=text(shape.get("source", "")),
    )


def _report(json: Any) -> AddReport | None:  # noqa: ANN401
    if json is None:
        return None
    shape = table(json)
    return AddReport(
        added=whole(shape["added"]),
        unchanged=whole(shape["unchanged"]),
        failed=_failures(shape["failed"]),
        audio_s=number(shape.get("audio_s", 0.0)),
        wall_s=number(shape.get("wall_s", 0.0)),
        track_ids=texts(shape.get("track_ids", [])),
        warnings=texts(shape.get("warnings", [])),
        interrupted=truth(shape.get("interrupted", False)),
    )


def _failures(json: Any) -> tuple[Failure, ...]:  # noqa: ANN401
    return tuple(
        Failure(text(one["input"]), text(one["code"]), text(one["message"]))
        for one in map(table, seq(json))
    )


def _job_failure(shape: Mapping[str, Any]) -> JobFailure:
    return JobFailure(text(shape["code"]), text(shape["message"]))
