"""The streams of a desk, over the store in memory."""

from __future__ import annotations

import pytest

from earmark.errors import ConflictError, StreamNotFoundError, UsageError
from earmark.monitor import streambook
from earmark.monitor.desk import Desk
from earmark.monitor.evidence import EvidenceRoom
from earmark.monitor.streambook import stream_shape
from earmark.ports import Outage
from earmark.stores.memory_monitor import MemoryMonitorStore

URL = "http://me:pw@radio.example/live"


@pytest.fixture
def desk(tmp_path):
    return Desk(MemoryMonitorStore(), EvidenceRoom(tmp_path), library=None, clock=lambda: 7.0)


def test_a_stream_is_kept_changed_found_and_forgotten(desk):
    one = desk.add_stream(" Radio ", URL, options={"also": ["melody"]})
    assert (one.name, one.url, one.wanted, one.created_at) == ("Radio", URL, True, 7.0)
    two = desk.add_stream("Radio", "rtsp://cam/1", wanted=False)
    assert desk.streams() == [one, two]
    assert desk.find_stream(two.id) == two
    with pytest.raises(UsageError, match=f"2 streams are called 'Radio'.*{one.id}, {two.id}"):
        desk.find_stream("Radio")
    assert stream_shape(one)["url"] == "http://radio.example/live"

    changed = desk.edit_stream(two.id, name="Camera", wanted=True, options={"least_s": 3.0})
    assert desk.find_stream("Camera") == changed == desk.stream(two.id)
    assert (changed.url, changed.wanted, changed.options) == (two.url, True, {"least_s": 3.0})
    assert desk.edit_stream(two.id, url="https://h/x").options == {"least_s": 3.0}
    desk.store.put_outage(Outage("o", one.id, 1.0, None, "away"))
    assert [outage.id for outage in desk.outages(one.id)] == ["o"]
    desk.remove_stream(one.id)
    assert desk.outages(one.id) == []
    with pytest.raises(StreamNotFoundError, match=r"no stream 'Radio'; `earmark streams` shows"):
        desk.find_stream("Radio")


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({"wanted": True}, "stopped"),
        ({"url": "http://h/y"}, "stopped"),
        ({"name": "x"}, "failed"),
        ({"wanted": False}, "failed"),
    ],
)
def test_one_that_has_failed_begins_again_where_somebody_wants_it(desk, change, state):
    stream = desk.add_stream("Radio", URL)
    desk.store.tell_stream(
        type(stream)(stream.id, "Radio", URL, state="failed", state_at=5.0, error="broke")
    )
    assert desk.edit_stream(stream.id, **change).state == state


@pytest.mark.parametrize(
    ("name", "url", "options", "message"),
    [
        ("", URL, {}, "a stream's name has 1 to 200 characters, got 0"),
        ("x" * 201, URL, {}, "got 201"),
        ("x", "ftp://me:pw@h/x", {}, r"'ftp://h/x' is not watched; known are http, https, rtmp"),
        ("x", "http://h/a b", {}, "is no address: it has spaces"),
        ("x", "nowhere.mp3", {}, "'nowhere.mp3' is neither a file nor an address"),
        ("x", "-", {}, "neither a file nor an address"),
        ("x", URL, {"also": ["luck"]}, "second opinions come from melody and sound"),
        ("x", URL, {"least_s": -1.0}, "least_s must be 0 or more"),
    ],
)
def test_what_cannot_be_kept(desk, name, url, options, message):
    with pytest.raises(UsageError, match=message):
        desk.add_stream(name, url, options=options)
    assert desk.streams() == []


def test_files_are_kept_as_absolute_paths_and_not_too_many(desk, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "show.wav").write_bytes(b"x")
    assert desk.add_stream("File", "show.wav").url == str(tmp_path / "show.wav")
    monkeypatch.setattr(streambook, "MOST_STREAMS", 1)
    with pytest.raises(ConflictError, match="1 streams are kept already"):
        desk.add_stream("More", URL)
