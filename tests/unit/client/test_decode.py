"""JSON becomes the classes it was made from, or one error."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest

from earmark import (
    Answer,
    Considered,
    Contours,
    Evidence,
    Landmark,
    Match,
    QueryFacts,
    Segment,
    ServiceError,
    Span,
    Track,
)
from earmark.client import answer_from, track_from
from earmark.client.tidings import about, job, stats
from earmark.reports import LibraryStats
from earmark.service.answering.drawing import answer_shape


@pytest.fixture
def answer() -> Answer:
    line = np.array([60.0, np.nan, 62.5], np.float32)
    match = Match(
        kind="melody",
        track=Track("t1", "a.flac", "", 295.0, -1, "Prelude", "Ada"),
        confidence=0.97,
        score=41.25,
        segments=(Segment(Span(0.0, 9.25), Span(41.0, 50.25)),),
        time_ratio=1.00125,
        pitch_shift_semitones=-2.5,
        evidence=Evidence(
            figures={"landmarks": 182, "rate": 0.5},
            landmarks=(Landmark(1.5, 42.5, 440.0),),
            contours=Contours(np.array([0.0, 0.5, 1.0], np.float32), line, line + 12),
            labels={"Dog": 0.5},
        ),
        duplicates=("t2",),
    )
    return Answer(
        input="clip.wav",
        outcome="match",
        matches=(match,),
        query=QueryFacts(9.25, -23.5, True, 7.5),
        considered=(Considered("melody", note="1 match"), Considered("sound", skipped="certain")),
        timing_ms={"decode": 31.0},
        warnings=("cut short",),
    )


def through_json(shape):
    return json.loads(json.dumps(shape))


def test_an_answer_comes_back_as_it_was(answer):
    back = answer_from(through_json(answer_shape(answer, drawing=True)))
    assert back.as_dict() == answer.as_dict()
    assert back.best.track == answer.best.track
    assert back.best.evidence.landmarks == answer.best.evidence.landmarks
    lines, wanted = back.best.evidence.contours, answer.best.evidence.contours
    assert lines.tune_semitones.dtype == np.float32
    for name in ("times_s", "sung_semitones", "tune_semitones"):
        np.testing.assert_array_equal(getattr(lines, name), getattr(wanted, name))


def test_without_a_drawing_there_is_none(answer):
    evidence = answer_from(through_json(answer.as_dict())).best.evidence
    assert (evidence.landmarks, evidence.contours) == ((), None)


def test_no_match_and_errors_are_answers():
    nothing = Answer("a.wav", "no_match", reason="nothing matches")
    wrong = Answer("a.wav", "error", reason="it is empty", code="empty")
    for one in (nothing, wrong):
        assert answer_from(through_json(one.as_dict())) == one


def test_a_track_comes_back_as_it_was(track):
    back = track_from(track)
    assert back.as_dict() == track
    assert isinstance(back, Track)
    assert back.label == "Ada - Prelude"


def test_stats_come_back_as_they_were():
    there = LibraryStats(3, 2, 12.5, 4096, {"sound": {"bytes": 5}}, {"sound": {"model": "builtin"}})
    assert stats(through_json(there.as_dict())) == there


def test_a_job_that_has_not_begun(job):
    from earmark.client import tidings

    del job["progress"], job["started_at"], job["ended_at"], job["report"]
    waiting = tidings.job(job | {"state": "queued"})
    assert not waiting.ended
    assert (waiting.report, waiting.progress.done) == (None, 0)


def spoilt(shape):
    """Yield copies of a JSON value in each of which one place is something else."""
    for place in places(shape, ()):
        for wrong in (None, [], {}, "x", -1, 1e999, True):
            copied = copy.deepcopy(shape)
            inner = copied
            for step in place[:-1]:
                inner = inner[step]
            inner[place[-1]] = wrong
            yield copied
        copied = copy.deepcopy(shape)
        inner = copied
        for step in place[:-1]:
            inner = inner[step]
        del inner[place[-1]]
        yield copied


def places(shape, at):
    items = shape.items() if isinstance(shape, dict) else enumerate(shape)
    for name, inner in items:
        yield (*at, name)
        if isinstance(inner, dict | list):
            yield from places(inner, (*at, name))


def test_spoilt_answers_are_one_error_or_an_answer(answer):
    refused = []
    for shape in spoilt(through_json(answer_shape(answer, drawing=True))):
        try:
            assert isinstance(answer_from(shape), Answer)
        except ServiceError as error:
            refused.append(error.message)
    assert len(refused) > 200
    assert not any("\n" in message for message in refused)


@pytest.mark.parametrize("what", ["track", "job"])
def test_spoilt_tracks_and_jobs_are_one_error_or_none(what, request):
    from earmark.client.shapes import readable
    from earmark.client.tidings import job as read_job

    refused = 0
    for shape in spoilt(request.getfixturevalue(what)):
        try:
            with readable("it"):
                track_from(shape) if what == "track" else read_job(shape)
        except ServiceError:
            refused += 1
    assert refused > 30


@pytest.mark.parametrize("json", [None, 5, "x", [], {}, [[]]])
def test_other_json_is_refused(json):
    for read in (answer_from, track_from):
        with pytest.raises(ServiceError, match="not what an earmark service"):
            read(json)
    for read in (about, job, stats):
        with pytest.raises((TypeError, KeyError)):
            read(json)
