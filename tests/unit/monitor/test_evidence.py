"""Clips in a real folder."""

from __future__ import annotations

import hashlib
import io
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from webhook_host import made_detection

from earmark import Library, __version__
from earmark.audio.flac import flac_bytes
from earmark.errors import DamagedIndexError, DiskFullError, NoMediaError, StoreError
from earmark.monitor.evidence import EvidenceRoom, aligned, figures
from earmark.ports import Entry, Piece
from earmark.types import Clip, Span

RATE_HZ = 16000


@pytest.fixture
def room(tmp_path):
    return EvidenceRoom(tmp_path / "monitor" / "evidence")


@pytest.fixture(scope="module")
def clip(music):
    return Clip(music(5)[: 4 * RATE_HZ], RATE_HZ, start_s=12.0)


def files(room: EvidenceRoom) -> list[str]:
    found = (path for path in room.folder.rglob("*") if path.is_file())
    return sorted(path.relative_to(room.folder).as_posix() for path in found)


def entry_with(kept) -> Entry:
    return Entry(made_detection(), "s", "radio", "stream:1", 0.0, evidence=kept)


def test_a_clip_is_kept_under_its_sha256(room, clip):
    kept = room.keep(made_detection(start_s=10.0, end_s=40.0, reference_s=100.0), clip, None)
    path = room.folder / kept.path
    assert files(room) == [kept.path]
    assert kept.path == f"{kept.sha256[:2]}/{kept.sha256}.flac"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == kept.sha256
    assert (kept.bytes, kept.rate_hz) == (path.stat().st_size, RATE_HZ)
    assert (kept.start_s, kept.duration_s) == (12.0, 4.0)
    assert kept.reference == Span(102.0, 106.0)
    assert (kept.engine, kept.version, kept.library) == ("recording", __version__, "")
    assert kept.figures["score"] == 12.0
    samples, _ = soundfile.read(io.BytesIO(path.read_bytes()), dtype="float32")
    assert np.abs(samples - clip.samples).max() < 1 / 32767
    assert room.find(entry_with(kept)) == path


def test_the_library_that_found_it_is_named(room, clip, shelf: Library, write):
    kept = room.keep(made_detection(), clip, shelf)
    engine, digest = kept.engine.split()
    assert engine == "recording"
    assert digest == shelf._indexes.engine("recording").analysis.digest
    assert kept.library == f"{shelf.address} revision {shelf.revision}"
    shelf.add(write("a.wav", 1))
    assert room.keep(made_detection(), clip, shelf).library != kept.library


def test_the_same_clip_twice_is_one_file(room, clip):
    one = room.keep(made_detection(), clip, None)
    path = room.folder / one.path
    before = path.stat().st_ino, path.stat().st_mtime_ns
    assert (
        room.keep(made_detection("d2"), Clip(clip.samples.copy(), RATE_HZ), None).path == one.path
    )
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == before
    assert len(files(room)) == 1


def test_a_file_that_is_not_what_was_kept_is_refused_and_mended(room, clip):
    kept = room.keep(made_detection(), clip, None)
    path = room.folder / kept.path
    data = path.read_bytes()
    for wrong in (data[:-1], data[:500] + b"x" + data[501:], b""):
        path.write_bytes(wrong)
        with pytest.raises(DamagedIndexError, match="not what was kept") as caught:
            room.find(entry_with(kept))
        assert "\n" not in caught.value.message
        room.keep(made_detection(), clip, None)
        assert path.read_bytes() == data
    path.unlink()
    with pytest.raises(DamagedIndexError, match="is missing"):
        room.find(entry_with(kept))
    with pytest.raises(NoMediaError, match="without a clip"):
        room.find(entry_with(None))


def test_threads_that_keep_the_same_clip_do_not_meet(room, clip):
    data = flac_bytes(clip)
    failed, seen = [], []
    go = threading.Barrier(8)

    def keep():
        try:
            go.wait()
            kept = room.keep(made_detection(), clip, None)
            seen.append((room.folder / kept.path).read_bytes() == data)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=keep) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (failed, seen) == ([], [True] * 8)
    assert len(files(room)) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_leaves_nothing_behind(room, clip, monkeypatch):
    import os

    real = os.fdopen

    def onto_full(descriptor, mode):
        # What is written goes to a device that is really full; the file stays as it was made.
        os.dup2(os.open("/dev/full", os.O_WRONLY), descriptor)
        return real(descriptor, mode)

    monkeypatch.setattr(os, "fdopen", onto_full)
    with pytest.raises(DiskFullError, match="no room left"):
        room.keep(made_detection(), clip, None)
    assert files(room) == []
    monkeypatch.undo()
    assert room.find(entry_with(room.keep(made_detection(), clip, None))).is_file()


def test_a_folder_that_cannot_be_is_said(tmp_path, clip):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="cannot be written"):
        EvidenceRoom(tmp_path / "file" / "evidence").keep(made_detection(), clip, None)


def test_the_reference_of_a_clip_follows_the_piece_that_it_holds_most_of():
    long = made_detection(start_s=10.0, end_s=40.0, reference_s=100.0)
    fast = Piece(Span(50.0, 60.0), Span(0.0, 20.0), 2.0, 0.0, 0.9, 5.0)
    both = replace(long, pieces=(*long.pieces, fast))
    assert aligned(both, Span(12.0, 27.0)) == Span(102.0, 117.0)
    assert aligned(both, Span(5.0, 20.0)) == Span(100.0, 110.0)  # as far as it plays
    assert aligned(both, Span(52.0, 70.0)) == Span(4.0, 20.0)
    assert aligned(long, Span(70.0, 80.0)) == Span(100.0, 130.0)  # none of it: the whole piece
    assert figures(both) == {
        "confidence": 0.9, "score": 12.0, "played_s": 40.0, "pieces": 2,
        "time_ratio": 1.0, "pitch_shift_semitones": 0.0,
    }  # fmt: skip
