"""Two sounds side by side: every engine that compares features is asked, then the audio."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from earmark.audio._source import Source
from earmark.audio.fetch import FetchLimits
from earmark.audio.profile import CELL_S
from earmark.errors import ModelUnavailableError, UsageError
from earmark.indexes import Indexes
from earmark.ports import TrackStore, Twinned
from earmark.twins.comparison import Comparison
from earmark.twins.drift import gain_of, moments_of, straying_ms
from earmark.twins.facts import Relation, Side
from earmark.twins.outline import Outline
from earmark.twins.sides import Heard, Listener
from earmark.twins.ties import clipped, tie_of
from earmark.twins.verdict import verdict_of
from earmark.types import Finding, Kind, Segment, Span

CERTAIN = 0.9
"""The confidence from which a tie counts as one."""
_GAP_S = 0.5  # shorter holes between aligned stretches are no difference


@dataclass(frozen=True, slots=True)
class _Laid:
    """What each engine found, by its kind, and what could not be asked."""

    findings: dict[Kind, Finding]
    warnings: tuple[str, ...]


def compare(
    indexes: Indexes,
    tracks: TrackStore,
    a: Source,
    b: Source,
    limits: FetchLimits,
    names: tuple[str, str] | None = None,
    stop: threading.Event | None = None,
) -> Comparison:
    """Compare two sounds; see `earmark.Library.compare`."""
    asked, unasked = _engines(indexes)
    listener = Listener(indexes, tracks, asked, limits, stop)
    called = names or (None, None)
    first, second = listener.heard(a, called[0]), listener.heard(b, called[1])
    laid = _laid(indexes, asked, first, second)
    return _comparison(first, second, laid, unasked)


def _engines(indexes: Indexes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the engines that can compare features, and sentences about those that cannot now."""
    found, warnings = [], []
    for name in indexes.names:
        try:
            if isinstance(indexes.current(name), Twinned):
                found.append(name)
        except ModelUnavailableError as error:
            warnings.append(error.message)
    if not found:
        message = "no engine that compares sounds is switched on in this library"
        raise UsageError(f"{message}; see `earmark engines`")
    return tuple(found), tuple(warnings)


def _laid(indexes: Indexes, names: Sequence[str], a: Heard, b: Heard) -> _Laid:
    findings: dict[Kind, Finding] = {}
    warnings: list[str] = []
    for name in names:
        engine = indexes.engine(name)
        if name not in a.features or name not in b.features:
            side = a if name not in a.features else b
            warnings.append(f"{side.name} has no features of {name!r}; run `earmark rebuild`")
            continue
        assert isinstance(engine, Twinned)  # noqa: S101 - as just found
        found = engine.laid(a.features[name], b.features[name])
        if found is not None:
            findings[engine.kind] = found
    return _Laid(findings, tuple(warnings))


def _comparison(a: Heard, b: Heard, laid: _Laid, unasked: tuple[str, ...]) -> Comparison:
    recording = laid.findings.get("recording")
    melody, sound = laid.findings.get("melody"), laid.findings.get("sound")
    relation, speaking = _relation(a, b, laid.findings)
    segments = () if speaking is None else speaking.segments
    segments = tuple(clipped(one, a.duration_s, b.duration_s) for one in segments)
    if relation == "exact":
        segments = (Segment(Span(0.0, a.duration_s), Span(0.0, b.duration_s)),)
    marks = recording.evidence.landmarks if recording is not None else ()
    along = relation in ("exact", "recording", "excerpt")
    moments = moments_of(segments, marks, a.profile, b.profile) if along else ()
    only_a = _without([s.query for s in segments], a.duration_s) if along else ()
    only_b = _without([s.reference for s in segments], b.duration_s) if along else ()
    if relation == "exact" or speaking is None:
        time_ratio, pitch = 1.0, 0.0
    else:
        time_ratio = speaking.time_ratio
        pitch = 0.0 - speaking.pitch_shift_semitones  # of B above A
    gain_db = gain_of(moments)
    sides = _side(a), _side(b)
    return Comparison(
        a=sides[0],
        b=sides[1],
        relation=relation,
        confidence=1.0 if relation == "exact" else speaking.confidence if speaking else 0.0,
        verdict=verdict_of(
            relation, *sides, segments, (only_a, only_b), time_ratio, pitch, gain_db
        ),
        segments=segments,
        time_ratio=time_ratio,
        pitch_shift_semitones=pitch,
        drift_ms=straying_ms(moments),
        gain_db=gain_db,
        moments=moments,
        only_a=only_a,
        only_b=only_b,
        tune=None if melody is None else float(melody.evidence.figures["similarity"]),
        sound=None if sound is None else float(sound.evidence.figures["similarity"]),
        figures={} if recording is None else recording.evidence.figures,
        warnings=(*a.warnings, *b.warnings, *laid.warnings, *unasked),
        outlines=(_outline(a), _outline(b)),
    )


def _relation(a: Heard, b: Heard, findings: dict[Kind, Finding]) -> tuple[Relation, Finding | None]:
    """Return what they are to one another, and the finding that says so."""
    same = a.track is not None and b.track is not None and a.track.number == b.track.number
    recording = findings.get("recording")
    if same or a.content_id == b.content_id:
        return "exact", recording
    kinds: tuple[Kind, ...] = ("recording", "melody", "sound")
    for kind in kinds:
        finding = findings.get(kind)
        if finding is None or finding.confidence < CERTAIN:
            continue
        tie = tie_of(0, finding, a.duration_s, b.duration_s)
        if tie is not None and tie.kind != "exact":
            return tie.kind, finding
    return "different", None


def _without(spans: Sequence[Span], length_s: float) -> tuple[Span, ...]:
    """Return what spans leave out of a length."""
    left, at_s = [], 0.0
    for span in sorted(spans, key=lambda s: s.start_s):
        if span.start_s - at_s >= (_GAP_S if at_s > 0 else 0.05):
            left.append(Span(at_s, span.start_s))
        at_s = max(at_s, span.end_s)
    if length_s - at_s >= 0.05:
        left.append(Span(at_s, length_s))
    return tuple(left)


def _side(heard: Heard) -> Side:
    profile = heard.profile
    track_id = heard.track.id if heard.track is not None else None
    if profile is None:
        return Side(heard.name, heard.duration_s, track_id)
    return Side(
        name=heard.name,
        duration_s=profile.duration_s,
        track_id=track_id,
        codec=profile.codec or None,
        rate_hz=profile.rate_hz,
        channels=profile.channels,
        bytes_per_s=profile.bytes_per_s,
        level_dbfs=profile.levels.level_dbfs,
        peak_dbfs=profile.levels.peak_dbfs,
        highest_hz=profile.highest_hz,
    )


def _outline(heard: Heard) -> Outline | None:
    if heard.profile is None:
        return None
    return Outline(CELL_S, heard.profile.low, heard.profile.high)
