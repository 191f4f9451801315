"""The melody engine: a hum in, the tunes it may be out; same shape as `recording`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np

from earmark.errors import TooLittleVoiceError
from earmark.hearing import VOICED_S, tell
from earmark.melody.analysis import MelodyAnalysis
from earmark.melody.contour import Line, line_of
from earmark.melody.encoder import DIMENSION, checksum, embed
from earmark.melody.features import MelodyFeatures
from earmark.melody.findings import findings_of
from earmark.melody.judge import Weights
from earmark.melody.params import LINE_HZ, MelodyParams, digest_of
from earmark.melody.pitch import PITCH_HZ, track_voice
from earmark.melody.search import Found, search_line
from earmark.melody.tune import Tune, pack
from earmark.melody.twins import laid_on, twins_of
from earmark.melody.weights import ACCEPT, ACCEPT_UNSTEADY, FITTED
from earmark.melody.windows import windows_of
from earmark.ports import Embedded, IndexRoom, Numbers, VectorStore
from earmark.timing import lap
from earmark.types import Clip, Finding, Kind

_STRETCH_S, _HOP_S, _MOST_STRETCHES = 15.0, 12.0, 12
_EMPTY = Tune(*(np.zeros(0, np.float32),) * 3)


class MelodyEngine:
    """Names tunes. The vector store it is given holds everything it derives.

    Parameters
    ----------
    vectors
        The index of windows, opened for `DIMENSION` and `index_digest`.
    params
        What decides features (must fit the index) and how hard a query is asked.
    accept
        Least confidence of the best answer; 0 always returns a list, to measure ranks.
    """

    kind: Kind = "melody"

    def __init__(
        self,
        vectors: VectorStore,
        params: MelodyParams | None = None,
        weights: Weights = FITTED,
        accept: float = ACCEPT,
    ) -> None:
        self._vectors = vectors
        self._params = params or MelodyParams()
        self._weights = weights
        self._accept = accept
        self._analysis = MelodyAnalysis(self._params)

    @property
    def analysis(self) -> MelodyAnalysis:
        """The pure half."""
        return self._analysis

    def known(self) -> Numbers:
        """Return the sorted numbers that a search can find now."""
        return self._vectors.known()

    def add(self, items: Iterable[tuple[int, MelodyFeatures]]) -> None:
        """Make tunes searchable at once."""
        self._vectors.add(self._embedded(number, features) for number, features in items)

    def remove(self, numbers: Sequence[int]) -> None:
        """Hide numbers from every later search."""
        self._vectors.remove(numbers)

    def flush(self) -> None:
        """Write what is in memory only; the caller holds the writer's lock."""
        self._vectors.flush()

    def reload(self) -> None:
        """Look for what another process has written since."""
        self._vectors.reload()

    def drop(self) -> None:
        """Forget the derived index, on disk too."""
        self._vectors.drop()

    def verify(self) -> list[str]:
        """Read the whole derived index; return one sentence per fault."""
        return self._vectors.verify()

    def stats(self) -> Mapping[str, int]:
        """Return the vector store's ``bytes``, ``segments``, ``vectors`` and ``pending``."""
        return self._vectors.stats()

    def search(self, clip: Clip, limit: int) -> list[Finding]:
        """Return the tunes that the clip's voice may be singing, most likely first.

        A clip with more than `SearchParams.longest_s` of singing is searched in stretches, and
        the best stretch speaks for each track.

        Raises
        ------
        TooLittleVoiceError
            Less than `VoiceParams.least_voiced_s` of one voice, whistle or instrument was heard.
        """
        with lap("analyse"):
            line = self.line(clip)
        voiced_s = line.voiced_s if line is not None else 0.0
        tell(VOICED_S, voiced_s)
        least_s = self._params.voice.least_voiced_s
        if line is None or voiced_s < least_s:
            message = f"{voiced_s:.1f} s of voice heard, {least_s:g} s needed to name a tune"
            raise TooLittleVoiceError(message)
        if line.notes < self._params.voice.least_notes:
            return []  # a hum of the mains, a drone: it lies on any tune's long note
        found = [
            (part, self.found(part, limit), self._least(part)) for part in self._stretches(line)
        ]
        return findings_of(found, limit)

    def twins(
        self, number: int, features: MelodyFeatures, limit: int, without: Collection[int] = ()
    ) -> list[Finding]:
        """Return the tracks with the same tune as a known one; see `Twinned`."""
        if features.tune is None:
            return []
        search, weights = self._params.search, self._weights
        found = twins_of(number, features.tune, self._vectors, search, weights, without)
        return found[:limit]

    def laid(self, features: MelodyFeatures, other: MelodyFeatures) -> Finding | None:
        """Return how two tunes lie on one another; see `Twinned`."""
        if features.tune is None or other.tune is None:
            return None
        windows = windows_of(other.tune, other.written, self._params.windows)
        vectors = embed(windows.values)
        search = self._params.search
        return laid_on(features.tune, other.tune, other.written, windows, vectors, search)

    def line(self, clip: Clip) -> Line | None:
        """Return the clip's sung line, or None where none is heard."""
        voice = self._params.voice
        return line_of(track_voice(clip.samples, voice), PITCH_HZ, voice.median_s)

    def found(self, line: Line, limit: int) -> list[Found]:
        """Return the ranked tracks for one line, whatever their confidence (for `bench`)."""
        return search_line(line, self._vectors, self._params.search, self._weights, limit)

    def _least(self, line: Line) -> float:
        """Return the confidence that is asked of a line: more where it sounds like speech."""
        steady = line.steadiness >= self._params.voice.least_steadiness
        if steady or not self._accept:
            return self._accept
        return max(self._accept, ACCEPT_UNSTEADY)

    def _stretches(self, line: Line) -> list[Line]:
        if line.duration_s <= self._params.search.longest_s:
            return [line]
        frames, hop = int(_STRETCH_S * LINE_HZ), int(_HOP_S * LINE_HZ)
        total = len(line.semitones)
        starts = [*range(0, total - frames, hop), total - frames]
        parts = [line.cut(start, start + frames) for start in starts]
        least_s = self._params.voice.least_voiced_s
        sung = [part for part in parts if part.voiced_s >= least_s] or [parts[0]]
        if len(sung) > _MOST_STRETCHES:  # spread over the clip: time stays bounded
            kept = np.linspace(0, len(sung) - 1, _MOST_STRETCHES).round().astype(int)
            sung = [sung[index] for index in kept]
        return sung

    def _embedded(self, number: int, features: MelodyFeatures) -> Embedded:
        tune = features.tune if features.tune is not None else _EMPTY
        windows = windows_of(tune, features.written, self._params.windows)
        payload = bytes([features.written]) + pack(tune)
        return Embedded(number, embed(windows.values), windows.start_s, windows.length_s, payload)


def index_digest(params: MelodyParams) -> str:
    """Return the digest of what decides vectors: the windows and the encoder."""
    return digest_of(params.windows, checksum("encoder"), params.lead, checksum("lead"))


def plugin(room: IndexRoom) -> MelodyEngine:
    """Open the engine with its derived index in ``room`` (entry point ``earmark.engines``)."""
    params = MelodyParams()
    return MelodyEngine(room.vectors(DIMENSION, index_digest(params)), params)
