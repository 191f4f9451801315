"""Findings get the names of tracks, and become the matches of an answer."""

from __future__ import annotations

from collections.abc import Sequence

from earmark.narrowing import admits
from earmark.ports import TrackStore
from earmark.types import Finding, Match, Track, Within

ANYTHING = Within()


def named(
    tracks: TrackStore, findings: Sequence[Finding], within: Within = ANYTHING
) -> list[Match]:
    """Return one match for each finding, in their order.

    Findings of tracks that were removed since, that a better match has named among its
    duplicates, or that ``within`` does not admit, are left out.
    """
    numbers = {n for finding in findings for n in (finding.number, *finding.alike)}
    holders = {
        number: [track for track in held if admits(within, track)]
        for number, held in tracks.by_number(sorted(numbers)).items()
    }
    told: set[int] = set()
    matches: list[Match] = []
    for finding in findings:
        own = holders.get(finding.number)
        if not own or finding.number in told:
            continue
        others = [track for n in finding.alike for track in holders.get(n, ()) if n not in told]
        told.update((finding.number, *finding.alike))
        matches.append(_match(finding, own[0], [*own[1:], *others]))
    return matches


def _match(finding: Finding, track: Track, duplicates: Sequence[Track]) -> Match:
    return Match(
        kind=finding.kind,
        track=track,
        confidence=finding.confidence,
        score=finding.score,
        segments=finding.segments,
        time_ratio=finding.time_ratio,
        pitch_shift_semitones=finding.pitch_shift_semitones,
        evidence=finding.evidence,
        duplicates=tuple(dict.fromkeys(other.id for other in duplicates)),
    )
