from __future__ import annotations

import io
import threading

import av
import numpy as np
import pytest

from earmark import NotAudioError
from earmark.listen import ContainerFeed

RATE_HZ = 48_000


def pieces_of(samples, form="webm", codec="libopus", rate_hz=RATE_HZ):
    """Encode as a browser does: the bytes of each piece leave before the next is there."""
    left: list[bytes] = []

    class Sink(io.RawIOBase):
        def writable(self):
            return True

        def write(self, data):
            left.append(bytes(data))
            return len(data)

    options = {"webm": {"live": "1", "cluster_time_limit": "100"}}.get(form, {})
    with av.open(Sink(), "w", format=form, options=options) as container:
        stream = container.add_stream(codec, rate=rate_hz, layout="mono")
        for at in range(0, len(samples) - 959, 960):
            block = (samples[at : at + 960] * 32767).astype("<i2")[np.newaxis]
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
            frame.rate, frame.pts = rate_hz, at
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return left


@pytest.fixture
def sweep():
    """Three seconds that rise from 300 to 3300 Hz, so that every moment sounds different."""
    time_s = np.arange(3 * RATE_HZ) / RATE_HZ
    return (0.3 * np.sin(2 * np.pi * (300 * time_s + 500 * time_s**2))).astype(np.float32)


@pytest.mark.parametrize(("form", "codec"), [("webm", "libopus"), ("ogg", "libopus")])
def test_a_stream_in_pieces_is_the_sound_that_went_in(sweep, form, codec):
    with ContainerFeed() as feed:
        for piece in pieces_of(sweep, form, codec):
            feed.feed(piece)
        feed.finish()
        heard = feed.read()
        assert feed.ended
    assert heard.shape[1] == 1
    assert len(heard) == pytest.approx(3 * RATE_HZ, abs=0.05 * RATE_HZ)
    likeness = np.corrcoef(heard[RATE_HZ : 2 * RATE_HZ, 0], sweep[RATE_HZ : 2 * RATE_HZ])[0, 1]
    assert likeness > 0.9


def test_sound_comes_out_while_bytes_still_go_in(sweep):
    told = threading.Event()
    pieces = pieces_of(sweep)
    with ContainerFeed(ready=told.set) as feed:
        for piece in pieces[: len(pieces) * 2 // 3]:
            feed.feed(piece)
        count = 0
        while count < 1.5 * RATE_HZ:
            assert told.wait(5.0), f"only {count} samples came of two seconds"
            told.clear()
            count += len(feed.read())
        assert not feed.ended


def test_what_is_no_audio_is_said_once():
    with ContainerFeed("your stream") as feed:
        feed.feed(b"this is not sound at all " * 4000)
        feed.finish()
        with pytest.raises(NotAudioError, match="your stream"):
            feed.read()
        assert len(feed.read()) == 0
        assert feed.ended


def test_closed_in_the_middle_it_leaves_no_thread(sweep):
    feed = ContainerFeed()
    feed.feed(pieces_of(sweep)[0])
    feed.close()
    feed._thread.join(5.0)
    assert not feed._thread.is_alive()


@pytest.mark.parametrize("fed", [0, 1])
def test_stopped_before_the_first_sound_nothing_is_heard(sweep, fed):
    with ContainerFeed() as feed:
        for piece in pieces_of(sweep)[:fed]:
            feed.feed(piece)
        feed.finish()
        assert len(feed.read()) == 0
        assert feed.ended
