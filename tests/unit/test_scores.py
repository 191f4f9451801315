"""Sources that are not audio, through an engine that reads them (``tests/plugins_scores``)."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from earmark import (
    Library,
    NotAScoreError,
    SourceNotFoundError,
    StoreError,
    TrackNotFoundError,
    UsageError,
)
from earmark.ingest.inputs import collect
from earmark.ingest.scores import file_of, piece_of

RATE_HZ = 16000
PAD = 0.25


def tones_of(samples: np.ndarray) -> list[float]:
    """The strongest tone of each quarter of a second: the score of a made-up song."""
    frames = samples[: len(samples) // 4000 * 4000].reshape(-1, 4000)
    return (np.abs(np.fft.rfft(frames, axis=1))[:, :1000].argmax(axis=1) * 4.0).tolist()


@pytest.fixture
def lib(chimes, settings):
    with Library.open(create=True, settings=settings) as library:
        library.switch("sound", False)  # the one that is built in: chimes are of that kind too
        yield library


@pytest.fixture
def score(tmp_path, song):
    """Write the score of a song, or a book of several."""

    def written(name: str, *seeds: int) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        texts = [" ".join(map(str, tones_of(song(seed)))) for seed in seeds]
        if len(seeds) > 1:
            texts = [
                f"= {seed} Tune {seed}\n{text}\n" for seed, text in zip(seeds, texts, strict=True)
            ]
        path.write_text("\n".join(texts))
        return path

    return written


@pytest.fixture
def clip(write, song):
    return lambda seed: write(f"clip {seed}.wav", song(seed)[3 * RATE_HZ : 8 * RATE_HZ])


def ask(library: Library, path: Path):
    return library.identify(path, mode="sound")


def test_a_score_is_a_track_that_other_engines_heard_nothing_of(lib, score, clip, write):
    write("music/1.wav", 1)
    score("music/2.chimes", 2)
    report = lib.add(clip(1).parent / "music")
    assert (report.added, report.failed, report.audio_s) == (2, (), 12.0)
    answer = ask(lib, clip(2))
    assert answer.best.track.source.endswith("2.chimes")
    assert answer.best.track.artist == "Chimer"
    assert answer.best.track.duration_s == 12.0
    reference = answer.best.segments[0].reference
    assert (reference.start_s, reference.end_s) == (3.0, 8.0)
    heard = lib.identify(clip(2), mode="recording").matches
    assert answer.best.track not in [match.track for match in heard]
    assert lib.identify(clip(1), mode="recording").best.track.source.endswith("1.wav")
    assert lib.check() == []
    assert lib.add(clip(1).parent / "music").unchanged == 2
    rebuilt = lib.rebuild()
    assert (rebuilt.indexed, rebuilt.analysed, rebuilt.missing) == (2, 0, ())
    assert ask(lib, clip(2)).outcome == "match"


def test_many_scores_share_nothing_but_their_silence(lib, score):
    report = lib.add([score(f"{seed}.chimes", seed) for seed in range(5)])
    assert (report.added, report.linked) == (5, 0)
    assert lib.stats().audios == 5


def test_a_book_is_a_track_for_each_piece(lib, score, clip):
    book = score("all.chimes", 3, 4, 5)
    report = lib.add(book)
    assert report.added == 3
    assert [t.source for t in lib.tracks()] == [f"{book}#{n}" for n in (3, 4, 5)]
    assert ask(lib, clip(4)).best.track.title == "Tune 4"
    assert lib.add(book).unchanged == 3
    assert lib.add(f"{book}#4").unchanged == 1
    moved = book.rename(book.with_name("moved.chimes"))
    assert lib.add(moved).moved == 3
    assert ask(lib, clip(5)).best.track.source == f"{moved}#5"
    os.utime(score("moved.chimes", 3, 6, 5), (1, 1))
    changed = lib.add(moved)
    assert (changed.added, changed.replaced) == (3, 2)
    assert ask(lib, clip(6)).outcome == "match"


def test_sources_of_pieces(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("real#1.abc").touch()
    Path("odd.abc#7").touch()
    assert (file_of("a.abc#12"), piece_of("a.abc#12")) == ("a.abc", "12")
    for plain in ("real#1.abc", "odd.abc#7", "a.abc#x", "http://x.org/a.abc#3", "#3"):
        assert (file_of(plain), piece_of(plain)) == (plain, None)


def test_folders_take_the_endings_they_are_told(tmp_path):
    (tmp_path / "1.chimes").touch()
    (tmp_path / "2.txt").touch()
    assert collect([tmp_path]).failed[0].code == "not_audio"
    taken = collect([tmp_path], frozenset({".chimes"})).sources
    assert taken == [str(tmp_path / "1.chimes")]


def test_bad_scores_do_not_stop_the_rest(lib, score, tmp_path):
    (tmp_path / "bad.chimes").write_text("la la la")
    (tmp_path / "none.chimes").write_text("  \n")
    report = lib.add([tmp_path / "bad.chimes", tmp_path / "none.chimes", score("1.chimes", 1)])
    assert report.added == 1
    assert sorted(failure.code for failure in report.failed) == ["no_melody", "not_a_score"]


def test_an_attached_score_wins_until_it_is_taken_off(lib, write, score, clip, settings):
    lib.add([write("a.wav", 1), write("other.wav", 2)])
    lib.add(write("copy/b.wav", 1))
    first, other, copy = lib.tracks()
    assert first.number == copy.number
    path = score("a.chimes", 9)
    track = lib.attach(path, first.id)
    assert track.id == first.id
    assert track.extra["score"] == str(path)
    assert track.number != first.number
    assert lib.get(copy.id).number == track.number
    with Library.open(settings=settings) as reader:
        for library in (lib, reader):
            best = ask(library, clip(9)).best
            assert (best.track.id, best.duplicates) == (first.id, (copy.id,))
            assert ask(library, clip(1)).outcome == "no_match"
            assert library.identify(clip(1), mode="recording").best.track.id == first.id
    assert lib.attach(path, first.id).number == track.number
    assert lib.check() == []
    off = lib.detach(copy.id)
    assert "score" not in off.extra
    assert "score" not in lib.get(first.id).extra
    assert ask(lib, clip(9)).outcome == "no_match"
    assert ask(lib, clip(1)).best.track.id == first.id
    with pytest.raises(UsageError, match="no score is attached"):
        lib.detach(first.id)
    assert lib.get(other.id) == other


def test_a_piece_of_a_book_is_attached_by_its_number(lib, write, score, clip):
    lib.add(write("a.wav", 1))
    track = next(lib.tracks())
    book = score("book.chimes", 7, 8)
    lib.attach(book, track.id, part="8")
    assert ask(lib, clip(8)).best.track.id == track.id
    assert lib.attach(f"{book}#7", track.id).extra["score"] == f"{book}#7"
    assert ask(lib, clip(7)).best.track.id == track.id
    with pytest.raises(UsageError, match="names its tune"):
        lib.attach(f"{book}#7", track.id, part="7")
    with pytest.raises(UsageError, match=r"holds 2 tunes \(7, 8\); name one"):
        lib.attach(book, track.id)
    with pytest.raises(UsageError, match="no piece '99'"):
        lib.attach(book, track.id, part="99")


def test_what_cannot_be_attached(lib, write, score, tmp_path):
    path = score("1.chimes", 1)
    lib.add([write("a.wav", 1), path])
    audio, tune = lib.tracks()
    with pytest.raises(UsageError, match=r"reads .* as a score; known endings: .*\.chimes"):
        lib.attach(tmp_path / "a.wav", audio.id)
    with pytest.raises(UsageError, match="is a score itself"):
        lib.attach(path, tune.id)
    with pytest.raises(TrackNotFoundError):
        lib.attach(path, "nobody")
    with pytest.raises(SourceNotFoundError):
        lib.attach(tmp_path / "none.chimes", audio.id)
    (tmp_path / "bad.chimes").write_text("la la")
    with pytest.raises(NotAScoreError):
        lib.attach(tmp_path / "bad.chimes", audio.id)
    assert list(lib.tracks()) == [audio, tune]


def test_what_was_attached_outlives_a_rebuild_and_a_changed_file(
    lib, write, score, clip, settings, monkeypatch
):
    path = write("a.wav", 1)
    lib.add([path, score("own.chimes", 5)])
    track = next(lib.tracks())
    lib.attach(score("a.chimes", 9), track.id)
    monkeypatch.setenv("EARMARK_CHIMES_DIGEST", "chimes-2")
    with Library.open(settings=settings) as library:
        report = library.rebuild()
        assert (report.analysed, report.missing) == (2, ())
        assert ask(library, clip(9)).best.track.id == track.id
        assert ask(library, clip(5)).best.track.source.endswith("own.chimes")
        write("a.wav", 2)
        os.utime(path, (1, 1))
        assert library.add(path).replaced == 1
        assert library.get(track.id).extra["score"].endswith("a.chimes")
        assert ask(library, clip(9)).best.track.id == track.id
        assert library.identify(clip(2), mode="recording").best.track.id == track.id
        library.detach(track.id)
        assert ask(library, clip(2)).best.track.id == track.id


def test_old_features_that_cannot_be_read_lose_what_was_attached_aloud(
    lib, write, score, settings, monkeypatch
):
    path = write("a.wav", 1)
    lib.add(path)
    track = next(lib.tracks())
    lib.attach(score("a.chimes", 9), track.id)
    monkeypatch.setenv("EARMARK_CHIMES_DIGEST", "chimes-2")
    import earmark_chimes

    def unreadable(self, old, new):
        raise IndexError

    monkeypatch.setattr(earmark_chimes.ChimesAnalysis, "keep", unreadable)
    with Library.open(settings=settings) as library:
        report = library.rebuild()
        assert [failure.code for failure in report.missing] == ["score_lost"]
        assert f"--for {track.id}" in report.missing[0].message
        assert "score" not in library.get(track.id).extra
        library.attach(score("a.chimes", 9), track.id)
        write("a.wav", 2)
        os.utime(path, (1, 1))
        report = library.add(path)
        assert f"--for {track.id}" in report.warnings[0]
        assert "score" not in library.get(track.id).extra


def test_a_track_without_the_engine_s_features_is_rebuilt_first(lib, write, score, settings):
    lib.switch("chimes", False)
    lib.add(write("a.wav", 1))
    track = next(lib.tracks())
    path = score("a.chimes", 9)
    with pytest.raises(UsageError, match="no engine that is on reads"):
        lib.attach(path, track.id)
    assert lib.switch("chimes", True) == 1
    with pytest.raises(StoreError, match="earmark rebuild"):
        lib.attach(path, track.id)
    lib.rebuild()
    lib.attach(path, track.id)


def test_what_was_heard_reaches_the_answer(lib, write, score, clip, tmp_path):
    lib.add([write("a.wav", 1), score("1.chimes", 1)])
    recording, tune = lib.tracks()
    answer = ask(lib, clip(1))
    assert answer.query.voiced_s == pytest.approx(2.5)
    assert answer.as_dict()["query"]["voiced_s"] == 2.5
    assert len(answer.matches) == 1
    assert {answer.best.track.id, *answer.best.duplicates} == {recording.id, tune.id}
    assert lib.identify(clip(1), mode="recording").query.voiced_s is None
    assert answer.best.as_dict()["evidence"] == {"aligned": 20}
    answer.best.plot(tmp_path / "tune.png")
    assert (tmp_path / "tune.png").read_bytes().startswith(b"\x89PNG")


def test_contours_of_a_long_query_are_in_its_time(lib, write, song, monkeypatch):
    monkeypatch.setattr("earmark.query.BLOCK_S", 4.0)
    monkeypatch.setattr("earmark.query.OVERLAP_S", 2.0)
    lib.add(write("a.wav", 1))
    query = np.concatenate([song(99), song(1)])
    answer = ask(lib, write("long.wav", query))
    lines = answer.best.evidence.contours
    assert lines.times_s[0] >= 10.0
    assert answer.query.voiced_s == pytest.approx(24.0, abs=12.0)
    assert answer.query.voiced_s <= answer.query.duration_s
