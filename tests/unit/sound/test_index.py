"""Statistics and vectors on disk: fitted once, seen by all, fitted anew, lost and mended."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from earmark.errors import DamagedIndexError, LibraryParametersError
from earmark.homes import FolderRoom
from earmark.sound.index import GROWTH, STATISTICS, SoundIndex
from earmark.sound.params import SoundParams

DIGEST = "ears"


@pytest.fixture
def heard(hear, sound):
    """Features by seed."""
    return {seed: hear(sound(seed, 6.0)) for seed in range(1, 20)}


@pytest.fixture
def nothing(hear):
    return hear(np.zeros(0, np.float32))


@pytest.fixture
def new_index(room):
    return lambda digest=DIGEST: SoundIndex(room, SoundParams(), digest)


def nearest(index, features):
    """The number of the window nearest to the first of these, and how near it is."""
    opened = index.settled()
    found = opened.moments.search(index.joined(opened, features)[:1], 1)
    return int(found.number[0, 0]), float(found.similarity[0, 0])


def files(room):
    return sorted(p.name for p in room.folder.rglob("*") if p.is_file())


def test_nothing_is_read_before_the_first_use(room, new_index):
    room.keep(STATISTICS, b"spoilt")
    index = new_index()
    for use in (index.known, index.settled, index.outgrown, index.statistics_bytes, index.reload):
        with pytest.raises(DamagedIndexError, match="run `earmark rebuild`"):
            use()


def test_added_is_known_and_found_at_once(new_index, heard):
    index = new_index()
    index.add([(3, heard[3]), (1, heard[1])])
    assert index.known().tolist() == [1, 3]
    assert nearest(index, heard[3]) == (3, pytest.approx(1.0, abs=0.01))
    index.add([(2, heard[2])])
    assert index.known().tolist() == [1, 2, 3]
    assert nearest(index, heard[2])[0] == 2


def test_nothing_is_written_without_a_flush(room, new_index, heard):
    index = new_index()
    index.add([(1, heard[1])])
    index.settled()
    assert files(room) == []
    assert new_index().known().tolist() == []
    index.flush()
    assert STATISTICS in files(room)
    assert new_index().known().tolist() == [1]
    assert index.statistics_bytes() == (room.folder / STATISTICS).stat().st_size


def test_one_statistics_for_both(room, new_index, heard):
    one = new_index()
    one.add([(n, heard[n]) for n in (1, 2)])
    one.flush()
    before = room.note(STATISTICS)
    other = new_index()
    other.add([(3, heard[3])])
    other.flush()
    one.reload()
    assert one.known().tolist() == [1, 2, 3]
    assert nearest(one, heard[3])[0] == 3
    assert room.note(STATISTICS) == before


def test_removed_before_and_after_a_flush(new_index, heard):
    index = new_index()
    index.add([(n, heard[n]) for n in (1, 2, 3)])
    index.remove([1, 77])
    assert index.known().tolist() == [2, 3]
    index.flush()
    index.remove([2])
    assert nearest(index, heard[2])[0] == 3
    index.flush()
    assert new_index().known().tolist() == [3]
    index.add([(4, heard[4])])
    assert nearest(index, heard[4])[0] == 4


def test_silent_tracks_wait_without_an_index(room, new_index, nothing, heard):
    index = new_index()
    index.add([(1, nothing), (2, nothing)])
    assert index.settled() is None
    index.flush()
    assert files(room) == []
    assert index.known().tolist() == [1, 2]
    assert not index.outgrown()
    index.add([(3, heard[3])])
    index.flush()
    assert new_index().known().tolist() == [1, 2, 3]
    index.add([(4, nothing)])
    assert index.known().tolist() == [1, 2, 3, 4]


def test_only_silent_tracks_are_removed_too(new_index, nothing):
    index = new_index()
    index.add([(1, nothing)])
    index.remove([1])
    assert index.known().tolist() == []


def test_provisional_statistics_give_way_to_those_on_disk(room, new_index, heard):
    """A reader that fitted its own on what it saw compares in the writer's space afterwards."""
    writer, reader = new_index(), new_index()
    for index, numbers in ((writer, (1, 2, 3, 4)), (reader, (1, 2))):
        index.add([(n, heard[n]) for n in numbers])
    assert reader.settled().statistics.fitted_on == 2
    writer.flush()
    assert reader.known().tolist() == [1, 2]
    reader.reload()
    assert reader.settled().statistics.digest == writer.settled().statistics.digest
    assert reader.known().tolist() == [1, 2, 3, 4]
    assert nearest(reader, heard[4])[0] == 4


def test_waiting_tracks_join_what_another_process_fitted_meanwhile(new_index, heard):
    """The writer flushes between a reader's look and its search."""
    writer, reader = new_index(), new_index()
    reader.add([(5, heard[5])])
    writer.add([(n, heard[n]) for n in (1, 2)])
    writer.flush()
    assert nearest(reader, heard[5])[0] == 5
    assert nearest(reader, heard[1])[0] == 1
    assert reader.known().tolist() == [1, 2, 5]


def test_outgrown_statistics_are_fitted_anew_and_others_follow(room, new_index, heard):
    index, reader = new_index(), new_index()
    index.add([(1, heard[1])])
    index.flush()
    reader.reload()
    assert nearest(reader, heard[1])[0] == 1
    old = room.note(STATISTICS)
    assert not index.outgrown()
    index.add([(n, heard[n]) for n in range(2, GROWTH + 1)])
    assert index.outgrown()
    index.drop()
    assert files(room) == []
    assert not index.outgrown()
    index.add([(n, heard[n]) for n in range(1, GROWTH + 1)])
    index.flush()
    assert not index.outgrown()
    assert room.note(STATISTICS) != old
    assert nearest(reader, heard[1])[0] == 1  # what it has open stays
    reader.reload()
    assert reader.known().tolist() == list(range(1, GROWTH + 1))
    assert nearest(reader, heard[GROWTH])[0] == GROWTH


def test_statistics_of_enough_windows_are_final(new_index, heard, monkeypatch):
    monkeypatch.setattr("earmark.sound.index.ENOUGH_WINDOWS", 2)
    index = new_index()
    index.add([(n, heard[n]) for n in (1, 2)])
    index.flush()
    index.add([(n, heard[n]) for n in range(3, 19)])
    assert not index.outgrown()


def test_a_reader_whose_disk_changed_between_its_two_looks(room, new_index, heard, monkeypatch):
    """It reads the old statistics, then another process fits anew, then it reads the vectors."""
    writer = new_index()
    writer.add([(1, heard[1])])
    writer.flush()
    reader = new_index()
    real = FolderRoom.note
    turns = []

    def note(self, name):
        found = real(self, name)
        turns.append(name)
        if len(turns) == 1:
            monkeypatch.setattr(FolderRoom, "note", real)
            writer.drop()
            writer.add([(n, heard[n]) for n in (1, 2, 3)])
            writer.flush()
            monkeypatch.setattr(FolderRoom, "note", note)
        return found

    monkeypatch.setattr(FolderRoom, "note", note)
    reader.reload()
    assert reader.known().tolist() == [1, 2, 3]
    assert nearest(reader, heard[3])[0] == 3


def test_killed_between_statistics_and_vectors(room, new_index, heard):
    index = new_index()
    index.add([(n, heard[n]) for n in (1, 2)])
    room.keep(STATISTICS, index.settled().statistics.to_bytes())
    after = new_index()
    assert after.known().tolist() == []
    after.add([(n, heard[n]) for n in (1, 2)])
    assert nearest(after, heard[2])[0] == 2
    after.flush()
    assert new_index().known().tolist() == [1, 2]


def test_killed_between_the_two_halves_of_a_drop(room, new_index, heard):
    index = new_index()
    index.add([(1, heard[1])])
    index.flush()
    index.settled().moments.drop()
    after = new_index()
    assert after.known().tolist() == []
    after.add([(1, heard[1]), (2, heard[2])])
    after.flush()
    assert nearest(new_index(), heard[2])[0] == 2


KILLED = """
import os, pickle, signal, sys
from pathlib import Path
from earmark.homes import FolderRoom
from earmark.sound.index import SoundIndex
from earmark.sound.params import SoundParams
from earmark.stores.vectors import FileVectorStore
FileVectorStore.flush = lambda self: os.kill(os.getpid(), signal.SIGKILL)
index = SoundIndex(FolderRoom(Path(sys.argv[1])), SoundParams(), "ears")
index.add(pickle.load(sys.stdin.buffer))
index.flush()
"""


def test_really_killed_there(room, new_index, heard):
    import pickle

    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(room.folder)],
        input=pickle.dumps([(1, heard[1])]),
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3] / "src")},
        check=False,
    )
    assert done.returncode == -9
    assert STATISTICS in files(room)
    after = new_index()
    after.add([(1, heard[1])])
    after.flush()
    assert new_index().known().tolist() == [1]


def test_lost_statistics_are_told_and_a_drop_mends(room, new_index, heard):
    """Vectors of statistics that nobody has any more are not compared with."""
    index = new_index()
    index.add([(1, heard[1]), (2, heard[2])])
    index.flush()
    (room.folder / STATISTICS).unlink()
    after = new_index()
    after.add([(3, heard[3])])
    with pytest.raises(LibraryParametersError, match="earmark rebuild"):
        after.settled().moments.known()
    mended = new_index()
    mended.drop()
    mended.add([(3, heard[3])])
    mended.flush()
    assert new_index().known().tolist() == [3]


def test_another_model_s_vectors_are_not_compared_with(new_index, heard):
    index = new_index()
    index.add([(1, heard[1])])
    index.flush()
    with pytest.raises(LibraryParametersError):
        new_index("another").known()


def test_what_settling_could_not_finish_is_not_lost(new_index, heard, monkeypatch):
    """The store fails at the third track: the next search finds all of them."""
    from earmark.stores.vectors import FileVectorStore

    index = new_index()
    index.add([(n, heard[n]) for n in range(1, 6)])
    real, left = FileVectorStore.add, [3]

    def some(items):
        for item in items:
            left[0] -= 1
            if not left[0]:
                raise OSError
            yield item

    def add(self, items):
        real(self, some(items))

    monkeypatch.setattr(FileVectorStore, "add", add)
    with pytest.raises(OSError):
        index.settled()
    assert index.known().tolist() == [1, 2, 3, 4, 5]
    assert nearest(index, heard[5])[0] == 5
    assert index.settled().moments.known().tolist() == [1, 2, 3, 4, 5]


def test_a_flush_waits_while_more_would_make_it_better(new_index, heard, monkeypatch):
    """Else a library of one-shots would be fitted on its first few for ever."""
    monkeypatch.setattr("earmark.sound.index.ENOUGH_WINDOWS", 8)
    index = new_index()
    index.add((seed, heard[seed]) for seed in range(1, 8))
    assert index.gathering()
    index.add((seed, heard[seed]) for seed in range(8, 20))
    assert not index.gathering()
    assert index.settled().statistics.fitted_on == 8
    assert index.known().tolist() == list(range(1, 20))


def test_gathering_ends_with_a_flush(new_index, heard):
    index = new_index()
    assert index.gathering()
    index.add([(1, heard[1])])
    index.flush()
    assert not index.gathering()
