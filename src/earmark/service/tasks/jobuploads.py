"""Uploads of a job, put into the library a few at a time; what it holds already is not kept twice.

`Library.add`, which takes files of the machine, makes every path a track. An upload's path means
nothing to anyone: the same bytes sent again, also by a client that got no answer, are one track.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace

from earmark.errors import InputError, InvalidRequestError, StoppedError, UsageError
from earmark.library import Library
from earmark.reports import AddReport, Failure, Progress
from earmark.service.tasks import roots

AT_ONCE = 4


def put(
    library: Library,
    uploads: Mapping[str, str],
    tags: Sequence[str],
    tell: Callable[[Progress], None],
    stop: threading.Event,
) -> AddReport:
    """Put files into the library and return what came of it; a failed one stops nothing.

    Parameters
    ----------
    uploads
        What each file is called, by its path.

    Raises
    ------
    StoreError
        The library is the trouble; what was put before is kept.
    """
    started = time.monotonic()
    report = AddReport()
    with ThreadPoolExecutor(AT_ONCE, "earmark-uploads") as pool:
        futures = {
            pool.submit(_one, library, path, name, tags, stop): name
            for path, name in uploads.items()
        }
        try:
            for future in as_completed(futures):
                report = _sum(report, future.result(), time.monotonic() - started)
                done = report.added + report.unchanged + len(report.failed)
                tell(
                    Progress(
                        done,
                        len(uploads),
                        len(report.failed),
                        report.audio_s,
                        report.wall_s,
                        futures[future],
                    )
                )
        except BaseException:
            stop.set()  # the job is over: nobody waits for the others
            raise
    return report


def _one(
    library: Library, path: str, name: str, tags: Sequence[str], stop: threading.Event
) -> AddReport:
    if stop.is_set():
        return AddReport(interrupted=True)
    if roots.is_playlist(path):
        message = f"{name!r} is a playlist, not audio; upload its files"
        return AddReport(failed=(Failure(name, InvalidRequestError.code, message),))
    try:
        put = library.put(path, name=name, tags=list(tags) or None, stop=stop)
    except StoppedError:
        return AddReport(interrupted=True)
    except UsageError:  # a book of many tunes, each a track, which `put` leaves to `add`
        report = library.add([path], tags=tags, stop=stop)
        return replace(report, failed=tuple(replace(one, input=name) for one in report.failed))
    except InputError as error:
        return AddReport(failed=(Failure.of(name, error),))
    if not put.created:
        return AddReport(unchanged=1, track_ids=(put.track.id,), warnings=put.warnings)
    return AddReport(
        added=1,
        audio_s=put.track.duration_s,
        track_ids=(put.track.id,),
        warnings=put.warnings,
    )


def _sum(one: AddReport, other: AddReport, wall_s: float) -> AddReport:
    return AddReport(
        added=one.added + other.added,
        unchanged=one.unchanged + other.unchanged,
        failed=(*one.failed, *other.failed),
        audio_s=one.audio_s + other.audio_s,
        wall_s=wall_s,
        track_ids=(*one.track_ids, *other.track_ids),
        warnings=(*one.warnings, *other.warnings),
        interrupted=one.interrupted or other.interrupted,
    )
