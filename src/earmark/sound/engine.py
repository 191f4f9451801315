"""The sound engine: a sound in, the moments that sound like it; same shape as `recording`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np

from earmark.errors import (
    AudioTooShortError,
    CheckpointError,
    ExtraMissingError,
    ModelUnavailableError,
    UsageError,
)
from earmark.ports import NO_NUMBER, Compared, Embedded, IndexRoom, Numbers
from earmark.sound.analysis import Chosen, SoundAnalysis
from earmark.sound.features import SoundFeatures
from earmark.sound.findings import findings_of
from earmark.sound.index import Opened, SoundIndex
from earmark.sound.labels_kept import label_named, windows_with
from earmark.sound.model import Float32
from earmark.sound.params import SoundParams
from earmark.sound.search import resembling, resembling_files
from earmark.sound.twins import laid, twins_of
from earmark.timing import lap
from earmark.types import Clip, Finding, Kind, Span

_CLOSED = (ModelUnavailableError, CheckpointError, ExtraMissingError)
MOST_MOMENTS = 64
"""The most moments of one track that are compared with a library at a time."""
_PAYLOADS_AT_ONCE = 4096
"""Tracks whose labels are in memory at a time."""
SHORTEST_S = 0.05
"""Less audio than this sounds like nothing."""


class SoundEngine:
    """Finds what sounds alike.

    Parameters
    ----------
    room
        Where its index is kept.
    chosen
        The model that everything in the index was made with.
    """

    kind: Kind = "sound"

    def __init__(self, room: IndexRoom, chosen: Chosen, params: SoundParams | None = None) -> None:
        self._params = params or SoundParams()
        self._chosen = chosen
        self._analysis = SoundAnalysis(chosen, self._params)
        self._index = SoundIndex(room, self._params, self._analysis.digest)

    @property
    def analysis(self) -> SoundAnalysis:
        """The pure half."""
        return self._analysis

    @property
    def choices(self) -> Mapping[str, str]:
        """What a library of these features has to remember: the model."""
        return {"model": self._chosen.info.name}

    def known(self) -> Numbers:
        """Return the sorted numbers that a search can find now."""
        return self._index.known()

    def add(self, items: Iterable[tuple[int, SoundFeatures]]) -> None:
        """Make sounds searchable at once."""
        self._index.add(items)

    def remove(self, numbers: Sequence[int]) -> None:
        """Hide numbers from every later search."""
        self._index.remove(numbers)

    def flush(self) -> None:
        """Write what is in memory only; the caller holds the writer's lock."""
        self._index.flush()

    def reload(self) -> None:
        """Look for what another process has written since."""
        self._index.reload()

    def drop(self) -> None:
        """Forget the derived index, on disk too."""
        self._index.drop()

    def outgrown(self) -> bool:
        """Whether a rebuild would fit better statistics to what is a much larger library now."""
        return self._index.outgrown()

    def gathering(self) -> bool:
        """Whether a flush now would fit statistics to less than they deserve."""
        return self._index.gathering()

    def verify(self) -> list[str]:
        """Read the whole derived index; return one sentence per fault."""
        opened = self._index.settled()
        return [] if opened is None else opened.moments.verify()

    def stats(self) -> Mapping[str, int]:
        """Return the vector store's figures; ``bytes`` with those of the statistics."""
        opened = self._index.settled()
        if opened is None:
            return {"bytes": 0, "segments": 0, "vectors": 0, "pending": len(self._index.known())}
        moments = opened.moments.stats()
        return {**moments, "bytes": moments["bytes"] + self._index.statistics_bytes()}

    def search(self, clip: Clip, limit: int) -> list[Finding]:
        """Return the tracks with the moments most like the clip's, most alike first.

        Raises
        ------
        AudioTooShortError
            The clip is shorter than `SHORTEST_S`.
        ModelUnavailableError, CheckpointError, ExtraMissingError
            The library's model cannot be opened here.
        """
        return self.search_among(clip, limit, Compared())

    def search_among(self, clip: Clip, limit: int, compared: Compared) -> list[Finding]:
        """Return the tracks most like the clip, of those and in the way that ``compared`` says."""
        if clip.duration_s < SHORTEST_S:
            message = f"{clip.duration_s:.3f} s of audio is too short to compare its sound; "
            raise AudioTooShortError(f"{message}{SHORTEST_S:g} s are needed")
        with lap("analyse"):
            analyser = self._analysis.analyser()
            analyser.feed(clip.samples)
            features = analyser.finish()
        ends_s = (features.start_s + features.length_s).tolist()
        pairs = zip(features.start_s.tolist(), ends_s, strict=True)
        spans = [Span(start_s, end_s) for start_s, end_s in pairs]

        def ask(opened: Opened | None) -> list[Finding]:
            if opened is None or not spans:
                return []
            vectors = self._index.joined(opened, features)
            return self._found(opened, vectors, spans, limit, compared, without=())

        return self._index.asked(ask)

    def similar(
        self, number: int, at_s: float | None, limit: int, compared: Compared
    ) -> list[Finding]:
        """Return the tracks most like one of the library.

        Parameters
        ----------
        at_s
            The moment of it to compare; None compares all of its moments.

        Raises
        ------
        UsageError
            Nothing of that track sounds at ``at_s``, or nothing of it at all.
        KeyError
            The index does not know the number.
        """
        return self._index.asked(
            lambda opened: self._similar(opened, number, at_s, limit, compared)
        )

    def twins(
        self,
        number: int,
        features: SoundFeatures,  # noqa: ARG002 - the index holds them, joined
        limit: int,
        without: Collection[int] = (),
    ) -> list[Finding]:
        """Return the short tracks that sound the same as a known one; see `Twinned`."""
        return self._index.asked(
            lambda opened: (
                [] if opened is None else twins_of(opened.moments, number, limit, without)
            )
        )

    def laid(self, features: SoundFeatures, other: SoundFeatures) -> Finding | None:
        """Return how alike two sounds are; None in a library without any sound. See `Twinned`."""

        def ask(opened: Opened | None) -> Finding | None:
            if opened is None:
                return None
            one, two = (
                Embedded(NO_NUMBER, self._index.joined(opened, f), f.start_s, f.length_s, b"")
                for f in (features, other)
            )
            return laid(one, two)

        return self._index.asked(ask)

    def label_names(self) -> tuple[str, ...]:
        """Return the names of the labels that the model knows."""
        return self._chosen.open().label_names()

    def _similar(
        self,
        opened: Opened | None,
        number: int,
        at_s: float | None,
        limit: int,
        compared: Compared,
    ) -> list[Finding]:
        if opened is None and number in self._index.known():
            raise _nothing_sounds(at_s)
        if opened is None:
            raise KeyError(number)
        own = opened.moments.embedded(number)
        ends_s = own.start_s + own.length_s
        rows = np.arange(len(own.start_s))
        if at_s is not None:
            # Of the windows that hold the moment, the one with it nearest to its middle.
            middle_s = (own.start_s + ends_s) / 2.0
            holding = rows[(own.start_s <= at_s + 0.01) & (at_s - 0.01 <= ends_s)]
            rows = holding[np.argsort(np.abs(middle_s[holding] - at_s), kind="stable")[:1]]
        if not len(rows):
            raise _nothing_sounds(at_s)
        if len(rows) > MOST_MOMENTS:  # spread over the track: time stays bounded
            rows = rows[np.linspace(0, len(rows) - 1, MOST_MOMENTS).round().astype(int)]
        spans = [Span(float(own.start_s[row]), float(ends_s[row])) for row in rows]
        return self._found(opened, own.vectors[rows], spans, limit, compared, without=(number,))

    def _found(
        self,
        opened: Opened,
        vectors: Float32,
        spans: list[Span],
        limit: int,
        compared: Compared,
        *,
        without: tuple[int, ...],
    ) -> list[Finding]:
        among = compared.among
        if compared.label is not None:
            among = self._labelled(opened, compared.label, among)
        rank = resembling_files if compared.whole else resembling
        found = rank(opened.moments, vectors, spans, limit, among=among, without=without)
        try:
            names = self.label_names()
        except _CLOSED:  # what is in the library can be compared without its model
            names = ()
        return findings_of(found, opened.moments, names)

    def _labelled(self, opened: Opened, label: str, among: Numbers | None) -> Numbers:
        """Return the numbers, of ``among``, that have a moment with that label."""
        names = self.label_names()
        wanted = label_named(label, names)
        if not wanted:
            model = self._chosen.info.name
            known = f"the model {model!r} has no label {label!r}"
            message = f"{known}; it has {', '.join(names[:3])} ..." if names else f"{known} (none)"
            raise UsageError(message)
        known_numbers = opened.moments.known()
        numbers = known_numbers if among is None else np.intersect1d(known_numbers, among)
        with_it: list[bool] = []
        try:
            for at in range(0, len(numbers), _PAYLOADS_AT_ONCE):
                some = opened.moments.payloads(numbers[at : at + _PAYLOADS_AT_ONCE].tolist())
                with_it += [any(windows_with(one, index) for index in wanted) for one in some]
        except KeyError:  # one was removed since: look again
            return self._labelled(opened, label, among)
        return np.asarray(numbers[np.array(with_it, bool)])


def _nothing_sounds(at_s: float | None) -> UsageError:
    where = "in this track" if at_s is None else f"at {at_s:g} s of this track"
    return UsageError(f"nothing sounds {where}")


def plugin(room: IndexRoom) -> SoundEngine:
    """Open the engine with its derived index in ``room`` (entry point ``earmark.engines``).

    The library's own model is taken; a new library takes the one that was asked for, or the best
    that is here.
    """
    from earmark.sound.catalogue import chosen_model

    info, weights = chosen_model(room.choice("model"), room.wish("model"))
    return SoundEngine(room, Chosen(info, weights))
