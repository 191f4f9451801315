"""The pure half of the engine: recordings through the lead extractor, scores through readers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from earmark.melody.encoder import checksum
from earmark.melody.features import MelodyFeatures, pack_features, unpack_features
from earmark.melody.lead import LeadAnalyser
from earmark.melody.params import RATE_HZ, MelodyParams, digest_of
from earmark.ports import ReadScore
from earmark.types import Samples


class MelodyAnalyser:
    """One recording's analysis; `finish` returns its features."""

    def __init__(self, params: MelodyParams) -> None:
        self._lead = LeadAnalyser(params.lead)

    def feed(self, samples: Samples) -> None:
        """Take the next samples, float32 mono at 16 kHz, any length."""
        self._lead.feed(samples)

    def finish(self) -> MelodyFeatures:
        """Return what was heard; a tune of no notes where nothing sings."""
        return MelodyFeatures(self._lead.finish())


@dataclass(frozen=True, slots=True)
class MelodyAnalysis:
    """Audio or a score to a tune; picklable, holds nothing but parameters."""

    params: MelodyParams = field(default_factory=MelodyParams)

    @property
    def name(self) -> str:
        """The key of the features in the track store."""
        return "melody"

    @property
    def rate_hz(self) -> int:
        """The sample rate the analyser is fed."""
        return RATE_HZ

    @property
    def digest(self) -> str:
        """Short hash of what decides a heard tune: parameters and the lead network."""
        return digest_of(self.params.lead, checksum("lead"))

    @property
    def suffixes(self) -> frozenset[str]:
        """Endings of the scores it reads."""
        from earmark.melody.score import SUFFIXES

        return frozenset(SUFFIXES)

    @property
    def books(self) -> frozenset[str]:
        """Endings whose files may hold many tunes."""
        from earmark.melody.score import BOOKS

        return BOOKS

    def analyser(self) -> MelodyAnalyser:
        """Start a new analysis."""
        return MelodyAnalyser(self.params)

    def pack(self, features: MelodyFeatures) -> bytes:
        """Return the bytes for the track store."""
        return pack_features(features)

    def unpack(self, data: bytes) -> MelodyFeatures:
        """Return the features that `pack` wrote; raises `DamagedIndexError`."""
        return unpack_features(data)

    def pieces(self, data: bytes, name: str) -> Sequence[str]:
        """Return the numbers of a book's tunes; empty for a single piece."""
        from earmark.melody.score import pieces

        return pieces(data, name)

    def read(self, data: bytes, name: str, part: str | None = None) -> ReadScore[MelodyFeatures]:
        """Return a score's tune; see `earmark.melody.score.read_score` for what it raises."""
        from earmark.melody.score import read_score

        found = read_score(data, name, part)
        features = MelodyFeatures(None, found.tune)
        return ReadScore(features, found.duration_s, found.title, found.composer, found.part)

    def attach(self, features: MelodyFeatures, read: MelodyFeatures) -> MelodyFeatures:
        """Return a recording's features with a score attached, which then wins."""
        return replace(features, score=read.score)

    def detach(self, features: MelodyFeatures) -> MelodyFeatures:
        """Return the features without the score."""
        return replace(features, score=None)

    def keep(self, old: MelodyFeatures, new: MelodyFeatures) -> MelodyFeatures:
        """Return ``new`` features with the score that was attached to the ``old``."""
        return replace(new, score=old.score if new.score is None else new.score)
