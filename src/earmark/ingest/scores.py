"""Sources that are not audio: which analysis reads them, and what is attached to recordings.

A piece of a book (a file of many tunes) has the source ``PATH#PIECE``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, cast

from earmark.ingest.playlists import is_url, path_of
from earmark.ports import Analysis, ReadScore, ScoreAnalysis, ScoreReader, StoredFeatures

LARGEST_BYTES = 64_000_000
"""More than this of a file is not read: no score is that large."""
SCORE = "score"
"""The extra field of a track that names the file of an attached score."""

_PIECE = re.compile(r"(.+\.\w+)#(\d+)")


def file_of(source: str) -> str:
    """Return the file that a source lies in: itself, but for a piece of a book.

    >>> file_of("/music/book.abc#12"), file_of("/music/song.mid")
    ('/music/book.abc', '/music/song.mid')
    """
    return _split(source)[0]


def piece_of(source: str) -> str | None:
    """Return the piece of a book that a source names, or None."""
    return _split(source)[1]


def is_gone(source: str) -> bool:
    """Return whether the file of a source is not there any more; a URL is never looked up."""
    return not is_url(source) and not Path(file_of(source)).exists()


def suffixes(analyses: Sequence[Analysis[Any]]) -> frozenset[str]:
    """Return the endings of all files that some analysis reads."""
    return frozenset().union(*(r.suffixes for r in analyses if isinstance(r, ScoreReader)))


def reader_of(analyses: Sequence[Analysis[Any]], source: str) -> ScoreAnalysis[Any] | None:
    """Return the first analysis that reads files of a source's ending, or None."""
    suffix = PurePath(path_of(file_of(source))).suffix.lower()
    for analysis in analyses:
        if isinstance(analysis, ScoreReader) and suffix in analysis.suffixes:
            return cast("ScoreAnalysis[Any]", analysis)
    return None


def unfolded(analyses: Sequence[Analysis[Any]], source: str) -> list[str]:
    """Return the sources that a file makes: one for each piece of a book, else itself."""
    if is_url(source) or piece_of(source) is not None:
        return [source]
    reader = reader_of(analyses, source)
    if reader is None or PurePath(source).suffix.lower() not in reader.books:
        return [source]
    try:
        with Path(source).open("rb") as file:
            data = file.read(LARGEST_BYTES)
    except OSError:
        return [source]  # told when it is read
    return [f"{source}#{piece}" for piece in reader.pieces(data, source)] or [source]


def attached(
    analysis: ScoreAnalysis[Any], stored: StoredFeatures, read: ReadScore[Any]
) -> StoredFeatures:
    """Return stored features with those that were read attached."""
    features = analysis.attach(analysis.unpack(stored.data), read.features)
    return StoredFeatures(analysis.digest, analysis.pack(features))


def detached(analysis: ScoreAnalysis[Any], stored: StoredFeatures) -> StoredFeatures:
    """Return stored features without what was attached."""
    features = analysis.detach(analysis.unpack(stored.data))
    return StoredFeatures(analysis.digest, analysis.pack(features))


def kept(
    analyses: Sequence[Analysis[Any]],
    source: str,
    old: Mapping[str, StoredFeatures],
    new: Mapping[str, StoredFeatures],
) -> tuple[dict[str, StoredFeatures], bool]:
    """Return new features of a recording with what was attached to the old ones.

    Returns
    -------
    tuple
        The features, and whether old ones could not be read, so that what was attached is lost.
    """
    result, lost = dict(new), False
    if reader_of(analyses, source) is not None:
        return result, lost  # a score is read from its own file: nothing is attached to it
    for analysis in analyses:
        if not isinstance(analysis, ScoreReader) or analysis.name not in old:
            continue
        heard = analysis.unpack(new[analysis.name].data)
        try:
            features = analysis.keep(analysis.unpack(old[analysis.name].data), heard)
        except Exception:  # bytes of an older shape may break an unpacker in any way
            lost = True
            continue
        result[analysis.name] = StoredFeatures(analysis.digest, analysis.pack(features))
    return result, lost


def _split(source: str) -> tuple[str, str | None]:
    found = None if is_url(source) else _PIECE.fullmatch(source)
    if found is None or Path(source).exists():  # a file may be called so
        return source, None
    return found[1], found[2]
