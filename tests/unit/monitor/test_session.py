from __future__ import annotations

import itertools

import numpy as np
import pytest
import soundfile

from earmark import Library, Settings, StoreUnavailableError, UsageError
from earmark.monitor.options import MonitorOptions
from earmark.monitor.session import TAPE_S, Monitor
from earmark.types import Span

RATE_HZ = 16_000


@pytest.fixture(scope="module")
def library(tmp_path_factory, music):
    """Four pieces of music of 20 s, known as recordings."""
    folder = tmp_path_factory.mktemp("session")
    for seed in (1, 2, 3, 4):
        soundfile.write(folder / f"track{seed}.wav", music(seed, 20.0), RATE_HZ)
    settings = Settings(library=str(folder / "library"), workers=1)
    with Library.open(create=True, settings=settings) as opened:
        opened.switch("sound", False)
        opened.add(sorted(folder.glob("*.wav")))
        yield opened


@pytest.fixture
def monitor(library):
    def opened(**how):
        ids = itertools.count()
        options = how.pop("options", MonitorOptions())
        return Monitor(library, options, new_id=lambda: f"d{next(ids)}", **how)

    return opened


def noise(seconds, level=0.003):
    rng = np.random.default_rng(0)
    return rng.normal(0.0, level, round(seconds * RATE_HZ)).astype(np.float32)


def fed(session, *parts, block_s=1.0):
    samples = np.concatenate(parts).astype(np.float32)
    told = []
    for at in range(0, len(samples), round(block_s * RATE_HZ)):
        told += session.feed(samples[at : at + round(block_s * RATE_HZ)])
    return told


def closed(told):
    return {h.detection.id: h.detection for h in told if h.kind == "close"}


def test_a_detection_opens_grows_and_closes_with_a_clip(monitor, music):
    session = monitor()
    told = fed(session, noise(6.0), music(1, 20.0), noise(30.0))
    kinds = [h.kind for h in told if h.detection is not None]
    assert kinds[0] == "open"
    assert kinds[-1] == "close"
    assert set(kinds[1:-1]) == {"update"}
    opened, close = told[0], next(h for h in told if h.kind == "close")
    assert opened.detection.open
    assert opened.at_s - 6.0 <= 10.0  # within ten seconds of the start of the song
    assert not close.detection.open
    assert close.detection.track.source.endswith("track1.wav")
    assert close.detection.start_s == pytest.approx(6.0, abs=0.3)
    assert close.detection.end_s == pytest.approx(26.0, abs=0.3)
    assert close.at_s < 26.0 + 25.0
    assert close.clip.start_s == pytest.approx(close.detection.start_s, abs=0.01)
    assert close.clip.duration_s == pytest.approx(15.0, abs=0.1)
    rest = round((close.clip.start_s - 6.0) * RATE_HZ)
    np.testing.assert_allclose(close.clip.samples, music(1)[rest:][: 15 * RATE_HZ], atol=1e-4)


def test_what_goes_on_at_the_end_is_closed_by_it(monitor, music):
    session = monitor()
    fed(session, music(2, 12.0))
    assert [d.open for d in session.open] == [True]
    told = session.finish()
    (detection,) = closed(told).values()
    assert detection.end_s == pytest.approx(12.0, abs=0.3)
    assert session.open == ()


def test_a_short_hole_is_bridged_and_not_counted_as_played(monitor, music):
    track = music(3, 20.0)
    session = monitor()
    told = fed(session, track[: 9 * RATE_HZ], np.zeros(3 * RATE_HZ), track[9 * RATE_HZ :])
    told += session.finish()
    (detection,) = closed(told).values()
    assert detection.end_s - detection.start_s == pytest.approx(23.0, abs=0.6)
    assert detection.played_s == pytest.approx(20.0, abs=1.5)
    assert len(detection.pieces) == 2


def test_gaps_are_told_when_they_are_over(monitor, music):
    session = monitor()
    silence = np.zeros(12 * RATE_HZ, np.float32)
    told = fed(session, music(1, 15.0), silence, music(2, 15.0), silence)
    told += session.finish()
    gaps = [h.gap for h in told if h.kind == "gap"]
    assert [gap.kind for gap in gaps] == ["silence", "silence"]
    assert gaps[0].span.start_s == pytest.approx(15.0, abs=0.3)
    assert gaps[0].span.end_s == pytest.approx(27.0, abs=0.3)
    assert gaps[1].span.end_s == pytest.approx(54.0, abs=0.1)


def test_an_outage_closes_what_is_open_and_time_goes_on(monitor, music):
    session = monitor()
    told = fed(session, music(1, 12.0))
    told += session.outage(100.0)
    assert [h.outage for h in told if h.kind == "outage"] == [Span(12.0, 112.0)]
    assert session.heard_s == 112.0
    assert session.settled_s == 112.0
    told += fed(session, music(1, 20.0)[12 * RATE_HZ :]) + session.finish()
    before, after = closed(told).values()
    assert before.end_s == pytest.approx(12.0, abs=0.3)
    assert after.start_s == pytest.approx(112.0, abs=0.5)
    assert after.pieces[0].reference.start_s == pytest.approx(12.0, abs=0.5)


def test_plays_without_a_pause_are_two_and_a_loop_is_one(monitor, music):
    track = music(1, 20.0)
    session = monitor()
    told = fed(session, track, track, noise(2.0), track) + session.finish()
    found = sorted(closed(told).values(), key=lambda detection: detection.start_s)
    assert [d.start_s for d in found] == pytest.approx([0.0, 20.0, 42.0], abs=0.5)
    assert [d.end_s for d in found] == pytest.approx([20.0, 40.0, 62.0], abs=0.5)
    session = monitor()
    loop = track[: 9 * RATE_HZ]
    told = fed(session, loop, loop, loop, track[9 * RATE_HZ :]) + session.finish()
    (detection,) = closed(told).values()
    assert detection.end_s == pytest.approx(38.0, abs=0.5)


def test_what_an_outage_does_not_end_goes_on(monitor, music):
    """6 s of a track are lost; then it is played anew, which is another play."""
    session, track = monitor(), music(1, 20.0)
    told = fed(session, track[: 8 * RATE_HZ]) + session.outage(0.0, outlasted=True)
    assert closed(told) == {}
    assert session.still_away(5.0) == []
    told += session.outage(6.0, outlasted=True)
    told += fed(session, track[14 * RATE_HZ :], noise(2.0), track) + session.finish()
    first, second = sorted(closed(told).values(), key=lambda detection: detection.start_s)
    assert [h.detection.id for h in told if h.kind == "open"] == [first.id, second.id]
    spans = [piece.query for piece in first.pieces]
    assert [span.start_s for span in spans] == pytest.approx([0.0, 14.0], abs=0.5)
    assert [span.end_s for span in spans] == pytest.approx([8.0, 20.0], abs=0.5)
    assert second.start_s == pytest.approx(22.0, abs=0.5)
    assert next(h.clip for h in told if h.kind == "close").duration_s == pytest.approx(8, abs=0.5)


def test_what_waits_for_too_long_is_over(monitor, music):
    session = monitor()
    fed(session, music(1, 20.0)[: 8 * RATE_HZ])
    session.outage(0.0, outlasted=True)
    assert len(session.open) == 1
    (closing,) = session.still_away(20.0)
    assert closing.kind == "close"
    assert closing.detection.end_s == pytest.approx(8.0, abs=0.3)
    assert session.open == ()
    session = monitor()  # sound is back in time, and something else
    fed(session, music(1, 20.0)[: 8 * RATE_HZ])
    session.outage(4.0, outlasted=True)
    told = fed(session, noise(25.0))
    assert [h.detection.end_s for h in told if h.kind == "close"] == pytest.approx([8.0], abs=0.3)


def test_a_scan_goes_on_where_it_was_settled(monitor, music):
    parts = [np.concatenate([music(seed, 20.0), noise(10.0)]) for seed in (1, 2, 3, 4, 1, 2)]
    samples = np.concatenate(parts).astype(np.float32)
    whole = monitor()
    told = fed(whole, samples) + whole.finish()
    first = monitor()
    half = fed(first, samples[: 150 * RATE_HZ])
    settled_s = first.settled_s
    assert 30.0 < settled_s < 150.0 - 60.0 + 1e-6 or settled_s <= 150.0
    kept = [d for d in closed(half).values() if d.start_s < settled_s]
    second = monitor(start_s=settled_s)
    rest = fed(second, samples[round(settled_s * RATE_HZ) :]) + second.finish()
    joined = [*kept, *closed(rest).values()]
    expected = list(closed(told).values())
    assert [d.track.id for d in joined] == [d.track.id for d in expected]
    for one, other in zip(joined, expected, strict=True):
        assert one.start_s == pytest.approx(other.start_s, abs=0.3)
        assert one.end_s == pytest.approx(other.end_s, abs=0.3)


def test_short_and_uncertain_ones_are_left_out(monitor, music):
    session = monitor(options=MonitorOptions(least_s=30.0))
    assert closed(fed(session, music(1, 20.0)) + session.finish()) == {}
    session = monitor(options=MonitorOptions(evidence_s=0.0))
    told = fed(session, music(1, 20.0)) + session.finish()
    assert [h.clip for h in told if h.kind == "close"] == [None]


def test_samples_that_are_no_numbers_count_as_silence(monitor, music):
    samples = music(1, 16.0).copy()
    samples[100:200] = np.nan
    samples[300:310] = np.inf
    session = monitor()
    told = fed(session, samples) + session.finish()
    assert len(closed(told)) == 1


def test_nothing_at_all(monitor):
    session = monitor()
    assert session.feed(np.zeros(0, np.float32)) == []
    assert session.finish() == []
    assert session.heard_s == 0.0


def test_memory_is_that_of_the_last_minutes(monitor, music):
    session = monitor()
    for _ in range(8):
        fed(session, music(1, 20.0), noise(10.0), block_s=5.0)
    assert session._tape._held <= (TAPE_S + 5.0) * RATE_HZ
    assert len(session._going) <= 1
    assert len(session._gaps._explained) <= 8
    assert session._opinions._explained == []  # nobody asks for any


def test_two_tracks_at_once_are_two_detections(monitor, music):
    session = monitor()
    told = fed(session, 0.5 * music(1, 20.0) + 0.5 * music(3, 20.0)) + session.finish()
    names = {d.track.source[-10:] for d in closed(told).values()}
    assert names == {"track1.wav", "track3.wav"}


def test_tracks_added_meanwhile_are_heard(tmp_path, library, music, monitor):
    soundfile.write(tmp_path / "new.wav", music(9, 20.0), RATE_HZ)
    session = monitor()
    fed(session, noise(10.0))
    (track_id,) = library.add([tmp_path / "new.wav"]).track_ids
    try:
        told = fed(session, music(9, 20.0)) + session.finish()
        assert [d.track.id for d in closed(told).values()] == [track_id]
    finally:
        library.remove([track_id])


def test_a_library_that_names_no_recordings_cannot_monitor(tmp_path):
    with Library.open(tmp_path / "library", create=True) as library:
        library.switch("recording", False)
        with pytest.raises(UsageError, match="engines --on recording"):
            Monitor(library)


@pytest.mark.parametrize(
    "wrong", [{"also": ("recording",)}, {"least_s": -1.0}, {"least_confidence": 2.0}]
)
def test_options_that_make_no_sense(wrong):
    with pytest.raises(UsageError):
        MonitorOptions(**wrong)


def test_time_goes_on_while_the_library_is_away(monitor, library, music, monkeypatch):
    session = monitor()
    told = fed(session, music(1, 12.0))

    def away(name):
        raise StoreUnavailableError("the library is away")

    with monkeypatch.context() as patched:
        patched.setattr(library._indexes, "current", away)
        with pytest.raises(StoreUnavailableError):
            session.feed(noise(8.0))
    told += fed(session, music(2, 14.0)) + session.finish()
    before, after = closed(told).values()
    assert before.end_s == pytest.approx(12.0, abs=0.3)
    assert after.start_s == pytest.approx(20.0, abs=0.3)


def test_time_goes_on_where_the_library_is_away_at_the_end_too(monitor, music, monkeypatch):
    session = monitor()
    told = fed(session, music(1, 12.0))

    def away():
        raise StoreUnavailableError("the library is away")

    with monkeypatch.context() as patched:
        patched.setattr(session._follow, "finish", away)
        told += session.outage(8.0)
    (before,) = closed(told).values()
    assert before.end_s > 7.0
    assert session.heard_s == 20.0
    (after,) = closed(fed(session, music(2, 14.0)) + session.finish()).values()
    assert after.start_s == pytest.approx(20.0, abs=0.3)


def test_tracks_that_hold_the_same_are_one_detection_through_cuts(tmp_path, music):
    track = music(5, 30.0)
    again = track + np.random.default_rng(1).normal(0.0, 0.0005, len(track)).astype(np.float32)
    for name, samples in (("one", track), ("two", again), ("other", music(6, 20.0))):
        soundfile.write(tmp_path / f"{name}.wav", samples, RATE_HZ)
    settings = Settings(library=str(tmp_path / "library"), workers=1)
    with Library.open(create=True, settings=settings) as library:
        library.switch("sound", False)
        library.add(sorted(tmp_path.glob("*.wav")))
        session = Monitor(library)
        cut = [track[: 12 * RATE_HZ], track[18 * RATE_HZ :], track[6 * RATE_HZ : 16 * RATE_HZ]]
        told = fed(session, noise(5.0), *cut, noise(2.0)) + session.finish()
    (detection,) = closed(told).values()
    assert len(detection.duplicates) == 1
    assert detection.start_s == pytest.approx(5.0, abs=0.3)
    assert detection.end_s == pytest.approx(39.0, abs=0.3)


def test_a_short_track_keeps_a_clip_of_itself_alone(monitor, music):
    session = monitor()
    told = fed(session, noise(6.0), music(2, 20.0)[: 5 * RATE_HZ], noise(40.0))
    (close,) = [h for h in told if h.kind == "close"]
    assert close.clip.start_s == pytest.approx(6.0, abs=0.3)
    assert close.clip.duration_s == pytest.approx(5.0, abs=0.3)
