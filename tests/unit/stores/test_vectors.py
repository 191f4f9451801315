"""Vector segments on disk: damage, parameters, merging, other processes, size, accuracy."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from earmark import errors
from earmark.ports import Embedded
from earmark.stores import vectors as module
from earmark.stores.vectors import FileVectorStore

DIMENSION = 16


def unit(rng, n, dimension=DIMENSION):
    rows = rng.standard_normal((n, dimension)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def embedded(number: int, count: int = 20) -> Embedded:
    rng = np.random.default_rng(number)
    vectors = unit(rng, count)
    return Embedded(number, vectors, np.arange(count), np.full(count, 4.0), rng.bytes(30))


QUERIES = unit(np.random.default_rng(99), 3)


def open_at(folder) -> FileVectorStore:
    return FileVectorStore(folder, DIMENSION, "digest")


def found(store):
    answer = store.search(QUERIES, 50)
    held = [store.embedded(number) for number in store.known().tolist()]
    return (
        [answer.number.tolist(), answer.start_s.tolist(), answer.similarity.tolist()],
        [(item.number, item.vectors.tolist(), item.payload) for item in held],
        store.payloads(store.known().tolist()),
    )


@pytest.fixture
def flushed(tmp_path):
    store = open_at(tmp_path / "index")
    store.add(embedded(n) for n in range(1, 9))
    store.flush()
    return tmp_path / "index"


def segment_of(folder):
    (path,) = folder.glob("*.segment")
    return path


def test_every_damaged_byte_is_reported_and_found_by_verify(flushed):
    path = segment_of(flushed)
    sound = path.read_bytes()
    rng = np.random.default_rng(0)
    # All of the header, and a sample of the tables and of the rest.
    places = [*range(64), *rng.integers(64, len(sound), 300).tolist()]
    reported: list[str] = []
    for place in places:
        raw = bytearray(sound)
        raw[place] ^= 1 << int(rng.integers(0, 8))
        path.write_bytes(bytes(raw))
        store = open_at(flushed)
        try:
            store.search(QUERIES, 5)  # reads vectors unsummed: an answer or an error, no crash
            found(store)
        except errors.DamagedIndexError as error:
            reported.append(error.message)
    assert len(reported) == len(places)
    assert all("earmark rebuild" in message for message in reported)
    path.write_bytes(sound)
    assert open_at(flushed).verify() == []


def test_damage_is_not_merged_into_a_sound_segment(flushed):
    path = segment_of(flushed)
    raw = bytearray(path.read_bytes())
    raw[-8 * 30 - 40] ^= 1  # among the vectors
    path.write_bytes(bytes(raw))
    store = open_at(flushed)
    store.add([embedded(20)])
    with pytest.raises(errors.DamagedIndexError, match=r"vectors 7 .*earmark rebuild"):
        store.flush()
    assert list(flushed.glob("*.segment")) == [path]
    assert store.known().tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 20]


@pytest.mark.parametrize("size", [0, 1, 63, 64, 1000, -1, -8, None])
def test_a_segment_of_another_size(flushed, size):
    path = segment_of(flushed)
    raw = path.read_bytes()
    path.write_bytes(raw + b"x" if size is None else raw[:size])
    with pytest.raises(errors.DamagedIndexError, match="earmark rebuild"):
        open_at(flushed).known()


def test_a_missing_segment(flushed):
    path = segment_of(flushed)
    store = open_at(flushed)
    store.known()
    path.unlink()
    assert "is missing" in store.verify()[0]
    with pytest.raises(errors.DamagedIndexError, match=r"is missing.*earmark rebuild"):
        open_at(flushed).known()


def test_a_damaged_manifest(flushed):
    path = flushed / "manifest.json"
    sound = path.read_bytes()
    reported: list[str] = []
    for place in range(0, len(sound), 3):
        raw = bytearray(sound)
        raw[place] ^= 1 << (place % 7)
        path.write_bytes(bytes(raw))
        try:
            assert open_at(flushed).known().tolist() == [*range(1, 9)]  # white space
        except errors.StoreError as error:
            reported.append(error.message)
    assert len(reported) > 80
    assert all("earmark rebuild" in message for message in reported)


@pytest.mark.parametrize(("dimension", "digest"), [(DIMENSION, "other"), (15, "digest")])
def test_other_parameters_are_never_searched_and_drop_mends_them(flushed, dimension, digest):
    store = FileVectorStore(flushed, dimension, digest)
    with pytest.raises(errors.LibraryParametersError, match=r"dimension 16.*earmark rebuild"):
        store.known()
    store.drop()
    assert list(flushed.iterdir()) == []
    assert store.known().tolist() == []


def test_an_index_of_postings_is_not_one_of_vectors(tmp_path):
    from earmark.ports import Posted
    from earmark.stores.segments import SegmentPostingStore

    other = SegmentPostingStore(tmp_path, 16, "digest")
    one = np.array([1], np.uint32)
    other.add([Posted(1, one, one, 9, np.zeros(4, np.uint8))])
    other.flush()
    with pytest.raises(errors.LibraryParametersError, match="dimension None"):
        open_at(tmp_path).known()


@pytest.mark.parametrize("dimension", [0, -1, 8193])
def test_a_dimension_that_cannot_be(tmp_path, dimension):
    with pytest.raises(ValueError, match="can be stored"):
        FileVectorStore(tmp_path, dimension)


def test_merging_keeps_the_answers_and_segments_few(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SMALL_SEGMENT", 0)
    store, most = open_at(tmp_path), 0
    for number in range(60):
        store.add([embedded(number)])
        store.flush()
        most = max(most, store.stats()["segments"])
    assert 1 < most <= 6
    whole = open_at(tmp_path / "whole")
    whole.add(embedded(n) for n in range(60))
    assert found(store) == found(open_at(tmp_path)) == found(whole)
    full = store.stats()["bytes"]
    assert full == sum(path.stat().st_size for path in tmp_path.iterdir() if path.is_file())
    store.remove(range(0, 60, 2))
    whole.remove(range(0, 60, 2))
    store.flush()
    assert found(store) == found(whole)
    assert store.stats()["bytes"] < 0.7 * full
    store.remove(range(60))
    store.flush()
    assert list(tmp_path.glob("*.segment")) == []


def test_a_small_dead_share_is_kept_until_it_pays(flushed):
    store, before = open_at(flushed), segment_of(flushed)
    store.remove([1])
    store.flush()
    assert segment_of(flushed) == before
    store.remove([2, 3])
    store.flush()
    assert segment_of(flushed) != before
    assert open_at(flushed).known().tolist() == [4, 5, 6, 7, 8]


def test_many_additions_are_packed_before_they_fill_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SEAL_VECTORS", 100 * DIMENSION)
    store = open_at(tmp_path)
    store.add(embedded(n) for n in range(40))
    assert store._pending_vectors < 100
    assert store.stats() == {"bytes": 0, "segments": 0, "vectors": 800, "pending": 40}


def test_left_overs_of_a_crash_are_deleted_by_the_next_flush(flushed):
    for name in ("0123.segment", "4567.segment.unfinished", "manifest.json.unfinished"):
        (flushed / name).write_bytes(b"left over")
    open_at(flushed).flush()
    assert sorted(path.suffix for path in flushed.iterdir()) == [".json", ".segment"]


def test_another_process_reads_and_writes_the_same_folder(flushed):
    reader, right = open_at(flushed), found(open_at(flushed))
    assert found(reader) == right
    program = (
        "import sys, numpy as np\n"
        "from earmark.ports import Embedded\n"
        "from earmark.stores.vectors import FileVectorStore\n"
        "store = FileVectorStore(sys.argv[1], 16, 'digest')\n"
        "assert store.known().tolist() == [1, 2, 3, 4, 5, 6, 7, 8]\n"
        "store.remove(range(1, 9))\n"
        "rows = np.eye(16, dtype=np.float32)[:2]\n"
        "store.add([Embedded(30, rows, np.zeros(2), np.ones(2), b'x')])\n"
        "store.flush()\n"
    )
    subprocess.run([sys.executable, "-c", program, str(flushed)], check=True)
    assert found(reader) == right  # what it had mapped is still there
    reader.reload()
    assert reader.known().tolist() == [30]
    assert reader.payloads([30]) == [b"x"]


def test_how_large_and_how_accurate(tmp_path):
    """74 bytes a vector of 64 components; inner products within 0.004, typically 0.0008."""
    rng = np.random.default_rng(0)
    store = FileVectorStore(tmp_path, 64, "digest")
    vectors = unit(rng, 20_000, 64)
    for number in range(40):
        mine = vectors[500 * number : 500 * number + 500]
        store.add([Embedded(number, mine, np.arange(500), np.ones(500), b"")])
    store.flush()
    size = store.stats()["bytes"] / len(vectors)
    assert 74 <= size < 74.2
    queries = unit(rng, 4, 64)
    answer = store.search(queries, 20_000)
    place = (answer.number * 500 + answer.start_s).astype(np.int64)
    error = answer.similarity - np.take_along_axis(queries @ vectors.T, place, 1)
    assert error.std() < 0.001
    assert np.abs(error).max() < 0.005
