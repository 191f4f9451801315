"""A comparison in one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from earmark.twins.facts import Relation, Side
from earmark.types import Segment, Span
from earmark.units import clock, ratio_to_semitones

_FASTER = 0.0005  # as a share; clocks of two machines differ by less
_GAIN_DB = 0.5
_PITCH = 0.05
_TRIM_S = 0.1
_BAND = 0.85  # of the other's highest frequency
_LOW_HZ = 20_000.0


def verdict_of(
    relation: Relation,
    a: Side,
    b: Side,
    segments: Sequence[Segment],
    only: tuple[Sequence[Span], Sequence[Span]],
    time_ratio: float,
    pitch_semitones: float,
    gain_db: float | None,
) -> str:
    """Return what a person wants to hear first.

    Parameters
    ----------
    segments
        Longest first, A's stretch as the query.
    only
        What A has alone, and what B has alone.
    """
    if relation == "exact":
        return "the same samples" + _told(_formats(a, b))
    if relation == "recording":
        facts = _trims(a, b, only) + _bends(time_ratio, pitch_semitones) + _loudness(gain_db)
        return "the same recording" + _told(facts + _bands(a, b) + _formats(a, b))
    if relation == "excerpt":
        facts = _bends(time_ratio, pitch_semitones) + _loudness(gain_db)
        return _part(a, b, segments) + _told(facts + _bands(a, b))
    if relation == "tune":
        return "another recording of the same tune" + _told(_key(pitch_semitones, time_ratio))
    if relation == "sound":
        return "no recording in common, but nearly the same sound"
    return "nothing in common"


def _told(facts: Sequence[str]) -> str:
    return f", {_listed(facts)}" if facts else ""


def _listed(facts: Sequence[str]) -> str:
    if len(facts) < 2:
        return "".join(facts)
    return f"{', '.join(facts[:-1])} and {facts[-1]}"


def _part(a: Side, b: Side, segments: Sequence[Segment]) -> str:
    longest = segments[0]
    a_s, b_s = (
        sum(span.duration_s for span in spans)
        for spans in ([s.query for s in segments], [s.reference for s in segments])
    )
    where = f"{_range(longest.query)} of A is {_range(longest.reference)} of B"
    more = f" (and {len(segments) - 1} more stretches)" if len(segments) > 1 else ""
    if b_s >= 0.8 * b.duration_s:
        return f"B is a part of A: {where}{more}"
    if a_s >= 0.8 * a.duration_s:
        return f"A is a part of B: {where}{more}"
    return f"they share {a_s:.1f} s: {where}{more}"


def _range(span: Span) -> str:
    return f"{clock(span.start_s)}-{clock(span.end_s)}"


def _trims(a: Side, b: Side, only: tuple[Sequence[Span], Sequence[Span]]) -> list[str]:
    """Return what is missing at the ends of B, or of A."""
    facts = []
    for name, spans, side in (("B", only[0], a), ("A", only[1], b)):
        for span in spans:
            if span.duration_s < _TRIM_S:
                continue
            if span.start_s <= 0.0:
                where = "at the start"
            elif span.end_s >= side.duration_s:
                where = "at the end"
            else:
                where = f"at {clock(span.start_s)}"
            facts.append(f"{name} is {span.duration_s:.1f} s shorter {where}")
    return facts if len(facts) <= 4 else [*facts[:3], f"{len(facts) - 3} more differences"]


def _bends(time_ratio: float, pitch_semitones: float) -> list[str]:
    """Return speed and pitch; a tape that runs faster sounds higher, which goes without saying."""
    faster = 1.0 / time_ratio - 1.0
    if abs(faster) < _FASTER:
        return _pitched(pitch_semitones)
    told = f"B is {abs(faster) * 100:.1f} % {'faster' if faster > 0 else 'slower'}"
    if abs(pitch_semitones) < _PITCH:
        return [f"{told} at the same pitch"] if abs(faster) > 0.01 else [told]
    if abs(pitch_semitones - ratio_to_semitones(1.0 + faster)) < _PITCH:
        return [told]
    return [told, *_pitched(pitch_semitones)]


def _pitched(semitones: float) -> list[str]:
    if abs(semitones) < _PITCH:
        return []
    return [f"B sounds {abs(semitones):.2f} semitones {'higher' if semitones > 0 else 'lower'}"]


def _key(pitch_semitones: float, time_ratio: float) -> list[str]:
    facts = []
    steps = round(pitch_semitones)
    if steps:
        facts.append(f"B is {abs(steps)} semitones {'higher' if steps > 0 else 'lower'}")
    faster = 1.0 / time_ratio - 1.0
    if abs(faster) >= 0.03:
        facts.append(f"B is {abs(faster) * 100:.0f} % {'faster' if faster > 0 else 'slower'}")
    return facts


def _loudness(gain_db: float | None) -> list[str]:
    if gain_db is None or abs(gain_db) < _GAIN_DB:
        return []
    return [f"B is {abs(gain_db):.1f} dB {'louder' if gain_db > 0 else 'quieter'}"]


def _bands(a: Side, b: Side) -> list[str]:
    for name, side, other in (("B", b, a), ("A", a, b)):
        if side.highest_hz is None or other.highest_hz is None:
            return []
        if side.highest_hz < min(_LOW_HZ, _BAND * other.highest_hz):
            highs = f"{side.highest_hz / 1000:.1f} kHz"
            return [f"{name} ends at {highs} (the other at {other.highest_hz / 1000:.1f} kHz)"]
    return []


def _formats(a: Side, b: Side) -> list[str]:
    facts = []
    if a.codec and b.codec and a.codec != b.codec:
        facts.append(f"B is {b.codec} instead of {a.codec}")
    if a.channels and b.channels and a.channels != b.channels:
        facts.append(f"B has {b.channels} channel{'s' * (b.channels != 1)} instead of {a.channels}")
    if a.rate_hz and b.rate_hz and a.rate_hz != b.rate_hz:
        facts.append(f"B is at {b.rate_hz} Hz instead of {a.rate_hz} Hz")
    return facts
