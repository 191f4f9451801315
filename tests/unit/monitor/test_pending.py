import numpy as np
import pytest

from earmark.errors import StoreUnavailableError
from earmark.monitor.pending import Logged, Pending, Told
from earmark.monitor.timeline import Happening
from earmark.ports import Detection, Outage, Piece
from earmark.types import Clip, Span, Track

CLIP = Clip(np.zeros(160, np.float32), 16, 0.0)


def logged(number, kind="close"):
    track = Track(id="t", title="T", source="t.wav", duration_s=9.0, content_id="c", number=1)
    piece = Piece(Span(0.0, 5.0), Span(0.0, 5.0), 1.0, 0.0, 0.9, 30.0)
    detection = Detection(str(number), "recording", track, 0.9, 30.0, (piece,))
    return Logged(Happening(kind, 5.0, detection, clip=CLIP), 1000.0)


def test_it_is_written_in_order_and_what_fails_stays():
    pending, written = Pending(), []
    items = [logged(1, "open"), Told("stream.down", {}), logged(1), Told("stream.live", {})]
    for item in items:
        pending.put(item)

    def one(item):
        if len(written) == 2:
            raise StoreUnavailableError("away")
        written.append(item)

    with pytest.raises(StoreUnavailableError):
        pending.write(one)
    assert (written, len(pending)) == (items[:2], 2)
    written.append(None)
    pending.write(one)
    assert written[3:] == items[2:]


def test_the_end_of_an_outage_takes_the_place_of_its_beginning():
    pending, written = Pending(), []
    pending.put(Outage("o", "s", 1.0, None, "gone"))
    pending.put(Outage("o", "s", 1.0, 9.0, "gone"))
    pending.write(written.append)
    assert written == [Outage("o", "s", 1.0, 9.0, "gone")]


def test_memory_is_bounded():
    pending, written = Pending(most=100, most_clips=10), []
    for number in range(250):
        pending.put(logged(number))
    assert (len(pending), pending.lost) == (100, 150)
    pending.write(written.append)
    assert [item.happening.clip is not None for item in written] == [False] * 90 + [True] * 10
