"""One source under an id of its own: `Library.put`."""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile

from earmark import (
    AnalysisDiedError,
    FetchError,
    Library,
    NotAudioError,
    Settings,
    SilentAudioError,
    SourceNotFoundError,
    SourceUnreadableError,
    StoppedError,
    TimedOutError,
    UsageError,
)

RATE_HZ = 16000
PLUGINS = ("plugins", "plugins_scores")


@pytest.fixture(scope="module")
def desk(tmp_path_factory, request):
    """One library for the whole module, with the engines ``tones`` and ``chimes``; one process."""
    tests = request.config.rootpath / "tests"
    with pytest.MonkeyPatch.context() as patch:
        for name in PLUGINS:
            patch.syspath_prepend(str(tests / name))
        patch.setenv("EARMARK_TONES_DIE", "1")
        folder = tmp_path_factory.mktemp("desk") / "library"
        settings = Settings(workers=1, lock_wait_s=20.0)
        with Library.open(folder, create=True, settings=settings) as library:
            library.switch("melody", False)
            library.switch("recording", False)
            yield library


@pytest.fixture
def empty(desk):
    desk.remove([track.id for track in desk.tracks()])
    return desk


@pytest.fixture
def clip(write, song):
    return lambda seed: write(f"clip {seed}.wav", song(seed)[3 * RATE_HZ : 8 * RATE_HZ])


def found(library, clip):
    answer = library.identify(clip, "sound")
    return answer.best.track.id if answer.best else None


@pytest.fixture
def tagged(tmp_path, song):
    """Write a song that says of itself who made it."""

    def written(name, seed, **tags):
        path = tmp_path / name
        with soundfile.SoundFile(path, "w", RATE_HZ, 1) as file:
            for tag, value in tags.items():
                setattr(file, tag, value)
            file.write(song(seed))
        return path

    return written


def test_a_new_id_and_the_same_call_once_more(empty, write, clip):
    path = write("a.wav", 1)
    report = empty.put(path, track_id="Song-1_a.b~c", title="One", tags=["x", "y", "x"])
    assert (report.created, report.changed, report.warnings) == (True, True, ())
    assert report.track == empty.get("Song-1_a.b~c")
    assert (report.track.title, report.track.tags) == ("One", ("x", "y"))
    assert report.track.source == str(path)
    assert found(empty, clip(1)) == "Song-1_a.b~c"
    again = empty.put(path, track_id="Song-1_a.b~c", title="One", tags=["x", "y"])
    assert (again.created, again.changed, again.track) == (False, False, report.track)
    os.utime(path, ns=(1, 1))
    touched = empty.put(path, track_id="Song-1_a.b~c")
    assert (touched.changed, touched.track) == (False, report.track)


def test_an_ids_letters(empty, write):
    path = write("a.wav", 1)
    for name in ("", "-a", ".a", "a/b", "a b", "ä", "a" * 129, "a\n", "a%2F"):
        with pytest.raises(UsageError, match="1 to 128 letters, digits"):
            empty.put(path, track_id=name)
    assert len(empty) == 0
    assert empty.put(path, track_id="a" * 128).created


def test_metadata_alone_needs_no_analysis(empty, write):
    path = write("a.wav", 1)
    empty.put(path, track_id="a", title="One", artist="Me", extra={"k": "v"})
    started = time.monotonic()
    report = empty.put(path, track_id="a", title="Two", album="Ä\0b\udc80")
    assert time.monotonic() - started < 0.5
    assert (report.created, report.changed) == (False, True)
    track = report.track
    assert (track.title, track.artist, track.album) == ("Two", "Me", "Ä b?")
    assert track.extra == {"k": "v"}
    assert not empty.put(path, track_id="a", album="Ä\0b\udc80").changed


def test_a_files_own_tags_fill_what_is_not_said(empty, tagged):
    first = tagged("a.flac", 1, title="Own title", artist="Own artist", date="1999")
    track = empty.put(first, track_id="a", artist="Said").track
    assert (track.title, track.artist, track.extra) == ("Own title", "Said", {"date": "1999"})
    second = tagged("b.flac", 2, artist="New artist")
    track = empty.put(second, track_id="a", album="Said", tags=["t"]).track
    assert (track.title, track.artist, track.album) == ("Own title", "New artist", "Said")
    assert (track.tags, track.extra) == (("t",), {"date": "1999"})
    track = empty.put(first, track_id="a", extra={"only": "this"}).track
    assert (track.artist, track.album, track.tags) == ("Own artist", "Said", ("t",))
    assert track.extra == {"only": "this"}


def test_another_file_replaces_the_track(empty, write, clip):
    empty.put(write("a.wav", 1), track_id="a")
    added_at = empty.get("a").added_at
    report = empty.put(write("b.wav", 2), track_id="a")
    assert (report.created, report.changed) == (False, True)
    assert report.track.added_at == added_at
    assert found(empty, clip(1)) is None
    assert found(empty, clip(2)) == "a"
    assert empty.stats().audios == 1


def test_without_an_id_bytes_that_are_held_make_no_track(empty, write, clip, tmp_path):
    one = write("a.wav", 1)
    first = empty.put(one)
    assert (first.created, len(first.track.id)) == (True, 12)
    copy = shutil.copy(one, tmp_path / "copy.wav")
    held = empty.put(copy, title="Not this")
    assert (held.created, held.changed, held.track) == (False, False, first.track)
    more = empty.put(copy, again=True, title="A twin")
    assert (more.created, more.track.title, more.track.source) == (True, "A twin", str(copy))
    assert more.track.number == first.track.number
    assert empty.put(copy, again=True).changed is False
    assert found(empty, clip(1)) == first.track.id
    named = empty.put(copy, track_id="named")
    assert (named.created, named.track.title) == (True, "")
    assert empty.stats().audios == 1


def test_a_source_that_is_known_is_replaced_without_an_id(empty, write):
    first = empty.put(write("a.wav", 1)).track
    second = empty.put(write("a.wav", 2))
    assert (second.created, second.changed, second.track.id) == (False, True, first.id)
    assert len(empty) == 1


def test_a_track_whose_file_is_gone_gets_the_one_that_is_put(empty, write, tmp_path):
    one, two = write("a.wav", 1), write("b.wav", 2)
    ours, named = empty.put(one).track, empty.put(two, track_id="b").track
    shutil.move(one, tmp_path / "new a.wav")
    shutil.move(two, tmp_path / "new b.wav")
    for moved, report in (
        (ours, empty.put(tmp_path / "new a.wav")),
        (named, empty.put(tmp_path / "new b.wav", track_id="b")),
    ):
        assert (report.created, report.changed, report.track.id) == (False, True, moved.id)
        assert "new" in report.track.source
    assert empty.add(tmp_path).unchanged == 2


def test_errors_call_the_source_what_the_caller_calls_it(empty, write, tmp_path):
    text = tmp_path / "text.wav"
    text.write_text("hello")
    silent = write("silent.wav", np.zeros(RATE_HZ, np.float32))
    os.mkfifo(tmp_path / "pipe.wav")
    for source, kind in (
        (text, NotAudioError),
        (silent, SilentAudioError),
        (tmp_path / "none.wav", SourceNotFoundError),
        (tmp_path, SourceUnreadableError),
        (tmp_path / "pipe.wav", SourceUnreadableError),
        ("", SourceNotFoundError),
        ("nul\0.wav", SourceNotFoundError),
    ):
        with pytest.raises(kind) as caught:
            empty.put(source, name="your upload")
        assert "your upload" in caught.value.message
        assert str(tmp_path) not in caught.value.message
    with pytest.raises(FetchError, match="not an http or https address"):
        empty.put("file:///etc/hostname")
    assert len(empty) == 0


def test_a_cut_off_file_is_a_warning(empty, write):
    path = write("a.wav", 1)
    path.write_bytes(path.read_bytes()[:-50_000])
    (warning,) = empty.put(path, name="mine").warnings
    assert warning.startswith("mine is damaged or cut off")


def test_a_file_that_kills_its_process(empty, write):
    deadly = np.sin(2 * np.pi * 3900 * np.arange(RATE_HZ) / RATE_HZ).astype(np.float32)
    with pytest.raises(AnalysisDiedError, match="SIGKILL"):
        empty.put(write("deadly.wav", deadly), track_id="a")
    assert len(empty) == 0
    assert empty.put(write("a.wav", 1), track_id="a").created


def test_scores_books_and_their_pieces(empty, tmp_path):
    one, book = tmp_path / "one.chimes", tmp_path / "book.chimes"
    one.write_text(" ".join(str(440 + 40 * i) for i in range(20)))
    book.write_text("= 1 First\n100 200 300 400\n= 7 Second\n800 700 600 500\n")
    track = empty.put(one, track_id="one").track
    assert (track.duration_s, track.artist) == (5.0, "Chimer")
    with pytest.raises(UsageError, match=r"holds 2 tunes.*book\.chimes#1"):
        empty.put(book)
    track = empty.put(f"{book}#7", track_id="seven").track
    assert (track.title, track.source) == ("Second", f"{book}#7")
    assert not empty.put(f"{book}#7", track_id="seven").changed


def test_an_attached_score_stays_when_the_file_is_replaced(empty, write, tmp_path):
    score = tmp_path / "s.chimes"
    score.write_text(" ".join(str(440 + 40 * i) for i in range(20)))
    empty.put(write("a.wav", 1), track_id="a")
    empty.attach(score, "a")
    assert not empty.put(tmp_path / "a.wav", track_id="a").changed
    report = empty.put(write("b.wav", 2), track_id="a", extra={"k": "v"})
    assert report.track.extra == {"k": "v", "score": str(score)}
    twin = empty.put(shutil.copy(tmp_path / "b.wav", tmp_path / "c.wav"), track_id="c").track
    assert twin.number == report.track.number
    assert twin.extra == {"score": str(score)}
    assert empty.detach("a").extra == {"k": "v"}


def test_engines_that_were_switched_get_their_features(empty, write, clip):
    path = write("a.wav", 1)
    empty.switch("chimes", False)
    empty.put(path, track_id="a")
    empty.switch("chimes", True)
    report = empty.put(path, track_id="b")  # the bytes are held, but not all that is wanted
    assert report.created
    assert list(empty._tracks.numbers("chimes")) == [report.track.number]
    assert found(empty, clip(1)) == "a"


def test_many_threads_one_consistent_library(empty, write, clip, tmp_path):
    one = write("one.wav", 1)
    copies = [shutil.copy(one, tmp_path / f"copy {i}.wav") for i in range(4)]
    with ThreadPoolExecutor(8) as threads:
        same = list(threads.map(empty.put, copies))
        assert len({report.track.id for report in same}) == 1
        assert sum(report.created for report in same) == 1
        different = [write(f"{seed}.wav", seed) for seed in (2, 3, 4)]
        list(threads.map(functools.partial(empty.put, track_id="contested"), different))
    track = empty.get("contested")
    assert len(empty) == 2
    assert empty.stats().audios == 2
    winner = int(track.source.removesuffix(".wav")[-1])
    assert [found(empty, clip(seed)) for seed in (2, 3, 4)] == [
        "contested" if seed == winner else None for seed in (2, 3, 4)
    ]
    assert empty.check() == []


def test_what_was_put_is_there_for_everyone_at_once(empty, write, clip):
    empty.put(write("a.wav", 1), track_id="a")
    with Library.open(empty.folder) as other:
        assert found(other, clip(1)) == "a"
        other.put(write("b.wav", 2), track_id="b")
    assert found(empty, clip(2)) == "b"


class _Server(http.server.BaseHTTPRequestHandler):
    data = b""

    def do_GET(self):
        if "never" in self.path:
            time.sleep(3.0)
            return
        self.send_response(200)
        self.send_header("Content-Type", "audio/wav")
        self.send_header("Content-Length", str(len(self.data)))
        self.end_headers()
        for start in range(0, len(self.data), 20_000):
            self.wfile.write(self.data[start : start + 20_000])
            time.sleep(0.1 if "drip" in self.path else 0.0)

    def log_message(self, *args):
        pass


@pytest.fixture
def base(write, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    _Server.data = write("served.wav", 1).read_bytes()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Server) as server:
        server.daemon_threads = True
        server.handle_error = lambda request, address: None
        server.block_on_close = False
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_url_and_losing_patience_with_one(empty, base, clip):
    report = empty.put(f"{base}/a.wav", track_id="a", title="From afar")
    assert (report.created, report.track.source) == (True, f"{base}/a.wav")
    assert found(empty, clip(1)) == "a"
    assert not empty.put(f"{base}/a.wav", track_id="a").changed
    with pytest.raises(TimedOutError, match=r"0\.2 s"):
        empty.put(f"{base}/never.wav", timeout_s=0.2)
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    started = time.monotonic()
    with pytest.raises(StoppedError):
        empty.put(f"{base}/never.wav", stop=stop)
    assert time.monotonic() - started < 2.5
    with pytest.raises(StoppedError):
        empty.put(f"{base}/a.wav", track_id="b", stop=stop)
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    with pytest.raises(StoppedError):
        empty.identify(f"{base}/drip.wav", stop=stop)
    assert len(empty) == 1


def test_a_library_may_refuse_what_is_not_public(empty, base):
    settings = Settings(workers=1, fetch_public_only=True)
    with Library.open(empty.folder, settings=settings) as careful:
        with pytest.raises(FetchError, match="public internet"):
            careful.put(f"{base}/a.wav")
        with pytest.raises(FetchError, match="public internet"):
            careful.identify(f"{base}/a.wav", "sound")


def test_closing_ends_the_processes(empty, write, tmp_path):
    with Library.open(empty.folder, settings=Settings(workers=1)) as other:
        other.put(write("a.wav", 1), track_id="a")
        crew = other._workshop._crew
        assert crew.size == 1
    assert crew.size == 0
    with pytest.raises(StoppedError, match="closed"):
        crew.perform(None)
