"""Clips whose kind is known: a folder a class, as ESC-10 and most collections of sounds come."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from earmark.errors import SourceNotFoundError, UsageError
from earmark.ingest.inputs import MEDIA, collect


@dataclass(frozen=True, slots=True)
class LabelledClip:
    """A file, the class that it belongs to, and the recording that it was cut from.

    Clips of one ``source`` say nothing of each other: they are left out of each other's results.
    """

    path: str
    label: str
    source: str


def source_of(path: str) -> str:
    """Return the recording that a clip was cut from, by its name ``SOMETHING-SOURCE-TAKE.ext``.

    A name of another shape is a source of its own.

    >>> source_of("rain/1-17367-A.ogg"), source_of("rain/2-a-b-C.ogg"), source_of("rain/x.ogg")
    ('17367', 'a-b', 'rain/x.ogg')
    """
    middle = "-".join(Path(path).stem.split("-")[1:-1])
    return middle or path


def read_labelled(folder: Path) -> tuple[LabelledClip, ...]:
    """Return the clips in the folders of a folder, each of which is a class.

    Raises
    ------
    SourceNotFoundError
        The folder is not there.
    UsageError
        It holds fewer than two classes, a clip beside them, or a class of one source: nothing
        could be the right answer to it.
    """
    clips = []
    for entry in sorted(folder_of(folder).iterdir()):
        if entry.is_dir() and not entry.name.startswith("."):
            paths = sorted(collect([entry]).sources)
            clips += [LabelledClip(path, entry.name, source_of(path)) for path in paths]
        elif entry.suffix.lower() in MEDIA:
            message = f"{entry} lies beside the classes of {folder}; put it into a class's folder"
            raise UsageError(message)
    sources: dict[str, set[str]] = defaultdict(set)
    for clip in clips:
        sources[clip.label].add(clip.source)
    if len(sources) < 2:
        message = f"{folder} holds {len(sources)} folders with audio; at least 2 classes are needed"
        raise UsageError(message)
    for label, own in sources.items():
        if len(own) < 2:
            message = f"all clips of the class {label!r} are of one source; at least 2 are needed"
            raise UsageError(message)
    return tuple(clips)


def folder_of(path: Path) -> Path:
    """Return the folder itself; raises `SourceNotFoundError` where there is none."""
    if not path.is_dir():
        what = "is a file; name a folder" if path.exists() else "does not exist; check the path"
        message = f"{path} {what}"
        raise SourceNotFoundError(message)
    return path
