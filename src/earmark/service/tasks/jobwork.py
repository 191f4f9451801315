"""What a job does: adds files, uploads and URLs, or rebuilds the library's indexes."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from earmark.config import ServeSettings
from earmark.errors import EarmarkError, InvalidRequestError, TrackNotFoundError
from earmark.ingest.playlists import is_url
from earmark.ingest.scores import file_of
from earmark.library import Library
from earmark.ports.ledger import JobRecord
from earmark.reports import AddReport, Progress
from earmark.service.bodies.media import MediaRoom, tail
from earmark.service.tasks import jobuploads, roots

log = logging.getLogger("earmark.jobs")

MOST_NAMED = 10_000
MOST_TOLD = 1000
"""Failures and track ids that a report lists; its counts are of all."""

Tell = Callable[[Progress], None]


def check(kind: str, request: Mapping[str, Any], options: ServeSettings) -> None:
    """Raise what is wrong with a job that somebody asks for.

    Raises
    ------
    ForbiddenError, InvalidRequestError
        A path outside the roots, a URL that is not http(s), a playlist, or nothing at all.
    """
    if kind == "rebuild":
        return
    if kind != "ingest":
        raise InvalidRequestError(f"no kind of job is called {kind!r}; ingest or rebuild")
    named, sent = (len(request.get(n, ())) for n in ("paths", "urls")), request.get("uploads", ())
    count = sum(named) + len(sent)
    if sent and count > len(sent):
        raise InvalidRequestError("a job has uploads, or paths and urls, not both")
    if not 0 < count <= MOST_NAMED:
        message = f"a job names 1 to {MOST_NAMED} paths, urls or files, got {count}"
        raise InvalidRequestError(message)
    for path in request.get("paths", ()):
        roots.resolved(path, options.root_folders)
    for url in request.get("urls", ()):
        try:
            fine = is_url(url)
        except ValueError:  # brackets that are no address of IPv6
            fine = False
        if not fine:
            raise InvalidRequestError(f"{url!r:.200} is not an http(s) address")


def add(
    library: Library,
    options: ServeSettings,
    media: MediaRoom,
    job: JobRecord,
    tell: Tell,
    stop: threading.Event,
) -> dict[str, Any]:
    """Add what a job names and return its report.

    A job that goes on after a kill finds what it had added as known already. The report counts
    that as added all the same: tracks of its sources made since it began. (A track whose file
    had changed is replaced, not made, and counts as unchanged in the run that follows a kill.)
    """
    tags = list(job.request.get("tags", ()))
    uploads = {path: Path(path).name for path in located(media, job.request)}
    found = roots.Found()
    if job.request.get("paths"):
        folders = options.root_folders
        found = roots.unfolded(job.request["paths"], folders, library.endings, stop)
    halted = stop.is_set()  # some folders were not looked into
    found.files += job.request.get("urls", ())
    # A walk that was ended early has not told all that it would have found.
    folders_cut = job.request.get("paths", ()) if halted else ()
    earlier = _made_before(library, job, [*found.files, *uploads], folders_cut)
    if uploads:
        report = jobuploads.put(library, uploads, tags, tell, stop)
    elif found.files:
        report = library.add(found.files, tags=tags, progress=_beside(found, tell), stop=stop)
    else:
        report = AddReport()
    failed = [*found.failed, *report.failed]
    ids = list(dict.fromkeys((*earlier, *report.track_ids)))
    return {
        "added": report.added + len(earlier),
        "unchanged": max(0, report.unchanged - len(earlier)),
        "failed": [asdict(failure) for failure in failed[:MOST_TOLD]],
        "failed_count": len(failed),
        "audio_s": round(report.audio_s + sum(earlier.values()), 3),
        "wall_s": round(report.wall_s, 3),
        "track_ids": ids[:MOST_TOLD],
        "warnings": list(report.warnings[:MOST_TOLD]),
        "interrupted": report.interrupted or halted,
    }


def rebuild(library: Library, job: JobRecord, tell: Tell) -> dict[str, Any]:
    """Rebuild the library's indexes, with another sound model where the job names one."""
    report = library.rebuild(model=job.request.get("model"), progress=tell)
    return {
        "added": 0,
        "unchanged": report.indexed,
        "failed": [asdict(failure) for failure in report.missing[:MOST_TOLD]],
        "failed_count": len(report.missing),
        "audio_s": 0.0,
        "wall_s": round(report.wall_s, 3),
        "track_ids": [],
        "warnings": [],
        "interrupted": False,
    }


def located(media: MediaRoom, request: Mapping[str, Any]) -> list[str]:
    """Return where a job's uploads are now: the library's folder may have moved."""
    return [str(media.find(path) or path) for path in request.get("uploads", ())]


def discard(library: Library, media: MediaRoom, job: JobRecord) -> None:
    """Delete the uploads of a job that has ended which are no track's source."""
    # By their tails: tracks of a run before the library's folder moved name other paths.
    uploads = {tail(path): path for path in located(media, job.request)}
    made = () if job.report is None else job.report["track_ids"]
    try:
        for track_id in made:
            with suppress(TrackNotFoundError):  # somebody has deleted it already, and its file
                uploads.pop(tail(file_of(library.get(track_id).source)), None)
        if uploads and job.started_at is not None:
            for track in library.tracks():
                uploads.pop(tail(file_of(track.source)), None)
        for path in uploads.values():
            media.discard(path)
    except EarmarkError as error:  # they lie about until the next sweep
        log.warning("uploads of the job %s stay: %s", job.id, error.message)


def _beside(found: roots.Found, tell: Tell) -> Tell:
    """Return what tells progress with the files counted in that failed before it began."""
    failed = len(found.failed)

    def told(progress: Progress) -> None:
        done, total = progress.done + failed, progress.total + failed
        tell(replace(progress, done=done, total=total, failed=progress.failed + failed))

    return told


def _made_before(
    library: Library, job: JobRecord, sources: Sequence[str], folders: Sequence[str] = ()
) -> dict[str, float]:
    """Return the tracks that an earlier run of the same job has made, and their lengths."""
    if not job.progress.get("resumed") or job.started_at is None:
        return {}
    wanted = set(sources)
    tops = [Path(os.path.realpath(folder)) for folder in folders]
    began = datetime.fromtimestamp(int(job.started_at), UTC).isoformat(timespec="seconds")
    return {
        track.id: track.duration_s
        for track in library.tracks()
        if track.added_at >= began
        and (
            {track.source, file_of(track.source)} & wanted
            or roots.is_below(Path(file_of(track.source)), tops)
        )
    }
