"""Which tracks a question is about."""

from __future__ import annotations

import pytest

from earmark.narrowing import admits, admitted
from earmark.ports import NewTrack, StoredFeatures
from earmark.stores.memory import MemoryTrackStore
from earmark.types import Track, Within


def track(source="/music/jazz/a.ogg", seconds=60.0, tags=()):
    return Track("id", source, "", seconds, 1, tags=tuple(tags))


@pytest.mark.parametrize(
    ("within", "expected"),
    [
        (Within(), True),
        (Within(tags=("calm",)), True),
        (Within(tags=("calm", "old")), True),
        (Within(tags=("calm", "new")), False),
        (Within(tags=("Calm",)), False),
        (Within(shortest_s=60.0, longest_s=60.0), True),
        (Within(shortest_s=60.1), False),
        (Within(longest_s=59.9), False),
        (Within(longest_s=0.0), False),
        (Within(tags=("calm",), longest_s=1.0), False),
        (Within(label="Dog", whole=True), True),
    ],
)
def test_tags_and_lengths(within, expected):
    assert admits(within, track(tags=("calm", "old"))) is expected


@pytest.mark.parametrize(
    ("source", "folder", "expected"),
    [
        ("/music/jazz/a.ogg", "/music/jazz", True),
        ("/music/jazz/a.ogg", "/music/jazz/", True),
        ("/music/jazz/a.ogg", "/music", True),
        ("/music/jazz/a.ogg", "/", True),
        ("/music/jazz/a.ogg", "/music/ja", False),
        ("/music/jazz/a.ogg", "/music/jazz/a.ogg", False),
        ("/music/a.ogg", "/music/jazz/..", True),
        ("/tunes/book.abc#12", "/tunes", True),
        ("https://host/a/b.mp3", "https://host/a", True),
        ("https://host/a/b.mp3", "https://host/a/", True),
        ("https://host/a/b.mp3", "https://host", True),
        ("https://host/ab/b.mp3", "https://host/a", False),
        ("https://host/a/b.mp3", "/", False),
        ("/music/a.ogg", "https://host", False),
    ],
)
def test_folders(source, folder, expected):
    assert admits(Within(folder=folder), track(source)) is expected


def test_a_relative_folder_is_that_of_this_moment(tmp_path, monkeypatch):
    """Sources are kept absolute, also where a relative path was added."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    source = str(tmp_path / "music" / "a.ogg")
    for folder in ("music", "./music/", ".", "~/music"):
        assert admits(Within(folder=folder), track(source))
    assert not admits(Within(folder="mus"), track(source))


@pytest.fixture
def store():
    """Four tracks of three audios: 1 and 2 share theirs."""
    made = MemoryTrackStore()
    rows = [("/a/1", "x", 5, ("calm",)), ("/b/2", "x", 5, ()), ("/a/3", "y", 50, ("calm",))]
    made.put(
        NewTrack(source, source, audio, seconds, {"sound": StoredFeatures("", b"")}, tags=tags)
        for source, audio, seconds, tags in (*rows, ("/b/4", "z", 500, ()))
    )
    return made


def numbers(store, **within):
    found = admitted(store, Within(**within))
    return found if found is None else found.tolist()


def test_numbers(store):
    assert numbers(store) is None
    assert numbers(store, label="Dog", whole=True) is None
    assert numbers(store, tags=("calm",)) == [1, 2]
    assert numbers(store, folder="/b") == [1, 3]
    assert numbers(store, shortest_s=10) == [2, 3]
    assert numbers(store, tags=("none",)) == []


def test_pages_are_read_to_the_end(store, monkeypatch):
    monkeypatch.setattr("earmark.narrowing._PAGE", 1)
    assert numbers(store, longest_s=1000) == [1, 2, 3]
