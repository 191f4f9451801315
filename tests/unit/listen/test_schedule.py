from __future__ import annotations

import pytest

from earmark.listen.schedule import certain, next_look_s
from earmark.types import Answer, Evidence, Match, Track


def answer(confidence, track="a", kind="recording", bent=0):
    found = Track(track, f"{track}.wav", "", 10.0, 1)
    match = Match(kind, found, confidence, 9.0, (), 1.0, 0.0, Evidence({"tried_warps": bent}))
    return Answer("sound", "match", (match,))


NOTHING = Answer("sound", "no_match")


@pytest.mark.parametrize(
    ("now", "before", "looks", "sounded_s", "sure"),
    [
        (answer(0.995), None, 1, 1.5, True),
        (answer(0.98), None, 1, 1.5, False),
        (answer(0.995, bent=1), NOTHING, 2, 2.0, False),
        (answer(0.995), NOTHING, 2, 2.0, True),
        (answer(0.995), NOTHING, 3, 3.0, False),
        (answer(0.95), answer(0.92), 2, 2.0, True),
        (answer(0.95), answer(0.92, "b"), 7, 9.0, False),
        (answer(0.95), answer(0.85), 7, 9.0, False),
        (answer(0.95, bent=1), answer(0.95), 3, 3.0, False),
        (answer(0.95, bent=1), answer(0.95), 4, 4.0, True),
        (answer(0.995, kind="melody"), None, 1, 7.0, False),
        (answer(0.95, kind="melody"), answer(0.95, kind="melody"), 7, 9.0, True),
        (answer(0.95, kind="melody"), answer(0.95), 7, 9.0, False),
        (answer(1.0, kind="sound"), answer(1.0, kind="sound"), 2, 9.0, False),
        (NOTHING, answer(1.0), 2, 9.0, False),
    ],
)
def test_what_is_certain_early(now, before, looks, sounded_s, sure):
    assert certain(now, before, looks, sounded_s) is sure


def test_looks_go_on_after_the_table():
    now_s, looks = 0.0, []
    while now_s < 40.0:
        now_s = next_look_s(now_s)
        looks.append(now_s)
    assert looks == [1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 9.0, 12.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0]
