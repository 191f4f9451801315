"""What the stretches of a query found, joined into one finding a track."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from earmark.recording.decide import Found
from earmark.recording.params import SpectrumParams
from earmark.recording.spans import best_stretch, segment
from earmark.types import Evidence, Finding, Landmark, Segment, Span
from earmark.units import ratio_to_semitones

_JOIN_S = 0.5  # alignments of neighbouring stretches that agree this well are one
_MATCHED = 0.8  # evidence, in deviations, above which a peak counts as aligned


@dataclass(slots=True)
class _Piece:
    """A segment with the answer it came from; pieces of one alignment grow together."""

    segment: Segment
    found: Found
    start_s: float


def findings_of(
    heard: Sequence[tuple[float, float, Sequence[Found]]], spectrum: SpectrumParams
) -> list[Finding]:
    """Return one finding a track, most certain first.

    ``heard`` holds, for each stretch of the query, its start and length in seconds and what was
    found there.
    """
    pieces: dict[int, list[_Piece]] = {}
    for start_s, length_s, found in heard:
        for one in found:
            cut = best_stretch(one.trace, int(length_s / spectrum.frame_s), spectrum.frame_s)
            if cut is None:
                continue
            own = segment(
                cut[0], min(cut[1], length_s), one.offset_frames, one.time_ratio, spectrum
            )
            moved = Segment(own.query.shifted(start_s), own.reference)
            _join(pieces.setdefault(one.number, []), _Piece(moved, one, start_s))
    findings = [_finding(number, own, spectrum) for number, own in pieces.items()]
    return sorted(findings, key=lambda f: -f.confidence)


def _join(pieces: list[_Piece], new: _Piece) -> None:
    for piece in pieces:
        old = piece.segment
        gap = new.segment.query.start_s - old.query.end_s
        expected = (
            old.reference.start_s
            + (new.segment.query.start_s - old.query.start_s) * piece.found.time_ratio
        )
        if gap <= _JOIN_S and abs(expected - new.segment.reference.start_s) <= _JOIN_S:
            end_s = max(old.query.end_s, new.segment.query.end_s)
            reference_s = max(old.reference.end_s, new.segment.reference.end_s)
            piece.segment = Segment(
                Span(old.query.start_s, end_s), Span(old.reference.start_s, reference_s)
            )
            if new.found.confidence > piece.found.confidence:
                piece.found, piece.start_s = new.found, new.start_s
            return
    pieces.append(new)


def _finding(number: int, pieces: list[_Piece], spectrum: SpectrumParams) -> Finding:
    best = max(pieces, key=lambda piece: (piece.found.confidence, piece.found.score))
    found = best.found
    ordered = sorted(pieces, key=lambda piece: -piece.segment.query.duration_s)
    aligned = int((found.trace.evidence >= _MATCHED).sum())
    figures = {
        "aligned_count": aligned,
        "peaks": len(found.trace.evidence),
        "score": found.score,
        "rival_score": found.rival,
        "votes": found.votes,
        "tried_warps": int(found.tried == "warps"),
    }
    return Finding(
        kind="recording",
        number=number,
        confidence=found.confidence,
        score=found.score,
        segments=tuple(piece.segment for piece in ordered),
        time_ratio=found.time_ratio,
        pitch_shift_semitones=ratio_to_semitones(found.pitch_ratio),
        evidence=Evidence(figures, _landmarks(best, spectrum)),
    )


def _landmarks(piece: _Piece, spectrum: SpectrumParams) -> tuple[Landmark, ...]:
    trace, query = piece.found.trace, piece.segment.query
    query_s = piece.start_s + trace.query_frames * spectrum.frame_s
    keep = (trace.evidence >= _MATCHED) & (query_s >= query.start_s) & (query_s < query.end_s)
    return tuple(
        Landmark(t, r * spectrum.frame_s, spectrum.bin_hz(f))
        for t, r, f in zip(
            query_s[keep].tolist(),
            trace.reference_frames[keep].tolist(),
            trace.reference_bins[keep].tolist(),
            strict=True,
        )
    )
