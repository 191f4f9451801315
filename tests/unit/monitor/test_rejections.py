from __future__ import annotations

from dataclasses import replace

import pytest
from webhook_host import made_detection

from earmark.monitor.rejections import is_rejected, rejection_of
from earmark.ports import Entry, Rejection
from earmark.types import Span


def kept(start_s, end_s, detection_id="old"):
    return Rejection("radio", "t1", Span(start_s, end_s), detection_id)


@pytest.mark.parametrize(
    ("pair", "again"),
    [
        ((20.0, 50.0), True),  # the same
        ((35.0, 65.0), True),  # half of either
        ((36.0, 66.0), False),
        ((49.0, 51.0), True),  # half of the shorter one
        ((49.1, 51.1), False),
        ((0.0, 200.0), True),
        ((60.0, 90.0), False),
        ((30.0, 30.0), False),  # nothing was rejected
    ],
)
def test_half_of_the_shorter_stretch_is_the_same_pair(pair, again):
    assert is_rejected(made_detection("new", reference_s=20.0), [kept(*pair)]) is again


def test_the_longest_piece_speaks():
    long, short = made_detection(reference_s=20.0), made_detection(end_s=15.0, reference_s=100.0)
    both = replace(long, pieces=(*short.pieces, *long.pieces))
    assert is_rejected(both, [kept(20.0, 50.0)])
    assert not is_rejected(both, [kept(100.0, 105.0)])
    entry = Entry(both, "s", "radio", "stream:1", 0.0)
    assert rejection_of(entry) == Rejection("radio", "t1", Span(20.0, 50.0), "d1")


def test_its_own_rejection_does_not_hide_a_detection():
    assert not is_rejected(made_detection("old"), [kept(0.0, 30.0, "old")])
    assert is_rejected(made_detection("old"), [kept(0.0, 30.0, "old"), kept(0.0, 30.0, "older")])
    assert not is_rejected(made_detection("old"), [])
