"""The judge of timelines, on cases small enough to count by hand."""

from __future__ import annotations

import pytest

from earmark.evaluation.monitor_report import Heard, MonitorReport, floors
from earmark.evaluation.monitor_score import Score, pooled, score
from earmark.evaluation.programme_truth import Alone, Jingle, Played, Stretch, Truth
from earmark.monitor.timeline import Gap, Play, Repeat, Timeline
from earmark.ports import Detection, Piece
from earmark.types import Span, Track


def line(start_s: float, end_s: float, reference_s: float, ratio: float = 1.0):
    return ((start_s, reference_s), (end_s, reference_s + ratio * (end_s - start_s)))


def play(source="a", start_s=10.0, end_s=70.0, reference_s=5.0, ratio=1.0, *, heard=None):
    if heard is None:
        heard = (Stretch(Span(start_s, end_s), "clean"),)
    return Played(source, True, "clean", line(start_s, end_s, reference_s, ratio), tuple(heard))


def piece(start_s=10.0, end_s=70.0, reference_s=5.0, ratio=1.0) -> Piece:
    reference = Span(reference_s, reference_s + ratio * (end_s - start_s))
    return Piece(Span(start_s, end_s), reference, ratio, 0.0, 0.9, 10.0)


def detection(*pieces: Piece, source="a", second=False) -> Detection:
    track = Track(source, source, "", 200.0, 1)
    return Detection(f"{source}{pieces}", "recording", track, 0.9, 10.0, pieces, second=second)


def judged(plays=(), detections=(), **more) -> Score:
    about = {name: more.pop(name) for name in ("jingles", "alone", "beside") if name in more}
    truth = Truth("radio", 0, 100.0, tuple(plays), **about)
    return score(truth, Timeline("x", 100.0, tuple(detections), **more))


def test_a_perfect_timeline():
    found = judged([play()], [detection(piece())])
    assert (found.detected_s, found.right_s, found.right_track_s) == pytest.approx((60, 60, 60))
    assert found.wanted_s == found.found_s == found.found_track_s == {"clean": pytest.approx(60)}
    assert (found.plays, found.found_plays, found.fragments) == (1, 1, 1)
    assert (found.detections, found.false_detections) == (1, 0)
    assert (found.start_errors_s, found.end_errors_s) == ([0.0], [0.0])


@pytest.mark.parametrize(
    ("reference_s", "ratio", "right_s"),
    [(5.4, 1.0, 60), (5.6, 1.0, 0), (4.6, 1.0, 60), (5.0, 1.02, 25), (5.0, 0.9, 5)],
)
def test_the_position_must_be_right_within_half_a_second(reference_s, ratio, right_s):
    found = judged([play()], [detection(piece(reference_s=reference_s, ratio=ratio))])
    assert found.right_s == pytest.approx(right_s, abs=0.11)
    assert found.found_s["clean"] == pytest.approx(right_s, abs=0.11)
    assert (found.right_track_s, found.detected_s) == pytest.approx((60, 60))
    assert found.false_detections == 0


def test_seconds_past_the_end_are_false_and_those_of_a_fade_are_not_asked_for():
    fading = play(heard=[Stretch(Span(12.0, 65.0), "clean")])
    found = judged([fading], [detection(piece(start_s=20.0, end_s=72.0, reference_s=15.0))])
    assert (found.detected_s, found.right_s) == pytest.approx((52, 50))
    assert (found.wanted_s["clean"], found.found_s["clean"]) == pytest.approx((53, 45))
    assert (found.start_errors_s, found.end_errors_s) == ([-8.0], [2.0])
    assert found.beyond == ["20.0-72.0 a: 2.0 s not there, 0.0 s out of place"]
    within = judged([fading], [detection(piece(start_s=11.0, end_s=68.0, reference_s=6.0))])
    assert (within.start_errors_s, within.end_errors_s) == ([0.0], [0.0])


def test_another_track_is_false():
    found = judged([play()], [detection(piece(), source="b"), detection(piece(65.0, 75.0, 60.0))])
    assert (found.detections, found.false_detections) == (2, 1)
    assert (found.detected_s, found.right_s) == pytest.approx((70, 5))
    assert found.wrong == ["10.0-70.0 b (confidence 0.90)"]
    assert found.found_plays == 1


def test_what_is_missed_is_told():
    found = judged([play(), play("b", 80.0, 90.0)], [detection(piece())])
    assert (found.plays, found.found_plays) == (2, 1)
    assert found.missed == ["80.0-90.0 b (clean)"]
    assert found.wanted_s["clean"] - found.found_s["clean"] == pytest.approx(10)
    assert len(found.start_errors_s) == 1


def test_fragments_and_pieces():
    parts = piece(10.0, 30.0, 5.0), piece(32.0, 70.0, 27.0)
    whole = judged([play()], [detection(*parts)])
    broken = judged([play()], [detection(parts[0]), detection(parts[1])])
    assert (whole.fragments, broken.fragments) == (1, 2)
    assert whole.detected_s == broken.detected_s == pytest.approx(58)
    twice = judged([play()], [detection(piece()), detection(piece(20.0, 40.0, 15.0))])
    assert twice.detected_s == pytest.approx(60)  # a second is told once a track


def test_a_loop_is_one_play_with_many_lines():
    rounds = [play("a", 10.0 + 8 * k, 18.0 + 8 * k, 50.0) for k in range(3)]
    right = [piece(10.0 + 8 * k, 18.0 + 8 * k, 50.0) for k in range(3)]
    found = judged(rounds, [detection(*right)])
    assert (found.plays, found.fragments, found.right_s) == (1, 1, pytest.approx(24))
    straight = judged(rounds, [detection(piece(10.0, 34.0, 50.0))])
    assert (straight.right_s, straight.right_track_s) == pytest.approx((8, 24))
    assert straight.end_errors_s == [0.0]


def test_a_speed_that_wanders_and_two_songs_at_once():
    bent = Played(
        "a", True, "dj", ((0.0, 0.0), (50.0, 51.0), (100.0, 100.0)),
        (Stretch(Span(0.0, 100.0), "dj"),),
    )  # fmt: skip
    told = detection(piece(0.0, 50.0, 0.0, 1.02), piece(50.0, 100.0, 51.0, 0.98))
    other = detection(piece(40.0, 60.0, 7.0), source="b")
    found = judged([bent, play("b", 40.0, 60.0, 7.0)], [told, other])
    assert (found.detected_s, found.right_s) == pytest.approx((120, 120))
    assert judged([bent], [detection(piece(0, 100, 0))]).right_s == pytest.approx(50, abs=0.11)


def test_second_opinions_and_unknown_music_are_not_looked_at():
    unknown = Played("a", False, "clean", line(10.0, 70.0, 5.0), play().heard)
    found = judged([unknown], [detection(piece(), second=True)])
    assert (found.plays, found.detections, found.detected_s, found.wanted_s) == (0, 0, 0.0, {})
    assert judged([unknown], [detection(piece())]).false_detections == 1


def test_gaps():
    alone = (Alone("speech", Span(0.0, 10.0)), Alone("music", Span(50.0, 60.0)))
    gaps = (Gap("speech", Span(0.0, 8.0)), Gap("other", Span(55.0, 70.0)))
    found = judged(alone=alone, gaps=gaps)
    assert (found.gap_s, found.gap_told_s, found.gap_right_s) == (20.0, 13.0, 8.0)
    assert found.kinds == {("speech", "speech"): 8.0, ("music", "other"): 5.0}


def group(*spans: tuple[float, float]) -> Repeat:
    return Repeat("r", tuple(Play("x", Span(*span)) for span in spans))


PLAYS = ((10.0, 18.0), (40.0, 48.0), (80.0, 88.0))
JINGLE = Jingle("j", "z", tuple(Span(*play) for play in PLAYS))


@pytest.mark.parametrize(
    ("groups", "grouped", "false"),
    [
        ((group(*PLAYS),), 1, 0),
        ((group(*PLAYS[:2]),), 1, 0),  # two thirds of three
        ((group((10.0, 13.0), (40.0, 43.0), (80.0, 83.0)),), 0, 0),  # less than half of it
        ((group((9.0, 20.0), (38.0, 49.0), (80.0, 88.0)),), 1, 0),
        ((group((20.0, 30.0), (60.0, 70.0)),), 0, 1),
        ((group(PLAYS[0], (60.0, 70.0)),), 0, 1),
        ((group(PLAYS[0], PLAYS[1]), group(PLAYS[2], (60.0, 68.0))), 1, 1),
        ((), 0, 0),
    ],
)
def test_groups(groups, grouped, false):
    found = judged(jingles=(JINGLE,), repeats=groups).groups
    assert (found.jingles, found.grouped, found.false_groups) == (1, grouped, false)


def test_unknown_music_that_really_comes_again_is_no_false_group():
    songs = [
        Played("u", False, "clean", line(0.0, 20.0, 30.0)),
        Played("u", False, "clean", line(50.0, 80.0, 40.0)),  # 40 to 70 s of it
        Played("v", False, "clean", line(80.0, 100.0, 40.0)),
    ]
    again, early, other = (
        judged(songs, repeats=(group((10.0, 20.0), second),)).groups.false_groups
        for second in ((50.0, 60.0), (65.0, 75.0), (80.0, 90.0))
    )
    assert (again, early, other) == (0, 1, 1)


def test_speech_that_really_comes_again_is_counted_apart():
    said = [
        Played("speech 1", False, "clean", line(0.0, 20.0, 30.0)),
        Played("speech 1", False, "clean", line(50.0, 80.0, 40.0)),  # 40 to 70 s of it
        Played("speech 2", False, "clean", line(80.0, 100.0, 40.0)),
    ]
    counts = []
    for second in ((50.0, 60.0), (65.0, 75.0), (80.0, 90.0)):
        found = judged(beside=said, repeats=(group((10.0, 20.0), second),)).groups
        counts.append((found.false_groups, found.beside))
    assert counts == [(0, 1), (1, 0), (1, 0)]
    both = found + judged(beside=said, repeats=(group((10.0, 20.0), (50.0, 60.0)),)).groups
    assert (both.false_groups, both.beside) == (1, 1)
    assert judged(jingles=(JINGLE,), beside=said, repeats=(group(*PLAYS),)).groups.beside == 0


def test_jingles_played_twice_are_not_asked_for():
    twice = Jingle("j", "z", JINGLE.plays[:2])
    found = judged(jingles=(twice,), repeats=(group(*PLAYS[:2]),)).groups
    assert (found.jingles, found.false_groups) == (0, 0)


def test_figures_of_several_programmes():
    good = judged([play()], [detection(piece())])
    bad = judged([play()], [detection(piece(), source="b")], alone=(Alone("music", Span(0, 5)),))
    both = pooled([good, bad])
    assert (both.duration_s, both.plays, both.found_plays) == (200.0, 2, 1)
    assert both.wanted_s["clean"] == pytest.approx(120)
    report = MonitorReport(
        (Heard("radio", 0, good, 1.0), Heard("dj", 0, bad, 1.0), Heard("unknown", 0, bad, 2.0)),
        {"tracks_indexed": 2},
    )
    figures = report.figures()
    assert (figures["precision"], figures["recall"], figures["recall_dj"]) == (1.0, 1.0, 0.0)
    assert (figures["detections_unknown"], figures["false_detections"]) == (1, 2)
    assert (figures["x_real_time"], figures["tracks_indexed"]) == (75.0, 2)
    assert figures["recall.clean"] == pytest.approx(1 / 3)
    assert "recall_speed" not in figures
    assert report.as_dict()["programmes"] == 3
    assert "x_real_time: 150 wanted, 75 measured" in report.table()
    missed = [miss.name for miss in floors(report, {"precision": 1.0, "false_detections": 1})]
    assert missed == ["false_detections"]
    assert [miss.name for miss in floors(report, {"recall_speed": 0.5})] == ["recall_speed"]
