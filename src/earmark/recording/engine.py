"""The recording engine: analysis for worker processes, an index, and a search that says no."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from earmark.errors import AudioTooShortError
from earmark.ports import NO_NUMBER, IndexRoom, Numbers, Posted, PostingStore
from earmark.recording.aligning import align
from earmark.recording.confidence import ACCEPT, Calibration
from earmark.recording.constellation import Constellation, pack, payload, unpack
from earmark.recording.decide import Found
from earmark.recording.follow import RecordingFollower
from earmark.recording.landmarks import reference_landmarks
from earmark.recording.merge import findings_of
from earmark.recording.params import HASH_BITS, RecordingParams
from earmark.recording.peaks import PeakAnalyser
from earmark.recording.search import StretchSearch
from earmark.recording.twin_findings import finding_of, marks_of
from earmark.recording.twins import twins_of
from earmark.types import Clip, Finding, Kind

_PER_STRETCH = 8  # tracks looked for in one stretch, however few are asked for


@dataclass(frozen=True, slots=True)
class RecordingAnalysis:
    """Audio to constellation; picklable, holds nothing but parameters."""

    params: RecordingParams = field(default_factory=RecordingParams)

    @property
    def name(self) -> str:
        """The key of the features in the track store."""
        return "recording"

    @property
    def rate_hz(self) -> int:
        """The sample rate the analyser is fed."""
        return self.params.spectrum.rate_hz

    @property
    def digest(self) -> str:
        """Short hash of the parameters that decide a constellation and its landmarks."""
        return self.params.digest

    def analyser(self) -> PeakAnalyser:
        """Start a new analysis."""
        return PeakAnalyser(self.params)

    def pack(self, features: Constellation) -> bytes:
        """Return the bytes for the track store."""
        return pack(features)

    def unpack(self, data: bytes) -> Constellation:
        """Return the constellation that `pack` wrote; raises `DamagedIndexError`."""
        return unpack(data)


class RecordingEngine:
    """Names recordings. The posting store it is given holds everything it derives.

    Parameters
    ----------
    postings
        The inverted index, opened for `HASH_BITS` and this analysis' digest.
    params
        What decides features (must fit the index) and how hard a query is asked.
    accept
        Least confidence of an answer; lower only to study what was nearly one.
    """

    kind: Kind = "recording"

    def __init__(
        self,
        postings: PostingStore,
        params: RecordingParams | None = None,
        calibration: Calibration | None = None,
        accept: float = ACCEPT,
    ) -> None:
        self._postings = postings
        self._params = params or RecordingParams()
        self._calibration = calibration or Calibration()
        self._accept = accept
        self._analysis = RecordingAnalysis(self._params)

    @property
    def analysis(self) -> RecordingAnalysis:
        """The pure half."""
        return self._analysis

    def known(self) -> Numbers:
        """Return the sorted numbers that a search can find now."""
        return self._postings.known()

    def add(self, items: Iterable[tuple[int, Constellation]]) -> None:
        """Make constellations searchable at once."""
        self._postings.add(self._posted(number, stars) for number, stars in items)

    def remove(self, numbers: Sequence[int]) -> None:
        """Hide numbers from every later search."""
        self._postings.remove(numbers)

    def flush(self) -> None:
        """Write what is in memory only; the caller holds the writer's lock."""
        self._postings.flush()

    def reload(self) -> None:
        """Look for what another process has written since."""
        self._postings.reload()

    def drop(self) -> None:
        """Forget the derived index, on disk too."""
        self._postings.drop()

    def verify(self) -> list[str]:
        """Read the whole derived index; return one sentence per fault."""
        return self._postings.verify()

    def stats(self) -> Mapping[str, int]:
        """Return the posting store's ``bytes``, ``segments``, ``postings`` and ``pending``."""
        return self._postings.stats()

    def search(self, clip: Clip, limit: int) -> list[Finding]:
        """Return the recordings the clip holds, most certain first.

        A clip longer than ``query.window_s`` is searched in overlapping stretches, and what they
        found is joined; several tracks may be found in one stretch (a mashup) or one after the
        other (a transition).

        Raises
        ------
        AudioTooShortError
            The clip is shorter than ``query.least_s``.
        """
        query = self._params.query
        if clip.duration_s < query.least_s:
            message = (
                f"{clip.duration_s:.2f} s of audio is too short to name a recording; "
                f"{query.least_s:g} s are needed"
            )
            raise AudioTooShortError(message)
        total = int(self._postings.stats()["postings"])
        if total == 0:
            return []
        heard: list[tuple[float, float, list[Found]]] = []
        for start, stop in self._stretches(clip):
            samples = clip.samples[start:stop]
            search = StretchSearch(
                samples, self._postings, total, self._params, self._calibration, self._accept
            )
            found = search.run(_PER_STRETCH)
            heard.append((start / clip.rate_hz, len(samples) / clip.rate_hz, found))
        return findings_of(heard, self._params.spectrum)[:limit]

    def follower(self, *, effort: float = 1.0) -> RecordingFollower:
        """Start to follow a source without end (`earmark.ports.Following`)."""
        return RecordingFollower(self._postings, self._params, self._calibration, effort)

    def twins(
        self, number: int, features: Constellation, limit: int, without: Collection[int] = ()
    ) -> list[Finding]:
        """Return the recordings that share a stretch with a known one; see `Twinned`."""
        spectrum = self._params.spectrum
        found = [
            finding_of(one.number, one.lines, features.span_frames, one.span_frames, spectrum)
            for one in twins_of(number, features, self._postings, self._params, without)
        ]
        return sorted(found, key=lambda finding: -finding.confidence)[:limit]

    def laid(self, features: Constellation, other: Constellation) -> Finding | None:
        """Return which stretches two recordings share; see `Twinned`."""
        lines = align(features, other, self._params)
        if not lines:
            return None
        spectrum = self._params.spectrum
        marks = marks_of(lines, features, other, spectrum)
        spans = features.span_frames, other.span_frames
        return finding_of(NO_NUMBER, lines, *spans, spectrum, marks)

    def _stretches(self, clip: Clip) -> list[tuple[int, int]]:
        query, total = self._params.query, len(clip.samples)
        window, hop = int(query.window_s * clip.rate_hz), int(query.hop_s * clip.rate_hz)
        if total <= window + hop // 2:
            return [(0, total)]
        starts = list(range(0, total - window, hop))
        return [*((s, s + window) for s in starts), (total - window, total)]

    def _posted(self, number: int, stars: Constellation) -> Posted:
        hashes, frames = reference_landmarks(stars, self._params.reference)
        span = max(1, stars.span_frames)
        return Posted(number, hashes, frames.astype(np.uint32), span, payload(stars))


def plugin(room: IndexRoom) -> RecordingEngine:
    """Open the engine with its derived index in ``room`` (entry point ``earmark.engines``)."""
    params = RecordingParams()
    return RecordingEngine(room.postings(HASH_BITS, params.digest), params)
