"""From what a person names to the files to read: folders, globs, playlists and URLs unfolded."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from earmark.audio._errors import mapped
from earmark.audio.fetch import is_url as is_any_url
from earmark.audio.fetch import require_http
from earmark.errors import (
    EarmarkError,
    NotAudioError,
    SourceNotFoundError,
    SourceUnreadableError,
)
from earmark.ingest.playlists import SUFFIXES as PLAYLISTS
from earmark.ingest.playlists import is_url, read_playlist
from earmark.ingest.scores import file_of
from earmark.reports import Failure

_AUDIO = "aac ac3 aif aifc aiff alac amr ape au caf dff dsf dts flac m4a m4b m4r mka mp2 mp3 mpc"
_MORE_AUDIO = "oga ogg opus ra rm snd spx tak tta voc w64 wav wave wma wv"
_VIDEO = "3gp avi flv m2ts m4v mkv mov mp4 mpeg mpg mts ogv webm wmv"
MEDIA = frozenset(f".{name}" for name in f"{_AUDIO} {_MORE_AUDIO} {_VIDEO}".split())
"""What is taken from folders, by extension."""


@dataclass(slots=True)
class Inputs:
    """What there is to add: absolute paths and URLs in order, each once, and what was not found."""

    sources: list[str] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)


def collect(
    paths: Iterable[str | os.PathLike[str]],
    suffixes: frozenset[str] = frozenset(),
    pieces: Callable[[str], Sequence[str]] | None = None,
) -> Inputs:
    """Unfold files, folders, globs, playlists and URLs.

    Files inside folders are taken by their extension; a file that is named is always taken.
    Nothing is opened but playlists, and what ``pieces`` opens.

    Parameters
    ----------
    suffixes
        Endings to take from folders besides those of audio.
    pieces
        Called with each file for the sources that it makes; None makes each file one source.
    """
    taken = MEDIA | suffixes
    inputs = Inputs()
    seen: set[str] = set()
    for path in paths:
        name = os.fspath(path)
        try:
            for file in _unfolded(name, inputs.failed, taken):
                if file not in seen:
                    seen.add(file)
                    _checked(file)
                    found = pieces(file) if pieces else [file]
                    new = [source for source in found if source == file or source not in seen]
                    seen.update(new)
                    inputs.sources += new
        except EarmarkError as error:
            inputs.failed.append(Failure.of(_printable(name), error))
        except (OSError, ValueError) as error:
            # A name that the system does not take at all: too long, or with a NUL inside.
            why = error.strerror if isinstance(error, OSError) else str(error)
            message = f"{_printable(name)!r:.200} cannot be read: {why}"
            inputs.failed.append(Failure(_printable(name), SourceUnreadableError.code, message))
    return inputs


def one_source(name: str, called: str) -> str:
    """Return one file's or URL's name as it is kept: absolute; errors call it ``called``.

    Raises
    ------
    SourceNotFoundError, SourceUnreadableError, FetchError
        Nothing is there, it is no regular file, or a URL that is neither http nor https.
    """
    if is_any_url(name):
        require_http(name)
        return name
    if not name or "\0" in name:
        message = f"{called!r} names no file: give a path or a URL"
        raise SourceNotFoundError(message)
    source = _absolute(name)
    if _printable(source) != source:
        message = f"the file name {_printable(called)!r} is not valid UTF-8; rename the file"
        raise SourceUnreadableError(message)
    with mapped(called):
        mode = Path(file_of(source)).stat().st_mode
    if not stat.S_ISREG(mode):
        message = f"{called} is not a regular file; name a file"
        raise SourceUnreadableError(message)
    return source


def _unfolded(name: str, failed: list[Failure], taken: frozenset[str]) -> Iterator[str]:
    if is_url(name):
        yield name
        return
    if not name:  # Path("") would be the working folder, and an unset variable would add it all
        message = "'' names no file: give a path, a glob, a playlist or a URL"
        raise SourceNotFoundError(message)
    path = Path(name)
    if not os.path.lexists(path) and glob.has_magic(name):
        found = sorted(glob.glob(os.path.expanduser(name), recursive=True))  # noqa: PTH111, PTH207
        if not found:
            message = f"nothing matches {name!r}"
            raise SourceNotFoundError(message)
        for match in found:
            inside = Path(match).is_dir()
            yield from _unfolded(match, failed, taken) if inside else [_absolute(match)]
    elif path.is_dir():
        yield from _walk(path, failed, taken)
    elif path.suffix.lower() in PLAYLISTS and path.is_file():
        for entry in read_playlist(path):
            if is_url(entry) or Path(entry).exists():
                yield entry if is_url(entry) else _absolute(entry)
            else:
                message = f"{entry!r}, named in {str(path)!r}, does not exist"
                failed.append(Failure(entry, SourceNotFoundError.code, message))
    elif path.exists() or Path(file_of(name)).is_file():
        yield _absolute(name)
    else:
        message = f"{name!r} does not exist"
        raise SourceNotFoundError(message)


def _walk(top: Path, failed: list[Failure], taken: frozenset[str]) -> Iterator[str]:
    """Yield a folder's files to take in a stable order; links are followed, loops are not."""
    visited: set[str] = set()
    found = False

    def unreadable(error: OSError) -> None:
        message = f"the folder {error.filename!r} cannot be read: {error.strerror}"
        failed.append(Failure(_printable(str(error.filename)), SourceUnreadableError.code, message))

    before = len(failed)
    for folder, folders, files in os.walk(top, onerror=unreadable, followlinks=True):
        real = os.path.realpath(folder)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if Path(name).suffix.lower() in taken and not name.startswith("."):
                source = _absolute(str(Path(folder, name)))
                try:
                    _checked(source)
                except EarmarkError as error:
                    failed.append(Failure.of(_printable(source), error))
                    continue
                found = True
                yield source
    if not found and len(failed) == before:
        message = f"no audio file lies in the folder {str(top)!r}"
        raise NotAudioError(message)


def _checked(source: str) -> None:
    """Refuse names that no database or JSON text can hold, and what is no regular file."""
    if _printable(source) != source:
        message = f"the file name {_printable(source)!r} is not valid UTF-8; rename the file"
        raise SourceUnreadableError(message)
    if not is_url(source) and os.path.exists(source) and not os.path.isfile(source):  # noqa: PTH110, PTH113
        message = f"{source!r} is not a regular file"
        raise SourceUnreadableError(message)


def _absolute(name: str) -> str:
    return os.path.abspath(os.path.expanduser(name))  # noqa: PTH100, PTH111 - keeps links as named


def _printable(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
