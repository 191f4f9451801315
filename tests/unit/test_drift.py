"""What has come apart is found and mended from the truth; what is lost of the truth is told."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import replace

import pytest

from earmark import Library, RepairReport
from earmark.copying.whole import Side
from earmark.ports import StoredFeatures


@pytest.fixture
def full(shelf, write, song):
    shelf.switch("melody", False)
    shelf.add([write("a.wav", song(1, 4.0)), write("b.wav", song(2, 4.0))])
    return shelf


def test_nothing_is_done_to_a_library_that_is_sound(full):
    assert full.check() == []
    assert full.repair() == RepairReport()
    assert full.repair().sound


def test_a_damaged_index_is_built_again(full, settings, song, write):
    (segment,) = (full.folder / "index" / "sound" / "postings").glob("*.segment")
    segment.write_bytes(segment.read_bytes()[:-1])
    with Library.open(settings=settings) as library:
        steps = []
        report = library.repair(progress=steps.append)
        assert len(report.found) == 1
        assert str(segment) in report.found[0]
        assert report.done == ("built the index of 'sound' again: 2 recordings",)
        assert report.left == ()
        assert library.check() == []
        assert library.identify(write("q.wav", song(2, 4.0)), "sound").best is not None
        assert steps[-1].done == steps[-1].total


def test_an_index_that_is_lost_comes_back(full, settings, song, write):
    shutil.rmtree(full.folder / "index" / "sound")
    with Library.open(settings=settings) as library:
        assert library.repair().sound
        assert library.identify(write("q.wav", song(2, 4.0)), "sound").best is not None


def test_what_is_behind_an_index_is_caught_up(full, settings, song, write):
    """Removed behind the index' back, as by a writer that was killed between the two."""
    gone = next(iter(full))
    full._tracks.delete([gone.id])
    with Library.open(settings=settings) as library:
        assert library.repair().sound
        assert library._indexes.engine("sound").known().tolist() == [2]
        assert library.identify(write("q.wav", song(1, 4.0)), "sound").best is None


def test_what_is_lost_of_the_truth_is_told(full, settings, monkeypatch):
    with full._tracks._database.transaction() as connection:
        connection.execute("DELETE FROM features WHERE engine = 'sound' AND number = 1")
    with Library.open(settings=settings) as library:
        report = library.repair()
        assert not report.sound
        assert report.left[0].startswith("1 recordings have no features of 'sound'")
    monkeypatch.setenv("EARMARK_TONES_DIGEST", "tones-2")
    with Library.open(settings=settings) as library:
        report = library.repair()
        assert any("other parameters of 'sound'" in fault for fault in report.left)


def test_the_program_repairs(earmark, full):
    (segment,) = (full.folder / "index" / "sound" / "postings").glob("*.segment")
    segment.write_bytes(segment.read_bytes()[:-1])
    first = earmark("--library", full.folder, "doctor")
    assert first.code == 4
    second = earmark("--library", full.folder, "doctor", "--repair")
    assert (second.code, second.err) == (0, "")
    assert second.out == "built the index of 'sound' again: 2 recordings\nsound\n"
    with full._tracks._database.transaction() as connection:
        connection.execute("DELETE FROM features WHERE engine = 'sound' AND number = 1")
    last = earmark("--library", full.folder, "doctor", "--repair", "--json")
    (fault,) = last.lines[0]["faults"]
    assert fault.startswith("1 recordings have no features of 'sound'")
    assert last.lines == [{"sound": False, "faults": [fault], "found": [fault], "done": []}]
    assert last.code == 4


# --- where many machines write --------------------------------------------------------------------

LEAVER = """
import os, signal, sys
from earmark import Library, Settings, bootstrap
from earmark.copying.whole import Side
from dataclasses import replace

url, step = sys.argv[1:]
bootstrap.LEASE_S = 0.5
library = Library.open(url, settings=Settings(library=url, lock_wait_s=5.0))
names = ("recording", "melody", "sound")
track = next(iter(library))
new = Side(library._tracks, "", names).whole([track])[0].new_track()
features = {**new.features, "sound": replace(new.features["sound"], data=b"\\1\\0\\0\\0" * 16)}
new = replace(new, audio_id="another", track_id="late", features=features)
tracks, indexes = library._tracks, library._indexes
with tracks.writing():
    if step == "hidden":
        tracks.hide([track.id])
    else:
        if step == "published":  # over the only track of its audio
            new = replace(new, track_id=track.id)
        stage = tracks.stage([new])
        if step != "staged":
            indexes.lead(stage)
        if step == "published":
            tracks.publish(stage)
    print(step, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def url(redis_host, tmp_path):
    vectors = tmp_path / "vectors.db"
    return f"redis://127.0.0.1:{redis_host.port}/0?ns={uuid.uuid4().hex}&vectors={vectors}"


@pytest.fixture
def shared(tones, url, settings, write, song):
    """Two tracks, with a window that is short enough for a test between a death and its notice."""
    with Library.open(url, create=True, settings=settings) as library:
        library.switch("melody", False)
        library.add([write("a.wav", song(1, 4.0)), write("b.wav", song(2, 4.0))])
        assert library.check() == []
        yield library


def known(library):
    return [library._indexes.engine(name).known().tolist() for name in ("recording", "sound")]


def test_a_shared_library_that_is_sound_is_left_alone(shared):
    assert shared.repair() == RepairReport()


def test_what_an_index_lacks_is_added_from_the_truth(shared, song, write):
    clip = write("q.wav", song(1, 4.0))
    before = known(shared)
    shared._indexes.engine("sound").remove([before[1][0]])
    shared._indexes.engine("recording").remove(before[0])
    assert shared.identify(clip, "sound").best is None
    for faults in (shared.check(), list(shared.repair().found)):
        assert [fault.partition(";")[0] for fault in faults] == [
            "2 recordings are not in the index of 'recording'",
            "1 recordings are not in the index of 'sound'",
        ]
        assert all("earmark doctor --repair" in fault for fault in faults)
    assert known(shared) == before
    assert shared.check() == []
    assert shared.identify(clip, "sound").best.track.title == next(iter(shared)).title


def test_what_no_track_has_is_removed_from_the_indexes(shared, song, write):
    clip = write("q.wav", song(1, 4.0))
    first = next(iter(shared))
    with shared._tracks.writing():
        gone = shared._tracks.hide([first.id])
        shared._tracks.forget(gone)  # and the indexes were never told
    report = shared.repair()
    assert report.done == (
        "removed 1 recordings from the index of 'recording': no track has them",
        "removed 1 recordings from the index of 'sound': no track has them",
    )
    assert report.sound
    assert all(first.number not in numbers for numbers in known(shared))
    assert shared.identify(clip, "sound").best is None


@pytest.mark.parametrize("step", ["staged", "led", "published", "hidden"])
def test_what_a_killed_writer_has_left_is_cleared_away(shared, url, step):
    first, second = list(shared)
    program = [sys.executable, "-c", LEAVER, url, step]
    done = subprocess.run(program, env=os.environ, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, f"{step}\n".encode()), done.stderr
    time.sleep(0.6)  # until it is taken for dead
    (fault,) = shared.check()
    assert fault.startswith("1 numbers were left half added or half removed by a writer that died")
    report = shared.repair()
    assert (report.found, report.left) == ((fault,), ())
    assert report.done == ("cleared away 1 numbers that were left half added or half removed",)
    assert shared.check() == []
    ids = {"hidden": [second.id]}.get(step, [first.id, second.id])
    assert [track.id for track in shared] == ids
    live = sorted(track.number for track in shared)
    assert known(shared) == [live, live]
    for engine in ("recording", "sound"):
        assert shared._tracks.numbers(engine).tolist() == live
        held = shared._tracks.features(engine, range(1, 100))
        assert [number for number, _ in held] == live


def test_a_writer_that_lives_is_no_fault(shared):
    """It has written both indexes and not published yet; then it does."""
    first = next(iter(shared))
    new = Side(shared._tracks, "", ("recording", "sound")).whole([first])[0].new_track()
    packed = replace(new.features["sound"], data=b"\1\0\0\0" * 16)
    features = {**new.features, "sound": packed}
    late = replace(new, audio_id="another", track_id="late", features=features)
    tracks, indexes = shared._tracks, shared._indexes
    with tracks.writing():
        stage = tracks.stage([late])
        indexes.lead(stage)
        assert known(shared)[1][-1] == stage.numbers[0]
        assert shared.check() == []
        tracks.publish(stage)
    assert shared.check() == []
    assert shared.get("late").number == stage.numbers[0]


def test_features_that_no_rebuild_could_renew_come_along_and_are_told(shared):
    first = next(iter(shared))
    new = Side(shared._tracks, "", ("recording", "sound")).whole([first])[0].new_track()
    features = {**new.features, "sound": StoredFeatures("tones-0", b"1234")}
    shared._commit([replace(new, audio_id="old", track_id="old", features=features)])
    report = shared.repair()
    (fault,) = report.left
    assert fault.startswith("1 recordings have no features of 'sound' that can be searched")
    assert report.done == ()


def test_features_that_were_lost_are_heard_again(shared, write, song):
    """A part of Redis came back from an older copy, say."""
    first = next(iter(shared))
    bulk = shared._tracks._bulk
    bulk.delete(["sound"], [first.number])
    bulk.write([("sound", 77, StoredFeatures("tones-1", b"1234"))], {5: b"cover"})
    assert len(shared.check()) == 3
    report = shared.repair()
    assert report.done == (
        "deleted features of 'sound' that belonged to no track: 1",
        "deleted covers that belonged to no track: 1",
    )
    (fault,) = report.left
    assert "audio 1 has lost its features of 'sound'; run `earmark rebuild`" in fault
    assert shared.rebuild().analysed == 1
    assert shared.check() == []
    assert shared.identify(write("q.wav", song(1, 4.0)), "sound").best.track.id == first.id


def test_vectors_that_have_come_apart_are_put_together(tones, url, settings, write, music):
    with Library.open(url, create=True, settings=settings) as library:
        library.switch("recording", False)
        library.switch("sound", False)
        paths = [write(f"{seed}.wav", music(seed, 12.0)) for seed in (1, 2)]
        library.add(paths)
        engine = library._indexes.engine("melody")
        one, two = engine.known().tolist()
        engine.remove([one])
        with library._tracks.writing():
            library._tracks.forget(library._tracks.hide([list(library)[1].id]))
        report = library.repair()
        assert report.done == (
            "removed 1 recordings from the index of 'melody': no track has them",
            "added 1 recordings to the index of 'melody' that it lacked",
        )
        assert report.sound
        assert engine.known().tolist() == [one]
        assert two != one
