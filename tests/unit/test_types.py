from __future__ import annotations

import dataclasses
import json

import pytest

from earmark.types import (
    Answer,
    Clip,
    Considered,
    Evidence,
    Finding,
    Landmark,
    Levels,
    Match,
    QueryFacts,
    Segment,
    Span,
    Track,
)

TRACK = Track("id1", "/m/a.wav", "c" * 64, 295.00004, 7, title="T", artist="A")
SEGMENT = Segment(Span(0.0, 9.28), Span(41.02, 50.3))
EVIDENCE = Evidence({"aligned": 41, "margin": 3.123456}, (Landmark(1.0, 42.0, 440.0),))
MATCH = Match("recording", TRACK, 0.97, 41.2, (SEGMENT,), 1.0, 0.0, EVIDENCE, ("id2",))


def test_the_answer_has_the_shape_of_the_public_interface():
    answer = Answer(
        "clip.wav",
        "match",
        (MATCH,),
        QueryFacts(9.28, -23.1, clipped=False),
        considered=(Considered("melody", skipped="already certain"),),
        timing_ms={"decode": 31.04},
    )
    assert json.loads(json.dumps(answer.as_dict())) == {
        "input": "clip.wav",
        "outcome": "match",
        "reason": None,
        "query": {"duration_s": 9.28, "level_dbfs": -23.1, "clipped": False},
        "matches": [
            {
                "kind": "recording",
                "track": {
                    "id": "id1",
                    "title": "T",
                    "artist": "A",
                    "source": "/m/a.wav",
                    "duration_s": 295.0,
                },
                "confidence": 0.97,
                "score": 41.2,
                "segments": [
                    {
                        "query": {"start_s": 0.0, "end_s": 9.28},
                        "reference": {"start_s": 41.02, "end_s": 50.3},
                    }
                ],
                "time_ratio": 1.0,
                "pitch_shift_semitones": 0.0,
                "duplicates": ["id2"],
                "evidence": {"aligned": 41, "margin": 3.1235},
            }
        ],
        "considered": [{"mode": "melody", "skipped": "already certain"}],
        "timing_ms": {"decode": 31.0},
    }


def test_an_error_carries_its_code():
    shape = Answer("a", "error", reason="no", code="not_audio").as_dict()
    assert (shape["outcome"], shape["code"], shape["query"]) == ("error", "not_audio", None)
    assert "warnings" not in shape


def test_a_track_without_tags_is_called_by_its_file():
    assert TRACK.label == "A - T"
    assert dataclasses.replace(TRACK, title="", artist="").label == "a"
    assert "number" not in TRACK.as_dict()


def test_reprs_are_one_line():
    assert repr(MATCH) == "<Match 'A - T' at 41.02 s, confidence 0.97>"
    assert repr(Answer("a", "match", (MATCH, MATCH))).endswith("(+1)>")
    assert repr(Answer("a", "no_match", reason="silent")) == "<Answer 'a': no_match (silent)>"


def test_a_finding_of_a_block_is_moved_in_the_query_only():
    finding = Finding("recording", 7, 0.9, 1.0, (SEGMENT,), 1.0, 0.0, EVIDENCE).shifted(10.0)
    assert finding.segments[0].query.start_s == 10.0
    assert finding.segments[0].reference == SEGMENT.reference
    assert finding.evidence.landmarks[0] == Landmark(11.0, 42.0, 440.0)


def test_levels_judge():
    assert Levels(-120.0, -81.0, 0.0).silent
    assert not Levels(-90.0, -79.0, 0.0).silent
    assert Levels(-3.0, 0.0, 0.01).clipped


def test_a_clip_knows_its_length():
    import numpy as np

    assert Clip(np.zeros(8000, np.float32), 16000).duration_s == pytest.approx(0.5)


def test_nouns_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        TRACK.title = "x"
