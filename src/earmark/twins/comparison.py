"""How two sounds lie on one another, and what differs: the whole answer of a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earmark.twins.facts import Moment, Relation, Side, rounded
from earmark.twins.report import segments_shape
from earmark.types import Segment, Span

if TYPE_CHECKING:
    from earmark.figure import Figure
    from earmark.twins.outline import Outline


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison of A and B came to; in ``segments`` the query is A, the reference B.

    B's time = ``reference.start_s + (A's time - query.start_s) * time_ratio``: B is faster where
    it is below 1. ``pitch_shift_semitones`` is how far B sounds above A, ``speed_ppm`` how much
    faster it runs, ``drift_ms`` how far it strays from one straight line. ``gain_db`` is how much
    louder B is. ``only_a`` and ``only_b`` are the stretches that the other does not have.
    ``tune`` and ``sound`` are similarities in [0, 1], None where no engine could tell.
    """

    a: Side
    b: Side
    relation: Relation
    confidence: float
    verdict: str
    segments: tuple[Segment, ...] = ()
    time_ratio: float = 1.0
    pitch_shift_semitones: float = 0.0
    drift_ms: float | None = None
    gain_db: float | None = None
    moments: tuple[Moment, ...] = ()
    only_a: tuple[Span, ...] = ()
    only_b: tuple[Span, ...] = ()
    tune: float | None = None
    sound: float | None = None
    figures: Mapping[str, float | int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    outlines: tuple[Outline | None, Outline | None] = field(
        default=(None, None), repr=False, compare=False
    )

    @property
    def speed_ppm(self) -> float:
        """How much faster B runs, in parts in a million."""
        return (1.0 / self.time_ratio - 1.0) * 1e6

    @property
    def related(self) -> bool:
        """Whether they have anything in common."""
        return self.relation != "different"

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape of CLI and service."""
        return {
            "a": self.a.as_dict(),
            "b": self.b.as_dict(),
            "relation": self.relation,
            "confidence": round(self.confidence, 4),
            "verdict": self.verdict,
            "segments": segments_shape(self.segments),
            "time_ratio": round(self.time_ratio, 7),
            "speed_ppm": round(self.speed_ppm, 1),
            "pitch_shift_semitones": round(self.pitch_shift_semitones, 3),
            "drift_ms": rounded(self.drift_ms, 1),
            "gain_db": rounded(self.gain_db, 2),
            "moments": [
                {
                    "at_s": round(moment.at_s, 3),
                    "b_s": round(moment.b_s, 3),
                    "time_ratio": round(moment.time_ratio, 6),
                    "off_ms": round(moment.off_ms, 1),
                    "gain_db": rounded(moment.gain_db, 2),
                }
                for moment in self.moments
            ],
            "only_a": [_span(span) for span in self.only_a],
            "only_b": [_span(span) for span in self.only_b],
            "tune": rounded(self.tune),
            "sound": rounded(self.sound),
            "figures": {name: rounded(value) for name, value in self.figures.items()},
            "warnings": list(self.warnings),
        }

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw both waveforms and the path between them; needs the ``plot`` extra.

        Parameters
        ----------
        path
            Where to write a picture; None returns the figure for a notebook.
        """
        from earmark.twins.plot import plot_comparison

        return plot_comparison(self, path)


def _span(span: Span) -> dict[str, float]:
    return {"start_s": round(span.start_s, 3), "end_s": round(span.end_s, 3)}
