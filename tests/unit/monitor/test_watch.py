"""A watch of a real station on this machine, which sends faster than the clock."""

import itertools
import sqlite3
import threading
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from radio import BREAK, STALL, Show, encoded, on_air, paced

from earmark import Library, Settings
from earmark.errors import FetchError, UsageError
from earmark.monitor.desk import Desk
from earmark.monitor.feed import live_opening
from earmark.monitor.watch import Watch
from earmark.ports import Outage, Stream

RATE_HZ = 16_000


@pytest.fixture(scope="module")
def place(tmp_path_factory, music):
    """A library of two pieces of music, known as recordings."""
    folder = tmp_path_factory.mktemp("watch")
    for seed in (1, 2):
        soundfile.write(folder / f"music {seed}.wav", music(seed), RATE_HZ)
    settings = Settings(library=str(folder / "library"), workers=1, lock_wait_s=0.05)
    with Library.open(create=True, settings=settings) as library:
        library.switch("melody", False)
        library.switch("sound", False)
        library.add(sorted(folder.glob("*.wav")))
    return settings


@pytest.fixture
def library(place):
    with Library.open(settings=place) as opened:
        yield opened


@pytest.fixture
def desk(place, library, tmp_path):
    with Desk.open(library, place, str(tmp_path / "evidence")) as opened:
        yield opened


@pytest.fixture
def radio(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with on_air() as station:
        yield station


@pytest.fixture(scope="module")
def programme(music):
    """Unknown music, two songs of 20 s, unknown music: 60 s."""
    parts = [music(90)[: 10 * RATE_HZ], music(1), music(2), music(91)[: 10 * RATE_HZ]]
    return encoded(np.concatenate(parts), RATE_HZ, "mp3", "libmp3lame")


names = itertools.count()


def watched(library, desk, url, **how):
    stream = Stream(f"s{next(names)}", "Station", url)
    return Watch(library, desk, stream, chance=lambda: 0.0, **how)


def short(stop, seconds):
    return stop.wait(seconds / 20)


def of(events, *kinds):
    return [event for event in events if event.kind in kinds]


def test_what_is_played_is_told_and_written_down(library, desk, radio, programme):
    url = radio.play("/file", programme, length=len(programme)).replace("://", "://me:secret@")
    desk.add_webhook("http://127.0.0.1:9/hook", secret="0123456789abcdef")
    watch = watched(library, desk, url)
    events = list(watch.events(threading.Event()))
    assert [event.stream.state for event in of(events, "state")] == ["connecting", "live", "ended"]
    opened, closed = of(events, "opened"), of(events, "closed")
    assert [event.detection.id for event in opened] == [event.detection.id for event in closed]
    starts = [event.detection.start_s for event in closed]
    assert starts == pytest.approx([10.0, 30.0], abs=0.5)
    assert [event.detection.end_s for event in closed] == pytest.approx([30.0, 50.0], abs=0.5)
    zero_at = opened[0].began_at - opened[0].detection.start_s
    assert [event.began_at - zero_at for event in closed] == pytest.approx(starts)
    for event in closed:
        entry = desk.entry(event.detection.id)
        assert (entry.station, entry.origin) == ("Station", f"stream:{watch.stream.id}")
        assert entry.began_at == pytest.approx(event.began_at)
        assert not entry.detection.open
        assert desk.evidence(entry.id).is_file()
        assert "secret" not in entry.source
    assert len(of(events, "level")) == pytest.approx(60, abs=8)
    kept = desk.store.stream(watch.stream.id)
    assert (kept.state, kept.error) == ("ended", "")
    assert kept.heard_s == pytest.approx(60.0, abs=0.5)
    told = sorted(delivery.event for delivery in desk.deliveries())
    assert told == sorted(
        ["detection.opened", "detection.closed"] * 2 + ["stream.live", "stream.ended"]
    )
    assert not any("secret" in delivery.body for delivery in desk.deliveries())
    desk.remove_webhook(desk.webhooks()[0].id)


def test_nothing_is_kept_without_a_desk(library, radio, programme):
    url = radio.play("/file", programme, length=len(programme))
    events = list(watched(library, None, url).events(threading.Event()))
    assert len(of(events, "closed")) == 2


def in_parts(radio, programme, *parts):
    """Play parts of the programme, from a second to a second, one a connection.

    All but the last break off when the event is set that is returned, with what opens them.
    """
    per_s, heard = len(programme) // 60, threading.Event()

    def shows():
        for begin_s, end_s in parts[:-1]:
            yield Show([programme[begin_s * per_s : end_s * per_s], heard, BREAK])
        begin_s, end_s = parts[-1]
        while True:
            yield Show([programme[begin_s * per_s : end_s * per_s], STALL])

    each = shows()
    radio.shows["/breaks"] = lambda: next(each)
    return heard, lambda rate_hz: live_opening(f"{radio.url}/breaks", rate_hz, stall_s=0.5)


class Clock:
    """A clock of the test's own, on which blocks come as time goes by."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now

    def opening(self, opens):
        @contextmanager
        def opened(stop):
            with opens(RATE_HZ)(stop) as blocks:
                self.blocks = blocks
                yield self

        return lambda rate_hz: opened

    @property
    def live(self):
        return self.blocks.live

    @property
    def clocked(self):
        return self.blocks.clocked

    def __iter__(self):
        for block in self.blocks:
            self.now += len(block) / RATE_HZ
            yield block


@pytest.mark.parametrize("back_s", [25, 18])
def test_a_stream_that_breaks_off_is_opened_again(library, desk, radio, programme, back_s):
    """In the midst of the first song; it goes on there, or 7 s of it are sent again."""
    stop, events = threading.Event(), []
    first_heard, opening = in_parts(radio, programme, (0, 25), (back_s, 60))
    watch = watched(library, desk, f"{radio.url}/breaks", wait=short, opening=opening)
    for event in watch.events(stop):
        events.append(event)
        if event.stream.heard_s > 24.0:
            first_heard.set()
        if len(of(events, "opened")) == 2:
            stop.set()
    told = [event.outage for event in of(events, "outage")][:2]
    assert [outage.until is None for outage in told] == [True, False]
    assert told[0].id == told[1].id
    assert told[0].reason.endswith("/breaks broke off")
    kept = desk.store.outages(watch.stream.id)
    assert [one for one in kept if one.since <= told[1].since] == [told[1]]  # later: it stalls
    assert told[1].until >= told[0].since
    assert desk.store.stream(watch.stream.id).reconnects == 1
    assert desk.store.stream(watch.stream.id).state == "stopped"
    first, second = sorted(of(events, "closed"), key=lambda event: event.began_at)
    assert len(of(events, "opened")) == 2
    song = desk.entry(first.detection.id).detection
    assert (song.start_s, song.end_s) == pytest.approx((10.0, 30.0), abs=0.5)
    assert song.played_s == pytest.approx(20.0, abs=0.7)
    assert second.detection.start_s == pytest.approx(30.0, abs=0.5)
    assert not any(entry.detection.open for entry in desk.entries())


def test_a_song_that_begins_again_after_an_outage_is_another_play(library, radio, programme):
    stop, events, clock = threading.Event(), [], Clock()
    first_heard, opening = in_parts(radio, programme, (0, 25), (10, 27))
    url, opening = f"{radio.url}/breaks", clock.opening(opening)
    for event in watched(library, None, url, wait=short, opening=opening, clock=clock).events(stop):
        events.append(event)
        if event.stream.heard_s > 24.0:
            first_heard.set()
        if len(of(events, "opened")) == 2:
            stop.set()
    first, second = of(events, "closed")
    assert first.detection.id != second.detection.id
    assert first.detection.end_s == pytest.approx(25.0, abs=1.5)  # a reset takes what is on its way
    assert second.detection.start_s == pytest.approx(first.detection.end_s, abs=1.5)


def test_a_clock_that_is_set_back_while_a_stream_is_away(library, radio, programme):
    """What waits for the end of the outage is over: nobody knows how long it was."""
    stop, events, clock = threading.Event(), [], Clock()
    first_heard, opening = in_parts(radio, programme, (0, 25), (30, 48))
    url, opening = f"{radio.url}/breaks", clock.opening(opening)
    for event in watched(library, None, url, wait=short, opening=opening, clock=clock).events(stop):
        events.append(event)
        if event.stream.heard_s > 24.0:
            first_heard.set()
        if event.kind == "outage" and event.outage.until is None:
            clock.now -= 3600.0
        if len(of(events, "opened")) == 2:
            stop.set()
    kinds = [event.kind for event in of(events, "opened", "closed")]
    assert kinds == ["opened", "closed", "opened", "closed"]
    assert of(events, "closed")[1].at < 1000.0


def test_an_outage_is_not_over_before_it_began(library):
    """The clock is set back while the source is away, and the watch ends."""
    stop, clock, told = threading.Event(), Clock(), []

    def away(stop):
        raise FetchError("nobody is there")

    def wait(stop, seconds):
        clock.now -= 3600.0
        stop.set()
        return True

    watch = watched(library, None, "http://x/", opening=lambda hz: away, wait=wait, clock=clock)
    for event in watch.events(stop):
        told += [event.outage] if event.outage is not None else []
    assert [(one.since, one.until) for one in told] == [(1000.0, None), (1000.0, 1000.0)]


def test_time_goes_on_while_a_stream_is_away(library, radio, music):
    """On a clock of the test's own: 5 s of sound, 100 s of nothing, a song."""
    clock = Clock()
    sound = {
        "/one": encoded(music(90)[: 5 * RATE_HZ], RATE_HZ, "mp3", "libmp3lame"),
        "/two": encoded(music(1), RATE_HZ, "mp3", "libmp3lame"),
    }
    shows = iter([Show([sound["/one"]]), Show([sound["/two"]])])
    radio.shows["/away"] = lambda: next(shows)
    stop = threading.Event()

    def wait(event, seconds):
        clock.now += 100.0
        return event.is_set()

    url = f"{radio.url}/away"
    opening = clock.opening(lambda rate_hz: live_opening(url, rate_hz))
    watch = watched(library, None, url, wait=wait, clock=clock, opening=opening)
    opened = []
    for event in watch.events(stop):
        if event.kind == "opened":
            opened.append(event)
            stop.set()
    assert opened[0].began_at == pytest.approx(1000.0 + 105.0, abs=2.0)
    assert opened[0].detection.start_s == pytest.approx(105.0, abs=2.0)


def test_a_log_that_is_locked_for_a_while(library, place, desk, radio, programme):
    """The stream is heard on; what it found is written once the log is free."""
    file = sqlite3.connect(f"{place.library}/monitor/monitor.sqlite", isolation_level=None)
    url = radio.play("/locked", *paced(programme, 10_000, 0.005), length=len(programme))
    now = itertools.count(1000.0, 0.5)
    watch = watched(library, desk, url, clock=lambda: next(now))
    events = []
    for event in watch.events(threading.Event()):
        events.append(event)
        if event.kind == "state" and event.stream.state == "live":
            file.execute("BEGIN IMMEDIATE")
        if event.kind == "closed" and file.in_transaction:
            file.execute("ROLLBACK")
    file.close()
    first, second = of(events, "closed")
    assert first.entry is None
    assert second.entry is not None
    for event in (first, second):
        entry = desk.entry(event.detection.id)
        assert not entry.detection.open
        assert entry.evidence is not None


def test_what_was_left_open_is_closed_at_the_next_start(library, desk, radio, programme):
    url = radio.play("/file", programme, length=len(programme))
    stream = Stream("left", "Station", url, created_at=1.0)
    watch = Watch(library, desk, stream)
    events = watch.events(threading.Event())
    for event in events:
        if event.kind == "opened":
            break
    # As a kill leaves it: nothing of what `close` of the generator writes.
    left = desk.entry(event.detection.id)
    kept = desk.store.stream("left")
    events.close()
    desk.store.put_entry(left)
    kept = replace(kept, state_at=kept.state_at - 3.0)
    desk.store.put_stream(kept)
    desk.store.put_outage(Outage("o", "left", kept.state_at - 9.0, None, "gone"))
    first = next(Watch(library, desk, stream).events(threading.Event()))
    assert (first.kind, first.outage.reason) == ("outage", "the watch was not running")
    assert first.outage.since == kept.state_at
    assert not desk.entry(left.id).detection.open
    assert desk.entry(left.id).detection.end_s == left.detection.end_s
    outages = {outage.reason: outage for outage in desk.store.outages("left")}
    assert outages["gone"].until == kept.state_at


def test_an_address_that_fails_for_good(library, desk):
    for url, error in (
        ("ftp://127.0.0.1/a", UsageError),
        ("http://127.0.0.1:1/a", FetchError),
        ("rtmp://127.0.0.1:1/a", FetchError),
    ):
        watch = watched(library, desk, url, insist=False)
        with pytest.raises(error):
            watch.run(threading.Event())
        kept = desk.store.stream(watch.stream.id)
        assert (kept.state, "127.0.0.1" in kept.error) == ("failed", True)


def test_listeners_are_told(library, radio, programme):
    url = radio.play("/file", programme, length=len(programme))
    heard = []
    watched(library, None, url, listeners=[heard.append]).run(threading.Event())
    assert {"state", "level", "opened", "closed", "gap"} <= {event.kind for event in heard}
    shapes = [event.as_dict() for event in heard]
    assert all(shape["type"] == event.kind for shape, event in zip(shapes, heard, strict=True))
