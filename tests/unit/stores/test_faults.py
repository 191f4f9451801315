"""No error of a vendor leaves the stores."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from earmark import errors
from earmark.ports import NewTrack, Posted, StoredFeatures, TrackChanges
from earmark.stores.faults import translated
from earmark.stores.segments import SegmentPostingStore
from earmark.stores.sqlite import SqliteTrackStore


def new(name: str, size: int = 100) -> NewTrack:
    features = {"recording": StoredFeatures("d", os.urandom(size))}
    return NewTrack(f"/{name}", name, name, 1.0, features)


def posted(number: int, count: int = 2000) -> Posted:
    rng = np.random.default_rng(number)
    hashes = rng.integers(0, 1 << 22, count).astype(np.uint32)
    frames = rng.integers(0, 9000, count).astype(np.uint32)
    return Posted(number, hashes, frames, 9000, rng.integers(0, 256, 4000).astype(np.uint8))


SQLITE_ERRORS = [
    kind
    for kind in vars(sqlite3).values()
    if isinstance(kind, type) and issubclass(kind, sqlite3.Error)
]


@pytest.mark.parametrize("kind", [*SQLITE_ERRORS, OSError, PermissionError, TimeoutError])
def test_every_vendor_error_becomes_one_of_ours(kind):
    with pytest.raises(errors.StoreError, match="lib"), translated(Path("lib")):
        raise kind("boom")


@pytest.mark.parametrize("code", range(1, 29))
def test_every_sqlite_code_becomes_one_of_ours(code):
    error = sqlite3.OperationalError("boom")
    error.sqlite_errorcode = code
    with pytest.raises(errors.StoreError) as caught, translated(Path("lib")):
        raise error
    wanted = {
        sqlite3.SQLITE_FULL: errors.DiskFullError,
        sqlite3.SQLITE_CORRUPT: errors.DamagedIndexError,
        sqlite3.SQLITE_NOTADB: errors.DamagedIndexError,
        sqlite3.SQLITE_BUSY: errors.LibraryLockedError,
        sqlite3.SQLITE_READONLY: errors.StoreUnavailableError,
        sqlite3.SQLITE_IOERR: errors.StoreUnavailableError,
    }.get(code)
    assert wanted is None or type(caught.value) is wanted


def test_no_room_by_its_number():
    with pytest.raises(errors.DiskFullError, match="no room left"), translated(Path("lib")):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_closed_store_says_so(tmp_path):
    store = SqliteTrackStore(tmp_path, 1.0)
    store.close()
    store.close()
    with pytest.raises(errors.StoreUnavailableError, match="closed"):
        store.count()


def test_a_missing_library_is_not_made_unless_asked(tmp_path):
    with pytest.raises(errors.LibraryNotFoundError, match="earmark add"):
        SqliteTrackStore(tmp_path / "no", 1.0, create=False)
    assert not (tmp_path / "no").exists()
    SqliteTrackStore(tmp_path / "yes", 1.0).close()
    SqliteTrackStore(tmp_path / "yes", 1.0, create=False).close()


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(errors.StoreUnavailableError):
        SqliteTrackStore(tmp_path / "file", 1.0)
    store = SegmentPostingStore(tmp_path / "file" / "postings")
    with pytest.raises(errors.StoreUnavailableError):
        store.known()


@pytest.mark.parametrize("version", [0, 2, 99])
def test_another_format_is_refused(tmp_path, version):
    SqliteTrackStore(tmp_path, 1.0).close()
    connection = sqlite3.connect(tmp_path / "tracks.sqlite")
    connection.execute(f"PRAGMA user_version = {version}")
    connection.commit()
    connection.close()
    with pytest.raises(errors.LibraryVersionError, match=f"format {version}.*earmark export"):
        SqliteTrackStore(tmp_path, 1.0)


def test_not_a_database(tmp_path):
    (tmp_path / "tracks.sqlite").write_bytes(os.urandom(20_000))
    with pytest.raises(errors.DamagedIndexError, match="earmark doctor"):
        SqliteTrackStore(tmp_path, 1.0)


def _calls(store: SqliteTrackStore):
    track = store.page(None, 1)
    track_id = track[0].id if track else "x"
    return [
        lambda: store.put([new("fresh")]),
        lambda: store.update(track_id, TrackChanges(title="t")),
        lambda: store.get(track_id),
        lambda: store.by_number(range(200)),
        lambda: store.source_state("/t3"),
        lambda: store.by_content("t3"),
        lambda: store.page(None, 1000, "t"),
        lambda: store.cover(track_id),
        store.count,
        lambda: store.numbers("recording"),
        lambda: list(store.features("recording", range(200))),
        lambda: store.replace_features("recording", {1: StoredFeatures("d", b"")}),
        store.revision,
        store.totals,
        store.check,
        lambda: store.delete([track_id]),
    ]


def test_a_damaged_database_is_reported_or_right_but_never_sqlites_error(tmp_path):
    store = SqliteTrackStore(tmp_path, 1.0)
    store.put([new(f"t{i}", 3000) for i in range(100)])
    store.close()
    path = tmp_path / "tracks.sqlite"
    sound = path.read_bytes()
    rng = np.random.default_rng(0)
    reported = 0
    for trial in range(60):
        raw = bytearray(sound)
        if trial < 12:  # every page header in turn, then anywhere
            start = trial * 4096
            raw[start : start + 200] = rng.bytes(200)
        elif trial < 20:
            del raw[rng.integers(0, len(raw)) :]
        else:
            for at in rng.integers(0, len(raw), 30):
                raw[at : at + 8] = rng.bytes(8)
        path.write_bytes(bytes(raw))
        for extra in ("-wal", "-shm"):
            path.with_name(path.name + extra).unlink(missing_ok=True)
        try:
            store = SqliteTrackStore(tmp_path, 1.0)
        except errors.StoreError:
            reported += 1
            continue
        try:
            for call in _calls(store):
                try:
                    call()
                except errors.EarmarkError:
                    reported += 1
        except errors.StoreError:
            reported += 1
        finally:
            store.close()
    assert reported > 20


def test_check_names_what_is_wrong(tmp_path):
    store = SqliteTrackStore(tmp_path, 1.0)
    (track,) = store.put([new("a")])
    connection = sqlite3.connect(tmp_path / "tracks.sqlite")
    connection.execute("DELETE FROM tracks")
    connection.execute("INSERT INTO features VALUES (77, 'e', 'd', x'00')")
    connection.commit()
    connection.close()
    faults = store.check()
    assert any(f"audio {track.number} has no track" in fault for fault in faults)
    assert any("features refers to one that is missing" in fault for fault in faults)
    store.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder(tmp_path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with pytest.raises(errors.StoreUnavailableError):
            SqliteTrackStore(tmp_path, 1.0)
    finally:
        tmp_path.chmod(stat.S_IRWXU)


HOLDER = """
import sys
from earmark.stores.sqlite import SqliteTrackStore
store = SqliteTrackStore(sys.argv[1], 1.0)
with store.writing():
    sys.stdout.write("held\\n")
    sys.stdout.flush()
    sys.stdin.readline()
store.close()
"""


def test_the_lock_of_another_process_is_waited_for_then_named(tmp_path):
    store = SqliteTrackStore(tmp_path, 0.2)
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout.readline() == b"held\n"
        with pytest.raises(errors.LibraryLockedError, match=r"waited 0\.2 s"):
            store.put([new("a")])
        assert store.count() == 0  # readers do not wait
        child.communicate(b"\n")
    store.put([new("a")])
    assert store.count() == 1
    store.close()


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    store = SqliteTrackStore(tmp_path, 5.0)
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout.readline() == b"held\n"
        child.kill()
    store.put([new("a")])
    store.close()


def test_threads_exclude_each_other(tmp_path):
    store = SqliteTrackStore(tmp_path, 0.2)
    caught: list[Exception] = []

    def other() -> None:
        try:
            store.put([new("a")])
        except errors.EarmarkError as error:
            caught.append(error)

    with store.writing():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert [type(error) for error in caught] == [errors.LibraryLockedError]
    store.close()


def test_connections_of_ended_threads_are_closed(tmp_path):
    store = SqliteTrackStore(tmp_path, 5.0)
    for _ in range(30):
        thread = threading.Thread(target=store.count)
        thread.start()
        thread.join()
    assert len(store._database._connections._all) <= 3
    store.close()


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)],
            capture_output=True,
            check=False,
        ).returncode
    )
    if not mounted:
        pytest.skip("a file system of its own can be mounted by root only")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_loses_no_track(small_disk):
    store = SqliteTrackStore(small_disk, 1.0)
    kept = []
    with pytest.raises(errors.DiskFullError, match="no room left"):
        for i in range(1000):
            kept += store.put([new(f"t{i}", 20_000)])
    assert len(kept) > 5
    assert [track.id for track in store.page(None, 10_000)] == [track.id for track in kept]
    assert store.check() == []
    store.close()
    store = SqliteTrackStore(small_disk, 1.0)
    assert store.count() == len(kept)
    store.close()


def test_a_full_disk_keeps_additions_in_memory(small_disk):
    store = SegmentPostingStore(small_disk / "index")
    store.add([posted(1)])
    store.flush()
    files = sorted(path.name for path in (small_disk / "index").iterdir())
    filler = small_disk / "filler"
    store.add(posted(n, 20_000) for n in range(2, 40))
    with pytest.raises(errors.DiskFullError, match="no room left"):
        store.flush()
    assert sorted(path.name for path in (small_disk / "index").iterdir()) == files
    assert store.known().tolist() == list(range(1, 40))
    assert SegmentPostingStore(small_disk / "index").known().tolist() == [1]
    store.remove(range(6, 40))
    store.flush()
    assert SegmentPostingStore(small_disk / "index").known().tolist() == [1, 2, 3, 4, 5]
    filler.unlink(missing_ok=True)
