from __future__ import annotations

import io
import threading
import zipfile

import numpy as np
import pytest

from earmark import (
    ArchiveError,
    AudioTooShortError,
    Library,
    LibraryNotFoundError,
    LibraryParametersError,
    TrackNotFoundError,
    UsageError,
)

RATE_HZ = 16000


def cut(samples, start_s, end_s):
    return samples[int(start_s * RATE_HZ) : int(end_s * RATE_HZ)]


@pytest.fixture
def three(shelf, write):
    shelf.add([write(f"{seed}.wav", seed) for seed in range(3)])
    return shelf


def test_a_clip_is_found_with_its_place(three, write, song):
    answer = three.identify(write("clip.wav", cut(song(1), 3, 8)), mode="sound")
    assert answer.outcome == "match"
    assert answer.best.track.source.endswith("1.wav")
    reference = answer.best.segments[0].reference
    assert (reference.start_s, reference.end_s) == (3.0, 8.0)
    assert answer.query.duration_s == pytest.approx(5.0)
    assert set(answer.timing_ms) == {"decode", "analyse", "search"}


def test_bytes_file_objects_and_names(three, write, song):
    path = write("clip.wav", cut(song(1), 3, 8))
    for source in (path.read_bytes(), io.BytesIO(path.read_bytes())):
        answer = three.identify(source, mode="sound", name="heard")
        assert (answer.input, answer.outcome) == ("heard", "match")


def test_an_unknown_clip_is_no_match_with_a_reason(three, write, song):
    answer = three.identify(write("clip.wav", cut(song(99), 3, 8)), mode="sound")
    assert answer.outcome == "no_match"
    assert answer.matches == ()
    assert "matches" in answer.reason


def test_an_empty_library_says_so(shelf, write):
    assert shelf.identify(write("a.wav", 1), mode="sound").reason == "the library is empty"


def test_silence_is_no_match_with_its_peak(three, write):
    answer = three.identify(write("a.wav", np.full(RATE_HZ * 3, 1e-5, np.float32), subtype="FLOAT"))
    assert answer.outcome == "no_match"
    assert answer.reason == "the clip is silent (peak -100 dBFS)"


def test_too_short_is_an_error(three, write, song):
    with pytest.raises(AudioTooShortError, match="too short"):
        three.identify(write("a.wav", cut(song(1), 0, 0.5)), mode="sound")


def test_samples_that_are_no_numbers_are_a_warning(three, write, song):
    samples = cut(song(1), 3, 8).copy()
    samples[100] = np.nan
    answer = three.identify(write("a.wav", samples, subtype="FLOAT"), mode="sound")
    assert answer.outcome == "match"
    assert "no numbers" in answer.warnings[0]
    assert answer.as_dict()["warnings"] == list(answer.warnings)


@pytest.mark.parametrize(("mode", "limit"), [("nonsense", 5), ("melody", 0), ("sound", 0)])
def test_requests_without_sense(three, write, mode, limit):
    with pytest.raises(UsageError):
        three.identify(write("a.wav", 1), mode=mode, limit=limit)


def test_auto_says_whom_it_asked(three, write, song):
    answer = three.identify(write("clip.wav", cut(song(1), 3, 8)))
    assert answer.outcome == "match"
    assert answer.considered[-1].mode == "sound"
    assert all(c.skipped or c.note for c in answer.considered)


def test_a_long_query_is_one_answer(three, write, song, monkeypatch):
    monkeypatch.setattr("earmark.query.BLOCK_S", 4.0)
    monkeypatch.setattr("earmark.query.OVERLAP_S", 2.0)
    query = np.concatenate([song(99), song(1), cut(song(2), 2, 10)])
    answer = three.identify(write("long.wav", query), mode="sound", limit=5)
    assert answer.query.duration_s == pytest.approx(len(query) / RATE_HZ)
    found = {match.track.source[-5]: match.segments for match in answer.matches}
    assert set(found) == {"1", "2"}
    assert [(s.query.start_s, s.query.end_s) for s in found["1"]] == [(12.0, 24.0)]
    assert [(s.query.start_s, s.query.end_s) for s in found["2"]] == [(24.0, 32.0)]
    assert [(s.reference.start_s, s.reference.end_s) for s in found["2"]] == [(2.0, 10.0)]


def test_duplicates_are_one_match(shelf, write, song):
    shelf.add(write("a/one.wav", 1))
    shelf.add(write("b/copy.wav", 1))
    assert len(shelf) == 2
    answer = shelf.identify(write("clip.wav", cut(song(1), 3, 8)), mode="sound")
    assert len(answer.matches) == 1
    first, second = shelf.tracks()
    assert answer.best.track == first
    assert answer.best.duplicates == (second.id,)
    assert shelf.stats().audios == 1


def test_removed_tracks_are_not_found_in_any_process(three, settings, write, song):
    clip = write("clip.wav", cut(song(1), 3, 8))
    with Library.open(settings=settings) as other:
        track = other.identify(clip, mode="sound").best.track
        three.remove(track.id)
        assert other.identify(clip, mode="sound").outcome == "no_match"
        assert three.identify(clip, mode="sound").outcome == "no_match"
    with Library.open(settings=settings) as reopened:
        assert reopened.identify(clip, mode="sound").outcome == "no_match"
    with pytest.raises(TrackNotFoundError):
        three.get(track.id)


def test_remove_is_all_or_none(three):
    first = next(three.tracks())
    with pytest.raises(TrackNotFoundError):
        three.remove([first.id, "nobody"])
    assert len(three) == 3


def test_another_process_sees_what_is_added(shelf, settings, write, song):
    clip = write("clip.wav", cut(song(7), 3, 8))
    with Library.open(settings=settings) as other:
        assert other.identify(clip, mode="sound").outcome == "no_match"
        shelf.add(write("7.wav", 7))
        assert other.identify(clip, mode="sound").outcome == "match"


def test_update_and_pages(three):
    ids = [track.id for track in three.tracks()]
    changed = three.update(ids[1], title="Näme", artist="Somebody", tags=["x"], extra={"k": "v"})
    assert (changed.title, changed.tags, changed.extra) == ("Näme", ("x",), {"k": "v"})
    assert [track.id for track in three.tracks("NÄM")] == [ids[1]]
    assert [track.id for track in three.tracks(after=ids[0], limit=1)] == [ids[1]]
    assert [track.id for track in three] == ids
    assert three.cover(ids[0]) is None


def test_searching_goes_on_while_another_thread_adds(shelf, write, song):
    shelf.add(write("0.wav", 0))
    clip = write("clip.wav", cut(song(0), 3, 8))
    files = [write(f"{seed}.wav", seed) for seed in range(1, 20)]
    done, failures, searches = threading.Event(), [], []

    def search() -> None:
        while not done.is_set():
            try:
                answer = shelf.identify(clip, mode="sound")
                searches.append(answer.best.track.source)
            except Exception as error:
                failures.append(error)
                return

    threads = [threading.Thread(target=search) for _ in range(2)]
    for thread in threads:
        thread.start()
    report = shelf.add(files)
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert report.added == 19
    assert set(searches) == {str(clip.parent / "0.wav")}


def test_parameters_that_differ_are_refused_until_rebuilt(
    three, settings, write, song, monkeypatch
):
    clip = write("clip.wav", cut(song(1), 3, 8))
    monkeypatch.setenv("EARMARK_TONES_DIGEST", "tones-2")
    (write("gone.wav", 5)).unlink()
    with Library.open(settings=settings) as library:
        with pytest.raises(LibraryParametersError, match=r"earmark --library .* rebuild"):
            library.identify(clip, mode="sound")
        with pytest.raises(LibraryParametersError):
            library.add(write("new.wav", 9))
        assert any("parameters" in fault for fault in library.check())
        report = library.rebuild()
        assert (report.indexed, report.analysed, report.missing) == (3, 3, ())
        assert library.identify(clip, mode="sound").outcome == "match"
        assert library.check() == []
        assert library.add(write("copy of 1.wav", 1)).linked == 1
    with pytest.raises(LibraryParametersError):
        monkeypatch.setenv("EARMARK_TONES_DIGEST", "tones-1")
        with Library.open(settings=settings) as library:
            library.identify(clip, mode="sound")


def test_a_rebuild_reports_what_it_cannot_read(three, settings, write, song, monkeypatch):
    monkeypatch.setenv("EARMARK_TONES_DIGEST", "tones-2")
    gone = write("0.wav", 0)
    gone.unlink()
    write("2.wav", 22)
    with Library.open(settings=settings) as library:
        report = library.rebuild()
        assert {failure.code for failure in report.missing} == {"not_found", "changed"}
        clip = write("clip.wav", cut(song(1), 3, 8))
        assert library.identify(clip, mode="sound").outcome == "match"
        assert any("2 recordings" in fault for fault in library.check())
        write("0.wav", 0)
        assert library.rebuild().analysed == 1


def test_a_rebuild_mends_a_damaged_index(three, settings, write, song):
    damaged = list((three.folder / "index" / "sound").rglob("*.*"))
    assert damaged
    for path in damaged:
        path.write_bytes(b"damage")
    clip = write("clip.wav", cut(song(1), 3, 8))
    with Library.open(settings=settings) as library:
        assert library.check() != []
        library.rebuild()
        assert library.check() == []
        assert library.identify(clip, mode="sound").outcome == "match"


def test_an_index_that_was_lost_comes_back_from_the_truth(three, settings, write, song):
    import shutil

    shutil.rmtree(three.folder / "index")
    with Library.open(settings=settings) as library:
        clip = write("clip.wav", cut(song(1), 3, 8))
        assert library.identify(clip, mode="sound").outcome == "match"


def test_carried_to_another_library_and_back(three, write, song, tmp_path, settings):
    three.update(next(three.tracks()).id, title="Kept", tags=["a"], extra={"b": "c"})
    archive = tmp_path / "all.earmark"
    assert three.export_to(archive).tracks == 3
    with pytest.raises(UsageError):
        three.export_to(archive)
    assert three.export_to(archive, overwrite=True).bytes == archive.stat().st_size
    with Library.open(tmp_path / "second", create=True, settings=settings) as second:
        assert second.import_from(archive).as_dict()["tracks"] == 3
        assert second.import_from(archive).unchanged == 3
        ours, theirs = list(three.tracks()), list(second.tracks())
        assert [t.as_dict() | {"added_at": ""} for t in ours] == [
            t.as_dict() | {"added_at": ""} for t in theirs
        ]
        clip = write("clip.wav", cut(song(1), 3, 8))
        found = second.identify(clip, mode="sound").best.track
        assert found.id == three.identify(clip, mode="sound").best.track.id
        assert second.add([track.source for track in ours]).unchanged == 3


def test_archives_that_cannot_be_taken(three, write, tmp_path, monkeypatch, settings):
    archive = tmp_path / "all.earmark"
    three.export_to(archive)
    whole = archive.read_bytes()
    broken = tmp_path / "broken.earmark"
    for content in (b"", b"text", whole[: len(whole) // 2]):
        broken.write_bytes(content)
        with pytest.raises(ArchiveError, match=r"broken\.earmark"):
            three.import_from(broken)
    with pytest.raises(ArchiveError, match="does not exist"):
        three.import_from(tmp_path / "none")
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(broken, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, b"x" + data[1:] if name.startswith("features/sound") else data)
    with Library.open(tmp_path / "second", create=True, settings=settings) as second:
        with pytest.raises(ArchiveError, match="is damaged"):
            second.import_from(broken)
        assert len(second) == 0
    monkeypatch.setenv("EARMARK_TONES_DIGEST", "tones-2")
    with (
        Library.open(tmp_path / "third", create=True, settings=settings) as third,
        pytest.raises(LibraryParametersError, match="other parameters"),
    ):
        third.import_from(archive)


def test_stats(three):
    stats = three.stats()
    assert (stats.tracks, stats.audios) == (3, 3)
    assert stats.audio_s == pytest.approx(36.0)
    assert stats.bytes > stats.truth_bytes > 0
    assert stats.as_dict()["engines"]["sound"]["postings"] == 3 * 48


def test_readable_in_a_notebook(three, write, song):
    assert repr(three).startswith("<Library")
    answer = three.identify(write("clip.wav", cut(song(1), 3, 8)), mode="sound")
    assert repr(answer.best) == "<Match '1' at 3.00 s, confidence 1.00>"
    assert "1" in repr(answer)


def test_there_must_be_a_library(settings):
    with pytest.raises(LibraryNotFoundError, match="earmark --library"):
        Library.open(settings=settings)
