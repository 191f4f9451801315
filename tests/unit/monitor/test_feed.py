"""A source that comes and goes: waits, states and outages, on a clock of the test's own."""

import random
import threading
from contextlib import contextmanager

import numpy as np
import pytest

from earmark.errors import FetchError, NotAudioError, UsageError
from earmark.monitor.feed import Away, Feed, Heard, Turn

RATE_HZ = 100
SECOND = np.zeros(RATE_HZ, np.float32)


class Sender:
    """What comes of each connection: blocks of a second, then an error, or None for an end."""

    def __init__(self, *scripts, live=True):
        self.scripts = list(scripts)
        self.live = self.clocked = live
        self.now = 1000.0
        self.waits = []
        self.stop = threading.Event()

    @contextmanager
    def __call__(self, stop):
        assert stop is self.stop
        yield self

    def __iter__(self):
        count, error = self.scripts.pop(0)
        for _ in range(count):
            self.now += 1.0
            yield SECOND
        if error is not None:
            raise error

    def wait(self, stop, seconds):
        self.waits.append(seconds)
        self.now += seconds
        if not self.scripts:
            stop.set()
        return stop.is_set()

    def run(self, **how):
        feed = Feed(
            self, RATE_HZ, clock=lambda: self.now, wait=self.wait, chance=lambda: 1.0, **how
        )
        return list(feed.run(self.stop))


def test_a_source_that_ends():
    sender = Sender((2, None), live=False)
    told = sender.run()
    assert [type(one) for one in told] == [Turn, Turn, Heard, Heard, Turn]
    assert [one.state for one in told if isinstance(one, Turn)] == ["connecting", "live", "ended"]
    assert [one.at for one in told if isinstance(one, Heard)] == [1001.0, 1002.0]
    assert told[1].at == 1000.0  # live since its first sample


def test_an_outage_is_told_when_it_begins_and_when_it_is_over():
    sender = Sender((3, FetchError("it broke off")), (0, FetchError("no answer")), (1, None))
    told = sender.run()
    away = [one for one in told if isinstance(one, Away)]
    assert away[:2] == [
        Away(1003.0, None, "it broke off"),
        Away(1003.0, 1006.0, "it broke off"),  # waits of 1 and 2 s
    ]
    assert [one.error for one in told if isinstance(one, Turn) and one.state == "down"] == [
        "it broke off",
        "no answer",
        "the stream ended",
    ]
    assert away[2:] == [Away(1007.0, None, "the stream ended")]


def test_waits_double_up_to_a_minute_and_are_short_again_after_a_good_while():
    gone = (0, FetchError("gone"))
    sender = Sender(*[gone] * 8, (9, None), (10, None), gone)
    sender.run()
    assert sender.waits == [1, 2, 4, 8, 16, 32, 60, 60, 60, 1, 2]


def test_waits_differ_by_chance():
    sender = Sender((0, FetchError("gone")))
    feed = Feed(sender, RATE_HZ, wait=sender.wait, chance=lambda: 0.0)
    list(feed.run(sender.stop))
    assert sender.waits == [0.5]


def test_chance_leaves_the_programs_own_alone():
    sender = Sender(*[(0, FetchError("away"))] * 4, (1, None))
    state = random.getstate()
    list(Feed(sender, RATE_HZ, clock=lambda: sender.now, wait=sender.wait).run(sender.stop))
    assert random.getstate() == state
    assert len({wait_s / 2**turn for turn, wait_s in enumerate(sender.waits[:4])}) == 4


def test_where_it_is_not_insisted_the_first_connection_has_to_succeed():
    with pytest.raises(FetchError, match="gone"):
        Sender((0, FetchError("gone"))).run(insist=False)
    sender = Sender((1, None), (0, FetchError("gone")))
    sender.run(insist=False)
    assert len(sender.waits) == 2


def test_what_is_not_live_is_not_begun_anew():
    with pytest.raises(NotAudioError):
        Sender((5, NotAudioError("no sound")), live=False).run()


def test_an_address_that_can_never_be_opened():
    with pytest.raises(UsageError):
        Sender((0, UsageError("ftp is not known"))).run()


def test_an_address_that_cannot_be_opened_now():
    sender = Sender((0, None))

    def opening(stop):
        raise FetchError("no name server answers")

    feed = Feed(opening, RATE_HZ, clock=lambda: sender.now, wait=sender.wait)
    sender.scripts.clear()
    away = [one for one in feed.run(sender.stop) if isinstance(one, Away)]
    assert [one.reason for one in away] == ["no name server answers"]


def test_a_stop_during_a_wait():
    sender = Sender((1, None))
    told = sender.run()  # `wait` sets the event
    assert told[-1] == Away(1001.0, None, "the stream ended")
