from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from earmark import Library
from earmark.ingest.inputs import collect
from earmark.ingest.playlists import read_playlist
from earmark.ingest.pool import Pool

RATE_HZ = 16000


# --- inputs -----------------------------------------------------------------------------------


def test_folders_are_walked_by_extension_in_order(tmp_path):
    for name in ("b/2.MP3", "b/1.flac", "a.wav", "cover.jpg", "notes.txt", ".x.wav", ".h/y.wav"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    found = collect([tmp_path])
    assert [Path(s).relative_to(tmp_path).as_posix() for s in found.sources] == [
        "a.wav",
        "b/1.flac",
        "b/2.MP3",
    ]
    assert found.failed == []


def test_a_named_file_is_always_taken_and_only_once(tmp_path, monkeypatch):
    (tmp_path / "odd.bin").touch()
    monkeypatch.chdir(tmp_path)
    found = collect(["odd.bin", "./odd.bin", str(tmp_path / "*.bin")])
    assert found.sources == [str(tmp_path / "odd.bin")]


def test_globs_reach_down(tmp_path):
    (tmp_path / "x" / "y").mkdir(parents=True)
    (tmp_path / "x" / "y" / "1.wav").touch()
    assert len(collect([tmp_path / "**" / "*.wav"]).sources) == 1
    assert collect([tmp_path / "*.ogg"]).failed[0].code == "not_found"


def test_a_name_with_brackets_is_a_name(tmp_path):
    (tmp_path / "song [live].wav").touch()
    assert len(collect([tmp_path / "song [live].wav"]).sources) == 1


def test_links_that_go_in_circles(tmp_path):
    (tmp_path / "1.wav").touch()
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    assert len(collect([tmp_path]).sources) == 1


def test_what_is_not_there(tmp_path):
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe.wav")
    bad = os.fsdecode(b"caf\xe9.wav")
    (tmp_path / bad).touch()
    found = collect([tmp_path / "none.wav", tmp_path / "empty", tmp_path / "pipe.wav", tmp_path])
    assert [f.code for f in found.failed] == [
        "not_found",
        "not_audio",
        "unreadable",
        "unreadable",
        "unreadable",
    ]
    assert found.sources == []
    for failure in found.failed:
        failure.message.encode()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.m3u", "#EXTM3U\n#EXTINF:1,x\nä 1.wav\n\nhttps://example.org/2.mp3\n/abs/3.wav\n"),
        ("list.m3u8", "\ufeffä 1.wav\r\nhttps://example.org/2.mp3\r\n/abs/3.wav\r\n"),
        (
            "list.pls",
            "[playlist]\nFile1=ä 1.wav\nTitle1=x\nFile2=https://example.org/2.mp3\n"
            "file3=file:///abs/3.wav\nNumberOfEntries=3\n",
        ),
        (
            "list.xspf",
            "<playlist><trackList><track><location>%C3%A4%201.wav</location></track>"
            "<track><location>https://example.org/2.mp3</location></track>"
            "<track><location>file:///abs/3.wav</location></track></trackList></playlist>",
        ),
    ],
)
def test_playlists(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    wanted = [str(tmp_path / "ä 1.wav"), "https://example.org/2.mp3", "/abs/3.wav"]
    assert read_playlist(tmp_path / name) == wanted
    (tmp_path / "ä 1.wav").touch()
    found = collect([tmp_path / name])
    assert found.sources == wanted[:2]
    assert [f.input for f in found.failed] == ["/abs/3.wav"]


def test_an_old_playlist_in_latin_1(tmp_path):
    (tmp_path / "list.m3u").write_bytes(b"caf\xe9.wav\n")
    assert read_playlist(tmp_path / "list.m3u") == [str(tmp_path / "café.wav")]


# --- adding -----------------------------------------------------------------------------------


def codes(report):
    return {Path(failure.input).name: failure.code for failure in report.failed}


def test_adding_again_changes_nothing_and_reads_nothing(shelf, write):
    paths = [write(f"{seed}.wav", seed) for seed in range(3)]
    report = shelf.add(paths)
    assert (report.added, report.unchanged, report.failed) == (3, 0, ())
    assert report.audio_s == pytest.approx(36.0)
    assert len(report.track_ids) == 3
    before = [track.as_dict() for track in shelf]
    again = shelf.add(paths)
    assert (again.added, again.unchanged, again.audio_s) == (0, 3, 0.0)
    assert [track.as_dict() for track in shelf] == before


def test_a_touched_file_is_unchanged(shelf, write):
    path = write("a.wav", 1)
    shelf.add(path)
    os.utime(path, (1, 1))
    assert shelf.add(path).unchanged == 1
    assert len(shelf) == 1


def test_a_moved_file_takes_its_track_along(shelf, write):
    path = write("a.wav", 1)
    shelf.add(path)
    track = next(shelf.tracks())
    shelf.update(track.id, title="Mine")
    moved = path.rename(path.with_name("b.wav"))
    report = shelf.add(moved)
    assert (report.unchanged, report.moved, report.added) == (1, 1, 0)
    found = shelf.get(track.id)
    assert (found.source, found.title) == (str(moved), "Mine")
    assert shelf.add(moved).moved == 0


def test_a_copy_shares_the_audio(shelf, write):
    path = write("a.wav", 1)
    shelf.add(path, tags=["first"])
    copy = shutil.copy(path, path.with_name("b.wav"))
    report = shelf.add(copy, tags=["second"])
    assert (report.added, report.linked, report.audio_s) == (1, 1, 0.0)
    first, second = shelf.tracks()
    assert first.number == second.number
    assert (first.tags, second.tags) == (("first",), ("second",))


def test_the_same_samples_in_another_container_share_the_audio(shelf, write, song):
    samples = np.round(song(1) * 32767).astype(np.int16)
    report = shelf.add([write("a.wav", samples), write("a.flac", samples)])
    assert (report.added, report.linked) == (2, 1)
    assert shelf.stats().audios == 1


def test_copies_in_one_run(shelf, write):
    paths = [write(f"{name}.wav", 1) for name in "abcd"]
    report = shelf.add(paths)
    assert (report.added, report.linked) == (4, 3)
    assert shelf.stats().audios == 1


def test_a_changed_file_keeps_its_track(shelf, write, song):
    path = write("a.wav", 1)
    shelf.add(path)
    track = next(shelf.tracks())
    shelf.update(track.id, title="Mine", tags=["kept"])
    write("a.wav", 2)
    os.utime(path, (1, 1))
    report = shelf.add(path)
    assert (report.added, report.replaced) == (1, 1)
    found = shelf.get(track.id)
    assert (found.title, found.tags) == ("Mine", ("kept",))
    assert found.number != track.number
    clip = write("clip.wav", song(2)[3 * RATE_HZ : 8 * RATE_HZ])
    assert shelf.identify(clip, mode="sound").best.track.id == track.id
    clip = write("clip.wav", song(1)[3 * RATE_HZ : 8 * RATE_HZ])
    assert shelf.identify(clip, mode="sound").outcome == "no_match"


def test_bad_files_do_not_stop_the_rest(shelf, write, song, tmp_path):
    good = write("good.wav", 1)
    write("silent.wav", np.zeros(RATE_HZ))
    write("short.wav", song(1)[: RATE_HZ // 20])
    write("no samples.wav", np.zeros(0))
    (tmp_path / "empty.mp3").touch()
    (tmp_path / "text.mp3").write_text("This is not music.\n" * 100)
    (tmp_path / "cut.flac").write_bytes(write("whole.flac", 2).read_bytes()[:100])
    secret = write("secret.wav", 3)
    secret.chmod(0)
    broken = [tmp_path / n for n in ("empty.mp3", "text.mp3", "cut.flac", "none.wav")]
    paths = [tmp_path / n for n in ("silent.wav", "short.wav", "no samples.wav")]
    report = shelf.add([*paths, *broken, good])
    assert report.added == 1
    assert codes(report) == {
        "silent.wav": "silent",
        "short.wav": "too_short",
        "no samples.wav": "empty",
        "empty.mp3": "empty",
        "text.mp3": "not_audio",
        "cut.flac": "not_audio",
        "none.wav": "not_found",
    }
    for failure in report.failed:
        assert Path(failure.input).name in failure.message
        assert "\n" not in failure.message


def test_a_file_cut_short_is_taken_with_a_warning(shelf, write):
    path = write("cut.wav", 1)
    path.write_bytes(path.read_bytes()[:200_000])
    report = shelf.add(path)
    assert report.added == 1
    assert "cut.wav" in report.warnings[0]


def test_progress_ends_at_the_total(shelf, write, tmp_path):
    paths = [write(f"{seed}.wav", seed) for seed in range(3)]
    seen = []
    shelf.add([*paths, tmp_path / "none.wav"], progress=seen.append)
    assert seen[-1].done == seen[-1].total == 4
    assert seen[-1].failed == 1
    assert seen[-1].left_s == 0.0
    assert [p.done for p in seen] == sorted(p.done for p in seen)


def test_stopping_keeps_what_is_done_and_the_next_run_goes_on(shelf, write):
    paths = [write(f"{seed}.wav", seed) for seed in range(40)]
    stop = threading.Event()

    def watch(progress) -> None:
        if progress.done >= 1:
            stop.set()

    report = shelf.add(paths, progress=watch, stop=stop)
    assert report.interrupted
    assert 0 < report.added == len(shelf) < 40
    rest = shelf.add(paths)
    assert (rest.added, rest.unchanged) == (40 - report.added, report.added)


def test_a_worker_that_is_killed_costs_its_file_only(shelf, write, monkeypatch):
    monkeypatch.setenv("EARMARK_TONES_DIE", "1")
    time_s = np.arange(RATE_HZ * 2) / RATE_HZ
    deadly = write("deadly.wav", 0.5 * np.sin(2 * np.pi * 3900.0 * time_s))
    paths = [write(f"{seed}.wav", seed) for seed in range(6)]
    report = shelf.add([*paths[:3], deadly, *paths[3:]])
    assert report.added == 6
    assert codes(report) == {"deadly.wav": "analysis_died"}
    assert "SIGKILL" in report.failed[0].message
    assert "memory" in report.failed[0].message


def test_a_killed_run_loses_nothing_acknowledged(tones, settings, write, song):
    paths = [write(f"{seed}.wav", seed) for seed in range(60)]
    program = (
        "import sys; from earmark import Library\n"
        f"with Library.open({settings.library!r}, create=True) as library:\n"
        "    library.add(sys.argv[1:], workers=2, progress=lambda p: print(p.done, flush=True))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", program, *map(str, paths)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    acknowledged = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.stdout.close()
    process.wait()
    with Library.open(settings=settings) as library:
        held = len(library)
        assert acknowledged <= held < 60
        report = library.add(paths)
        assert (report.added, report.unchanged) == (60 - held, held)
        assert library.check() == []
        clip = write("clip.wav", song(59)[3 * RATE_HZ : 8 * RATE_HZ])
        assert library.identify(clip, mode="sound").best.track.source.endswith("59.wav")


def test_tags_and_cover_come_along(shelf, write, tmp_path):
    import av

    path = tmp_path / "tagged.mp3"
    samples = np.round(0.3 * np.sin(np.arange(48000) / 20) * 32767).astype(np.int16)
    with av.open(str(path), "w") as container:
        container.metadata.update({"title": "Tïtle", "artist": "Somebody", "date": "1999"})
        stream = container.add_stream("mp3", rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="s16p", layout="mono")
        frame.rate = 48000
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    shelf.add(path)
    track = next(shelf.tracks())
    assert (track.title, track.artist, track.extra["date"]) == ("Tïtle", "Somebody", "1999")
    assert track.label == "Somebody - Tïtle"


# --- the pool ---------------------------------------------------------------------------------


def fetched(pool, count):
    replies = []
    deadline = time.monotonic() + 60
    while len(replies) < count and time.monotonic() < deadline:
        reply = pool.fetch(0.2)
        if reply is not None:
            replies.append(reply)
    return replies


def test_a_bug_in_a_worker_is_told_as_one(caplog):
    with Pool[str, int](int, 2) as pool:
        for job in ("1", "x", "3"):
            pool.submit(job)
        results = {reply.job: reply.result for reply in fetched(pool, 3)}
    assert (results["1"], results["3"]) == (1, 3)
    assert results["x"].code == "internal"
    assert "ValueError" in results["x"].message
    assert "Traceback" in caplog.text


def test_workers_have_one_thread_each_and_take_no_more_than_two_jobs_each():
    with Pool[str, str | None](os.getenv, 1) as pool:
        pool.submit("OMP_NUM_THREADS")
        pool.submit("OPENBLAS_NUM_THREADS")
        assert not pool.has_room
        assert [reply.result for reply in fetched(pool, 2)] == ["1", "1"]
        assert pool.has_room


def test_closing_ends_the_processes_at_once():
    pool = Pool[float, None](time.sleep, 2)
    pool.submit(60.0)
    pool.submit(60.0)
    while len(pool._processes) < 2:
        time.sleep(0.02)
    processes = tuple(pool._processes)
    start = time.monotonic()
    pool.close()
    assert time.monotonic() - start < 10
    assert not any(process.alive for process in processes)
