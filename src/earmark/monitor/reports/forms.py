"""What a report may be, and how it gets into a file."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Literal, get_args

from earmark.errors import UsageError
from earmark.monitor.reports import as_audacity, as_csv, as_cue, as_json, as_srt
from earmark.monitor.timeline import Timeline

Form = Literal["json", "csv", "xlsx", "cue", "srt", "audacity", "html"]
FORMS: tuple[Form, ...] = get_args(Form)
OF_ONE: Mapping[Form, tuple[str, Callable[[Timeline], bytes]]] = {
    "cue": (".cue", as_cue.render),
    "srt": (".srt", as_srt.render),
    "audacity": (".txt", as_audacity.render),
}
"""Forms that tell of one source: their ending, and what makes them."""
_ENDINGS: Mapping[str, Form] = {
    ".json": "json",
    ".csv": "csv",
    ".xlsx": "xlsx",
    ".cue": "cue",
    ".srt": "srt",
    ".txt": "audacity",
    ".html": "html",
    ".htm": "html",
}


def write(
    timelines: Timeline | Sequence[Timeline],
    path: str | os.PathLike[str],
    form: Form | None = None,
    *,
    audio: Mapping[str, str] | None = None,
    embed_audio: bool = False,
) -> list[Path]:
    """Write a report of one or several sources and return the files that were written.

    Parameters
    ----------
    path
        The file. For ``cue``, ``srt`` and ``audacity``, which tell of one source, a folder takes
        one file for each.
    form
        None tells it from the ending: ``.json .csv .xlsx .cue .srt .txt .html``.
    audio
        Where the audio of an input lies (``Timeline.input`` to a path), for the waveform and the
        player of ``html``; without it an input that is a path is taken as it is.
    embed_audio
        Put the audio into the page, where all of it takes 20 MB at the most.

    Raises
    ------
    UsageError
        No such form, one file for several sources, or it cannot be written.
    ExtraMissingError
        ``xlsx`` without XlsxWriter.
    """
    given = [timelines] if isinstance(timelines, Timeline) else list(timelines)
    target = Path(path)
    form = form or form_of(target)
    require(form, target, len(given))
    if form in OF_ONE:
        ending, render = OF_ONE[form]
        targets = _each(given, target, ending) if _is_folder(target) else [target]
        for timeline, file in zip(given, targets, strict=False):
            _put(file, render(timeline))
        return targets[: len(given)]
    _put(target, _whole(form, given, target, audio or {}, embed_audio=embed_audio))
    return [target]


def form_of(path: Path) -> Form:
    """Return the form that a file's ending names; raises `UsageError`."""
    form = _ENDINGS.get(path.suffix.lower())
    if form is None:
        message = f"{str(path)!r} names no report; use one of: {' '.join(_ENDINGS)}"
        raise UsageError(message)
    return form


def require(form: str, path: Path, count: int) -> None:
    """Raise what would keep a report of ``count`` sources from being written, before any work."""
    if form not in FORMS:
        message = f"no report {form!r}; there are: {', '.join(FORMS)}"
        raise UsageError(message)
    within = _is_folder(path)
    folder = path if within else path.parent
    if not _is_folder(folder):
        message = f"the folder {str(folder)!r} of the report does not exist; make it first"
        raise UsageError(message)
    if form in OF_ONE:
        if count > 1 and not within:
            message = f"{str(path)!r} is one {form} file for {count} inputs; name a folder instead"
            raise UsageError(message)
    elif within:
        message = f"{str(path)!r} is a folder; name a file for the {form} report"
        raise UsageError(message)
    if form == "xlsx":
        from earmark.monitor.reports.as_xlsx import require as require_xlsx

        require_xlsx()


def _whole(
    form: Form,
    timelines: Sequence[Timeline],
    path: Path,
    audio: Mapping[str, str],
    *,
    embed_audio: bool,
) -> bytes:
    if form == "csv":
        return as_csv.render(timelines)
    if form == "json":
        return as_json.render(timelines)
    if form == "xlsx":
        from earmark.monitor.reports import as_xlsx

        return as_xlsx.render(timelines)
    from earmark.monitor.reports import as_html

    return as_html.render(timelines, audio, path.parent, embed_audio=embed_audio)


def _each(timelines: Sequence[Timeline], folder: Path, ending: str) -> list[Path]:
    """Return a file for each source, named after it; names that are taken get numbers."""
    found: list[Path] = []
    taken = set[str]()
    for timeline in timelines:
        stem = name = PurePath(timeline.input.replace("\\", "/")).stem or "source"
        number = 1
        while name.lower() in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name.lower())
        found.append(folder / f"{name}{ending}")
    return found


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - a name that is too long is no folder, and no error


def _put(path: Path, data: bytes) -> None:
    """Write a file that appears whole or not at all; what is no file (a pipe) is written into."""
    beside: Path | None = None
    try:
        if os.path.exists(path) and not os.path.isfile(path):  # noqa: PTH110, PTH113 - as above
            with path.open("wb") as pipe:
                pipe.write(data)
            return
        file = Path(os.path.realpath(path))  # a link stays one
        beside = file.with_name(f".{file.name[:64]}.{uuid.uuid4().hex[:8]}")
        beside.write_bytes(data)
        beside.replace(file)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        if beside is not None:
            with contextlib.suppress(OSError, ValueError):
                beside.unlink()
        why = error.strerror if isinstance(error, OSError) else str(error)
        message = f"the report {str(path)!r:.200} cannot be written: {why}"
        raise UsageError(message) from error
