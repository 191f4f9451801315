"""One library into another: everything comes along, nothing twice, and the end is checked."""

from __future__ import annotations

import threading
import uuid
from dataclasses import replace

import pytest

from earmark import Library
from earmark.copying import run as copying
from earmark.copying.whole import Side
from earmark.errors import (
    DamagedIndexError,
    LibraryLockedError,
    LibraryParametersError,
    StoppedError,
    UsageError,
)
from earmark.ports import NewTrack, StoredFeatures
from earmark.stores.memory import MemoryTrackStore

NAMES = ("recording", "melody", "sound")


@pytest.fixture
def other(tones, settings, tmp_path):
    with Library.open(tmp_path / "other", create=True, settings=settings) as library:
        yield library


@pytest.fixture
def full(shelf, write, song, tmp_path):
    """Three tracks; two of them share their audio, one has a cover, one was described."""
    shelf.switch("melody", False)
    shelf.add([write("a.wav", song(1, 4.0)), write("b.wav", song(2, 4.0))], tags=["mine"])
    twin = write("sub/a.wav", song(1, 4.0))
    twin.write_bytes(twin.read_bytes() + b"LIST\4\0\0\0abcd")  # other bytes, the same audio
    shelf.add([twin])
    first = next(iter(shelf))
    shelf.update(first.id, title="Björk", extra={"year": "1999"})
    whole = Side(shelf._tracks, "", NAMES).whole([shelf.get(first.id)])[0]
    old = replace(whole.new_track(), cover=b"\x89PNG", added_at="2001-02-03T04:05:06+00:00")
    shelf._commit([old])
    return shelf


def told(library):
    wholes = Side(library._tracks, "", NAMES).whole(list(library))
    return [(whole.track.as_dict(), whole.fingerprint(NAMES)) for whole in wholes]


def test_everything_comes_along(full, other, write, song):
    report = full.copy_to(other)
    assert told(other) == told(full)
    assert (report.tracks, report.unchanged, report.replaced, report.verified) == (3, 0, 0, 3)
    assert len(report.checksum) == 64
    numbers = [track.number for track in other]
    assert numbers[0] == numbers[2] != numbers[1], "shared audio is linked again"
    assert other.engines() == full.engines()
    first = next(iter(other))
    assert first.added_at == "2001-02-03T04:05:06+00:00"
    assert other.cover(first.id) == b"\x89PNG"
    assert other.check() == []
    clip = write("clip.wav", song(2, 4.0)[8000:40000])
    assert other.identify(clip, "sound").best.track.id == list(full)[1].id
    assert other.add(list(full)[1].source).unchanged == 1, "sizes and times came along too"


def test_a_second_copy_writes_nothing(full, other):
    first = full.copy_to(other)
    before = other._tracks.revision()
    again = full.copy_to(other)
    assert (again.tracks, again.unchanged, again.verified) == (0, 3, 3)
    assert again.checksum == first.checksum
    assert other._tracks.revision() == before


def test_what_changed_is_written_over_and_what_is_there_besides_stays(full, other, write, song):
    full.copy_to(other)
    other.add([write("theirs.wav", song(3, 4.0))])
    first, second, _ = list(full)
    full.update(second.id, title="New")
    write("b.wav", song(4, 4.0))
    full.add([second.source])  # other audio under the same path: the same id
    other.update(first.id, title="Theirs")
    report = full.copy_to(other)
    assert (report.tracks, report.replaced, report.unchanged) == (2, 2, 1)
    assert told(other)[:3] == told(full)
    assert len(other) == 4
    assert other.check() == []


def test_features_that_differ_are_found_by_the_comparison_at_the_end(full, other):
    full.copy_to(other)
    first = next(iter(other))
    whole = Side(other._tracks, "", NAMES).whole([first])[0]
    feigned = {**whole.features, "sound": StoredFeatures("tones-1", b"\1\0\0\0" * 16)}
    other._commit([replace(whole.new_track(), features=feigned, audio_id="feigned")])
    report = full.copy_to(other)
    assert (report.tracks, report.replaced, report.unchanged) == (1, 1, 2)
    assert told(other) == told(full)


def test_a_track_that_cannot_be_made_the_same_is_named(full, other):
    def damaged(batch):
        return commit([replace(new, title=f"{new.title}?") for new in batch])

    commit, other._commit = other._commit, damaged
    with pytest.raises(DamagedIndexError, match="the copy of 'Björk'") as caught:
        full.copy_to(other)
    assert next(iter(full)).id in caught.value.message


def test_a_copy_that_was_stopped_goes_on(full, other, monkeypatch):
    monkeypatch.setattr(copying, "BATCH", 1)
    stop = threading.Event()
    with pytest.raises(StoppedError, match="after 2 tracks"):
        full.copy_to(other, progress=lambda told: told.done >= 2 and stop.set(), stop=stop)
    assert len(other) == 2
    report = full.copy_to(other)
    assert (report.tracks, report.unchanged) == (1, 2)
    assert told(other) == told(full)


def test_progress_ends_at_its_total(full, other):
    steps = []
    full.copy_to(other, progress=steps.append)
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert steps[-1].done == steps[-1].total == 6


def test_a_large_batch_is_committed_in_parts(full, other, monkeypatch):
    monkeypatch.setattr(copying, "BATCH_BYTES", 1)
    sizes = []
    commit = other._commit
    other._commit = lambda batch: (sizes.append(len(batch)), commit(batch))[1]
    full.copy_to(other)
    assert sizes == [1, 1, 1]


def test_tracks_that_are_removed_meanwhile_are_left_out(full, other, monkeypatch):
    monkeypatch.setattr(copying, "PAGE", 2)
    monkeypatch.setattr(copying, "BATCH", 1)
    gone = list(full)[1].id

    def remove(told):
        if told.done == 1:
            full.remove(gone)

    report = full.copy_to(other, progress=remove)
    assert report.verified == 2
    assert told(other) == told(full)


def test_a_track_added_meanwhile_comes_along(full, other, write, song):
    late = write("late.wav", song(7, 4.0))

    def add(told):
        if told.done == 3:
            full.add([late])

    report = full.copy_to(other, progress=add)
    assert (report.tracks, report.verified) == (4, 4)
    assert told(other) == told(full)
    assert other.check() == []


def test_a_library_is_not_copied_to_itself(full, other, settings, tmp_path):
    with (
        Library.open(tmp_path / "." / "other" / ".." / "library", settings=settings) as same,
        pytest.raises(UsageError, match="is where the copy comes from"),
    ):
        full.copy_to(same)


def test_other_parameters_are_refused_and_nothing_is_written(full, other, write, song, monkeypatch):
    monkeypatch.setenv("EARMARK_TONES_DIGEST", "tones-2")
    with pytest.raises(LibraryParametersError, match="'sound' made with other parameters"):
        full.copy_to(other)
    assert len(other) == 0
    other.add([write("theirs.wav", song(3, 4.0))])
    with pytest.raises(LibraryParametersError, match="'sound' made with other parameters"):
        full.copy_to(other)
    assert len(other) == 1


def test_engines_of_a_library_that_holds_something_stay_as_they_are(full, other, write, song):
    other.add([write("theirs.wav", song(3, 4.0))])
    assert full.engines() != other.engines()
    full.copy_to(other)
    assert other.engines()["melody"]
    lacking = [fault for fault in other.check() if "melody" in fault]
    assert len(lacking) == 1
    assert "run `earmark rebuild`" in lacking[0]


def test_features_of_engines_that_are_off_come_along(shelf, other, write, song):
    shelf.add([write("a.wav", song(1, 4.0))])
    shelf.switch("melody", False)
    shelf.copy_to(other)
    assert other._tracks.numbers("melody").tolist() == [1]
    assert other.switch("melody", True) == 0, "they are found without a rebuild"
    assert other.check() == []


def test_the_day_is_kept_unless_another_is_told(tmp_path):
    from earmark.stores.sqlite import SqliteTrackStore

    store = SqliteTrackStore(tmp_path / "days")
    for tracks in (store, MemoryTrackStore()):
        new = NewTrack("s", "c", "a", 1.0, {}, track_id="one", added_at="2001-01-01T00:00:00+00:00")
        assert tracks.put([new])[0].added_at == new.added_at
        assert tracks.put([replace(new, added_at=None)])[0].added_at == new.added_at
        later = "2002-01-01T00:00:00+00:00"
        assert tracks.put([replace(new, added_at=later)])[0].added_at == later
        assert tracks.put([replace(new, added_at=None, track_id="two")])[0].added_at > later
    store.close()


def test_an_archive_keeps_the_day(full, other, tmp_path):
    full.export_to(tmp_path / "a.earmark")
    other.import_from(tmp_path / "a.earmark")
    assert [track.added_at for track in other] == [track.added_at for track in full]


@pytest.fixture
def redis_tracks(redis_host):
    """A Redis' truth, without indexes."""
    from earmark.stores.redis_address import redis_address
    from earmark.stores.redis_client import RedisClient
    from earmark.stores.redis_tracks import RedisTrackStore

    opened = []

    def store(namespace):
        client = RedisClient(redis_address(f"redis://127.0.0.1:{redis_host.port}/0?ns={namespace}"))
        opened.append((RedisTrackStore(client, 5.0), client))
        return opened[-1][0]

    yield store
    for tracks, client in opened:
        tracks.close()
        client.close()


def copied(source, target):
    """Copy tracks alone, and return the report."""
    sides = (Side(source, "here", NAMES), Side(target, "there", NAMES))
    return copying.Copy(*sides, target.put, lock_wait_s=1.0).run(lambda: None)


def marks(tracks):
    listed = tracks.page(None, 1000)
    return [whole.fingerprint(NAMES) for whole in Side(tracks, "", NAMES).whole(listed)]


def test_tracks_go_to_redis_and_back(full, redis_tracks):
    there, back = redis_tracks(uuid.uuid4().hex), MemoryTrackStore()
    reports = [copied(full._tracks, there), copied(there, back), copied(full._tracks, there)]
    assert [report.tracks for report in reports] == [3, 3, 0]
    assert len({report.checksum for report in reports}) == 1
    assert marks(there) == marks(back) == marks(full._tracks)
    assert [len(there.numbers(name)) for name in NAMES] == [2, 0, 2]
    assert there.check() == []


def test_a_file_that_another_is_adding_is_waited_for(full, redis_tracks):
    namespace = uuid.uuid4().hex
    there, other = redis_tracks(namespace), redis_tracks(namespace)
    claimed = list(full)[1].source
    with other.writing():
        assert other.claim([claimed]) == [True]
        with pytest.raises(LibraryLockedError, match="is being added to there by another process"):
            copied(full._tracks, there)
        assert there.count() == 0
        later = threading.Timer(0.5, lambda: other.release([claimed]))
        later.start()
        assert copied(full._tracks, there).verified == 3
        later.join()
    assert other.claim([claimed]) == [True], "it was given back"
