"""The rules of indexes that many machines write to, on a real Redis and a Milvus Lite."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from earmark import Library
from earmark.errors import LibraryParametersError

pytestmark = pytest.mark.usefixtures("tones")


@pytest.fixture
def files(write, song):
    return [write(f"{seed}.wav", song(seed, 6.0)) for seed in range(3)]


@pytest.fixture
def library(shared, files):
    with Library.open(create=True, settings=shared) as library:
        library.add(files)
        yield library


def found(library, path) -> list[str]:
    return [match.track.source for match in library.identify(path, "sound").matches]


def test_what_an_index_lacks_or_has_too_much_is_told_and_mended(library, files):
    indexes = library._indexes
    engine = indexes.engine("sound")
    first = library.identify(files[0], "sound").best.track.number
    engine.remove([first])
    engine.add([(77, np.arange(20, dtype=np.uint32))])
    gone, missing = indexes.drift("sound")
    assert (gone.tolist(), missing.tolist()) == ([77], [first])
    assert found(library, files[0]) == []
    told = library.check()
    assert [fault.split(";")[0] for fault in told] == [
        "1 recordings are in the index of 'sound' that no track has",
        "1 recordings are not in the index of 'sound'",
    ]
    assert indexes.mend("sound") == 2
    assert found(library, files[0]) == [str(files[0])]
    assert library.check() == []


def test_what_a_failed_writer_has_left_is_told_and_tidied(library, files, write, song, monkeypatch):
    def fails(stage):
        raise OSError("the machine stops")

    with monkeypatch.context() as patched:
        patched.setattr(library._tracks, "publish", fails)
        with pytest.raises(OSError, match="stops"):
            library.add(write("late.wav", song(9, 6.0)))
    assert len(library) == 3
    assert found(library, files[0].with_name("late.wav")) == []
    (told,) = library.check()
    assert told.startswith("1 numbers were left half added or half removed")
    assert library._indexes.tidy() == 1
    assert library._indexes.tidy() == 0
    assert library.check() == []


def test_an_index_whose_building_was_cut_off_is_built_by_the_next_writer(
    library, files, monkeypatch
):
    indexes = library._indexes
    with monkeypatch.context() as patched:
        patched.setattr(type(indexes), "_unpacked", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            library.rebuild()
    assert "recording" in indexes.outgrown()
    report = library.add(files)
    assert report.unchanged == 3
    assert indexes.outgrown() == []
    assert library.identify(files[1], "recording").best.track.source == str(files[1])
    assert library.check() == []


@pytest.mark.parametrize("openings", [1, 2])
def test_the_same_bytes_put_twice_at_once_are_one_track(
    library, shared, write, song, monkeypatch, openings
):
    one, two = write("one.wav", song(9, 6.0)), write("two.wav", song(9, 6.0))
    with Library.open(settings=shared) as second, ThreadPoolExecutor(2) as pool:
        putting = (library, library if openings == 1 else second)
        for each in putting[:openings]:

            def slowly(tracks, stage=each._tracks.stage):
                time.sleep(0.5)
                return stage(tracks)

            monkeypatch.setattr(each._tracks, "stage", slowly)
        reports = list(pool.map(lambda each, path: each.put(path), putting, (one, two)))
    assert sorted(report.created for report in reports) == [False, True]
    assert len({report.track.id for report in reports}) == 1
    assert len(library) == 4


def test_a_long_run_puts_the_indexes_in_order_on_its_way(library, write, song, monkeypatch):
    monkeypatch.setattr("earmark.library.committing.FLUSH_EVERY", 1)
    monkeypatch.setattr("earmark.ingest.run.BATCH_TRACKS", 1)
    flush, flushed_at = library._indexes.flush, []

    def noted():
        flushed_at.append(len(library))
        flush()

    monkeypatch.setattr(library._indexes, "flush", noted)
    library.add([write(f"{seed}.wav", song(seed, 6.0)) for seed in range(10, 13)])
    assert flushed_at == [4, 5, 6]


def test_features_of_other_parameters_are_led_into_no_index(library, write, song, monkeypatch):
    late = write("late.wav", song(9, 6.0))
    monkeypatch.setenv("EARMARK_TONES_DIGEST", "tones-2")
    with pytest.raises(LibraryParametersError, match=r"earmark --library redis://.* rebuild"):
        library.add(late)
    monkeypatch.delenv("EARMARK_TONES_DIGEST")
    assert library.add(late).added == 1


def test_an_engine_that_is_switched_on_again_finds_what_was_added_before(library, files):
    library.switch("sound", False)
    assert "sound" not in library._indexes.names
    library.remove(next(iter(library)).id)
    assert library.switch("sound", True) == 0
    assert sum(found(library, path) == [str(path)] for path in files) == 2
    assert library.check() == []
