"""One file, read once for all engines: what a worker process does with a job."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, BinaryIO, cast

from earmark.audio._errors import mapped
from earmark.audio.fetch import FetchLimits, fetched
from earmark.audio.identity import content_id
from earmark.audio.stream import open_blocks
from earmark.audio.tags import TagsAndCover, read_tags
from earmark.errors import AudioTooLongError, AudioTooShortError, SilentAudioError
from earmark.ingest.playlists import is_url, path_of
from earmark.ingest.scores import LARGEST_BYTES, file_of, piece_of, reader_of
from earmark.ports import Analyser, Analysis, Preparing, ScoreAnalysis, StoredFeatures
from earmark.types import Samples, Tags

SHORTEST_S = 0.1
"""Less audio than this is no track: there is nothing to find it by."""


@dataclass(frozen=True, slots=True)
class Job:
    """A source to read; without ``analyse`` only its content id, and its ``tags``, are wanted.

    ``name`` is what messages call it; None is the source itself.
    """

    source: str
    analyse: bool
    tags: bool = False
    name: str | None = None

    @property
    def called(self) -> str:
        """What messages call it."""
        return self.source if self.name is None else self.name


@dataclass(frozen=True, slots=True)
class Analysed:
    """All that a file told; ``features`` and ``tags`` are None where they were not asked for.

    ``heard_s`` is how much audio was listened to: none of a score, however long it lasts.
    """

    content_id: str
    duration_s: float = 0.0
    features: Mapping[str, StoredFeatures] | None = None
    tags: Tags | None = None
    cover: bytes | None = None
    warnings: tuple[str, ...] = ()
    heard_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Analyst:
    """Performs jobs; travels to the worker processes once, with every engine's pure half."""

    analyses: tuple[Analysis[Any], ...]
    limits: FetchLimits

    def prepare(self) -> None:
        """Raise what would keep every job from being done, before the first one is."""
        for analysis in self.analyses:
            if isinstance(analysis, Preparing):
                analysis.prepare()

    def __call__(self, job: Job) -> Analysed:
        """Read one source.

        Raises
        ------
        InputError
            It is missing, unreadable, no audio, empty, silent, or shorter than `SHORTEST_S`; or a
            score that its reader refuses.
        """
        reader = reader_of(self.analyses, job.source)
        with _local(file_of(job.source), self.limits) as file:
            content = content_of(file, piece_of(job.source), job.called)
            if not (job.analyse or job.tags):
                return Analysed(content)
            if reader is not None:
                return self._read(reader, file, job, content)
            if not job.analyse:
                told = _tags(file)
                return Analysed(content, tags=told.tags, cover=told.cover)
            duration_s, features, warnings = self._listen(file, job.called)
            told = _tags(file)
        return Analysed(
            content, duration_s, features, told.tags, told.cover, warnings, heard_s=duration_s
        )

    def _read(
        self, reader: ScoreAnalysis[Any], file: str | BinaryIO, job: Job, content: str
    ) -> Analysed:
        """Return a score's features; every other engine has heard nothing."""
        source = job.source
        data = score_bytes(file, job.called)
        name = path_of(file_of(source))
        # The name's ending tells a reader the format, whatever a person calls it.
        if job.name is not None and PurePath(job.name).suffix.lower() == PurePath(name).suffix:
            name = job.name
        read = reader.read(data, name, piece_of(source))
        features = {}
        for analysis in self.analyses:
            own = read.features if analysis is reader else _nothing(analysis)
            features[analysis.name] = StoredFeatures(analysis.digest, analysis.pack(own))
        tags = Tags(title=read.title or None, artist=read.artist or None)
        return Analysed(content, read.duration_s, features, tags)

    def _listen(
        self, file: str | BinaryIO, name: str
    ) -> tuple[float, dict[str, StoredFeatures], tuple[str, ...]]:
        rate_hz = max(analysis.rate_hz for analysis in self.analyses)
        ears = [_Ear(analysis, rate_hz) for analysis in self.analyses]
        count = 0
        with open_blocks(file, rate_hz, name=name) as stream:
            for clip in stream:
                count += len(clip.samples)
                for ear in ears:
                    ear.feed(clip.samples)
            levels, warnings = stream.levels, stream.warnings
        duration_s = count / rate_hz
        if levels.silent:
            message = f"{name} is silent (peak {levels.peak_dbfs:.0f} dBFS)"
            raise SilentAudioError(message)
        if duration_s < SHORTEST_S:
            message = f"{name} is too short to index ({duration_s:.3f} s; at least {SHORTEST_S} s)"
            raise AudioTooShortError(message)
        return duration_s, {ear.name: ear.finish() for ear in ears}, warnings


class _Ear:
    """One engine's analysis of a stream that may come at a higher rate than it listens at."""

    def __init__(self, analysis: Analysis[Any], rate_hz: int) -> None:
        self.name = analysis.name
        self._analysis = analysis
        self._analyser: Analyser[Any] = analysis.analyser()
        self._source_hz = rate_hz
        self._resampler: Any = None
        if analysis.rate_hz != rate_hz:
            import soxr

            self._resampler = soxr.ResampleStream(rate_hz, analysis.rate_hz, 1, dtype="float32")

    def feed(self, samples: Samples) -> None:
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(samples)
        self._analyser.feed(samples)

    def finish(self) -> StoredFeatures:
        if self._resampler is not None:
            import numpy as np

            rest = self._resampler.resample_chunk(np.zeros(0, np.float32), last=True)
            self._analyser.feed(rest)
        return StoredFeatures(self._analysis.digest, self._analysis.pack(self._analyser.finish()))


def score_bytes(file: str | BinaryIO, name: str) -> bytes:
    """Return a score file's bytes; raises `InputError`."""
    if isinstance(file, str):
        with mapped(name), Path(file).open("rb") as opened:
            data = opened.read(LARGEST_BYTES + 1)
    else:
        file.seek(0)
        data = file.read(LARGEST_BYTES + 1)
    if len(data) > LARGEST_BYTES:
        message = f"{name} is too large for a score (more than {LARGEST_BYTES} bytes)"
        raise AudioTooLongError(message)
    return data


def _nothing(analysis: Analysis[Any]) -> Any:  # noqa: ANN401 - the engine's own features
    import numpy as np

    analyser = analysis.analyser()
    analyser.feed(np.zeros(0, np.float32))
    return analyser.finish()


def audio_identity(features: Mapping[str, StoredFeatures]) -> str:
    """Return the identity of audio as its features tell it: 64 hex digits.

    The same samples in another container have the same identity.
    """
    digest = hashlib.sha256()
    for name in sorted(features):
        item = features[name]
        digest.update(f"{name}\0{item.digest}\0{len(item.data)}\0".encode())
        digest.update(item.data)
    return digest.hexdigest()


def content_of(file: str | BinaryIO, piece: str | None, name: str | None = None) -> str:
    """Return the sha256 of the bytes; of a piece of a book, of the book's and the piece's name."""
    if isinstance(file, str):
        content = content_id(file, name)
    else:
        file.seek(0)
        content = hashlib.file_digest(cast("io.BytesIO", file), "sha256").hexdigest()
    return content if piece is None else hashlib.sha256(f"{content}#{piece}".encode()).hexdigest()


@contextmanager
def _local(source: str, limits: FetchLimits) -> Iterator[str | BinaryIO]:
    if not is_url(source):
        yield source
        return
    with fetched(source, limits) as file:
        yield file


def _tags(file: str | BinaryIO) -> TagsAndCover:
    if not isinstance(file, str):
        file.seek(0)
    return read_tags(file)
