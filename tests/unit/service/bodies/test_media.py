"""The room that keeps uploads: names, places, and what may be deleted."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark import DiskFullError, StoreError
from earmark.service.bodies.media import MediaRoom, files_of, safe_name, tail
from earmark.types import Track


@pytest.fixture
def room(tmp_path) -> MediaRoom:
    return MediaRoom(tmp_path / "media")


def arrived(room: MediaRoom, data: bytes = b"sound") -> Path:
    descriptor, path = room.incoming()
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    return path


def files(room: MediaRoom) -> list[Path]:
    return [path for path in room.folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("song.mp3", "song.mp3"),
        ("../../etc/passwd", "passwd"),
        ("C:\\music\\a.wav", "a.wav"),
        ("a/b/", "b"),
        (".htaccess", "htaccess"),
        ("...", "upload"),
        ("", "upload"),
        ("\x00\x1b[31m", "[31m"),
        ("a\nb.wav", "ab.wav"),
        ("con", "_con"),
        ("LPT1.wav", "_LPT1.wav"),
        ("cafe\u0301.ogg", "caf\u00e9.ogg"),
        ("x\u202egpj.exe", "xgpj.exe"),
        ("book.abc#12", "book.abc12"),
        ("a?b*.wav", "ab.wav"),
        ("\ud800.wav", "wav"),
        ("长" * 100 + ".flac", "长" * 38 + ".flac"),
        ("a." + "b" * 300, "a." + "b" * 118),
    ],
)
def test_names(name, kept):
    assert safe_name(name) == kept


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300))
def test_no_name_leaves_its_folder(name):
    kept = safe_name(name)
    assert 0 < len(kept.encode()) <= 120
    assert not kept.startswith(".")
    assert "/" not in kept
    assert "\\" not in kept
    assert all(ord(c) >= 32 for c in kept)
    assert safe_name(kept) == kept


def test_kept_and_discarded(room):
    path = room.keep(arrived(room), "../my song.wav")
    assert path.read_bytes() == b"sound"
    assert path.parts[-1] == "my song.wav"
    assert room.holds(str(path))
    assert files(room) == [path]
    assert path != room.keep(arrived(room), "my song.wav")
    room.discard(str(path))
    room.discard(str(path))  # gone already
    assert len(files(room)) == 1
    assert not path.parent.exists()


def test_nothing_else_is_discarded(room, tmp_path):
    outside = tmp_path / "precious.wav"
    outside.write_bytes(b"x")
    kept = room.keep(arrived(room), "a.wav")
    inside = room.folder / "plain.wav"
    inside.write_bytes(b"x")
    tricks = [
        str(outside),
        str(inside),
        f"{room.folder}/../precious.wav",
        f"{kept.parent}/../../../precious.wav",
        f"{kept.parent}/..",
        f"{kept.parent}/.",
        str(kept.parent),
        str(room.folder),
        "",
        "http://example.org/a.wav",
        f"{kept}\x00",
    ]
    for source in tricks:
        room.discard(source)
        assert room.holds(source) is (source == f"{kept}\x00")
    assert (outside.exists(), inside.exists(), kept.exists()) == (True, True, True)


def test_links_are_not_followed(room, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    precious = outside / "precious.wav"
    precious.write_bytes(b"x")
    shelf = room.folder / "ab"
    shelf.mkdir(parents=True)
    linked = shelf / ("ab" + "0" * 30)
    linked.symlink_to(outside)
    room.discard(str(linked / "precious.wav"))
    assert precious.exists()
    assert room.find(str(linked / "precious.wav")) is None
    real = shelf / ("ab" + "1" * 30)
    real.mkdir()
    (real / "a.wav").symlink_to(precious)
    room.discard(str(real / "a.wav"))
    room.sweep(lambda _: False, older_than_s=-10)
    assert precious.exists()


def test_sweeping(room):
    old = time.time() - 1000
    used, orphan, fresh = (room.keep(arrived(room), f"{name}.wav") for name in "abc")
    stale, arriving = arrived(room), arrived(room)
    for path in (used.parent, orphan.parent, stale):
        os.utime(path, (old, old))
    assert room.sweep({str(used)}.__contains__, older_than_s=500) == 2
    assert sorted(files(room)) == sorted([used, fresh, arriving])
    moved = MediaRoom(room.folder.rename(room.folder.with_name("moved")))
    tails = {tail(str(used)), tail(str(fresh))}
    assert moved.sweep(lambda path: tail(path) in tails, older_than_s=-10) == 1  # `arriving`
    assert len(files(moved)) == 2
    assert moved.find(str(used)) == moved.folder / tail(str(used))
    assert moved.find("/etc/passwd") is None


def test_the_files_of_a_track():
    track = Track("t", "/m/a.abc#2", "c", 1.0, 1, extra={"score": "/m/b.mid"})
    assert files_of(track) == {"/m/a.abc", "/m/b.mid"}
    assert files_of(Track("t", "/m/a.wav", "c", 1.0, 1)) == {"/m/a.wav"}


def test_a_full_disk_and_a_folder_that_may_not_be_written(room, monkeypatch, tmp_path):
    path = arrived(room)

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(DiskFullError, match="make room"):
            room.keep(path, "a.wav")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="look at the service's folder"):
        MediaRoom(tmp_path / "file" / "media").incoming()
