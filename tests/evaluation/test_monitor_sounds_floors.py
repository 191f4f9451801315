"""Floors of what a monitor says of unknown sound: repeats are grouped, kinds are told apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from made_up_speech import made_up_speech
from sheets import RATE_HZ, sheet

from earmark.evaluation.codec import mp3_round_trip
from earmark.monitor.hearing import STATES, Hearing
from earmark.monitor.repeats import Repeats
from earmark.monitor.timeline import overlap_s
from earmark.types import Span

FILES = 6
JINGLES = 4
PLAYS = 3
TRACK_S = 16
LEAST_GROUPED = 4
LEAST_PLAYS = 11
MOST_FALSE = 0
LEAST_RIGHT = 0.9


@pytest.fixture(scope="module")
def tracks():
    package = pytest.importorskip(
        "immich_memories_music", reason="pip install immich-memories-music to run this"
    )
    found = []
    for path in sorted((Path(package.__file__).parent / "tracks").rglob("*.opus"))[:22]:
        with soundfile.SoundFile(path) as sound:
            assert sound.samplerate == 3 * RATE_HZ
            stereo = sound.read(TRACK_S * 3 * RATE_HZ, dtype="float32", always_2d=True)
        found.append(stereo.reshape(-1, 6).mean(axis=1))
    return found


def spoilt(jingle, number, rng):
    """Cut at both ends and at another gain; one play in three talked over, one through MP3."""
    ends = rng.uniform(0.2, 0.8, 2)
    play = jingle[int(ends[0] * RATE_HZ) : len(jingle) - int(ends[1] * RATE_HZ)]
    play = play * np.float32(rng.uniform(0.1, 1.0))
    if number % 3 == 1:
        talk = made_up_speech(number, len(play) / RATE_HZ)[: len(play)]
        play = play[: len(talk)]
        play = play + talk * np.float32(np.sqrt(np.mean(play**2) / np.mean(talk**2)))
    return mp3_round_trip(play, RATE_HZ, 64_000) if number % 3 == 2 else play


def test_planted_jingles_are_grouped_and_nothing_else(tracks):
    rng = np.random.default_rng(1)
    lengths = (6, 8, 10, 14)
    jingles = [tracks[i][RATE_HZ : (1 + lengths[i]) * RATE_HZ] for i in range(JINGLES)]
    repeats, truth, number = Repeats(), {}, 0
    for file in range(FILES):
        parts, length = [tracks[JINGLES + 3 * file]], TRACK_S * RATE_HZ
        for slot in range(2):
            jingle = (2 * file + slot) % JINGLES
            play = spoilt(jingles[jingle], number, rng)
            number += 1
            span = Span(length / RATE_HZ, (length + len(play)) / RATE_HZ)
            truth.setdefault(jingle, []).append((f"file {file}", span))
            parts += [play, tracks[JINGLES + 3 * file + slot + 1]]
            length += len(play) + len(parts[-1])
        repeats.take(f"file {file}", sheet(np.concatenate(parts)))
    groups = repeats.find()
    hits = []
    for plays in truth.values():
        assert len(plays) == PLAYS
        found = [
            sum(
                any(p.source == name and overlap_s(p.span, span) > 0.5 * span.duration_s for p in g)
                for name, span in plays
            )
            for g in (group.plays for group in groups)
        ]
        hits.append(max(found, default=0))
    assert sum(hit >= 2 for hit in hits) >= LEAST_GROUPED
    assert sum(hits) >= LEAST_PLAYS
    assert len(groups) - sum(hit >= 2 for hit in hits) <= MOST_FALSE


def test_music_and_talk_are_told_apart_in_most_seconds(tracks):
    right = {"music": 0.0, "speech": 0.0}
    whole = dict(right)
    hearing, at, truth = Hearing(), 0.0, []
    for number, track in enumerate(tracks[::3]):
        for kind, samples in (("music", track), ("speech", made_up_speech(number, 12.0))):
            told = sheet(samples, at)
            hearing.take(told)
            end = at + len(told.salience) * told.frame_s
            truth.append((kind, Span(at, end)))
            at = end
    labels = hearing.labelled(0.0, at)
    assert {kind for kind, _ in labels} <= set(STATES)
    for kind, span in truth:
        whole[kind] += span.duration_s
        right[kind] += sum(overlap_s(piece, span) for label, piece in labels if label == kind)
    assert right["music"] / whole["music"] >= LEAST_RIGHT
    assert right["speech"] / whole["speech"] >= LEAST_RIGHT
