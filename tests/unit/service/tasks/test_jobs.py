"""The runner of jobs over a real library, a real ledger and a real room for uploads."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from dataclasses import replace

import pytest
from radio import on_air

from earmark.bootstrap import open_ledger
from earmark.config import ServeSettings
from earmark.errors import (
    BusyError,
    ConflictError,
    DiskFullError,
    ForbiddenError,
    InvalidRequestError,
    JobNotFoundError,
    LibraryLockedError,
    ShuttingDownError,
)
from earmark.ports.ledger import JobRecord
from earmark.service.bodies.media import MediaRoom
from earmark.service.tasks import jobs as jobs_module
from earmark.service.tasks.jobinhand import JobInHand
from earmark.service.tasks.jobs import JobRunner
from earmark.service.tasks.jobsteps import ENDED
from earmark.service.tasks.monitoring import open_desk
from earmark.service.tasks.scanwork import Scans


@pytest.fixture
def ledger(shelf, settings):
    book = open_ledger(settings.library, settings)
    yield book
    book.close()


@pytest.fixture
def media(shelf):
    return MediaRoom(shelf.folder / "media")


@pytest.fixture
def runner_of(shelf, ledger, media, tmp_path):
    made = []

    def runner(library=shelf, book=ledger):
        made.append(JobRunner(library, book, ServeSettings(roots=str(tmp_path)), media))
        return made[-1]

    yield runner
    for one in made:
        one.stop(5.0)


@pytest.fixture
def short(write, song):
    """Write a song of two seconds by its seed."""
    return lambda name, seed: write(name, song(seed, 2.0))


def ended(runner, job_id, within_s=20.0):
    until = time.monotonic() + within_s
    while (job := runner.job(job_id)).state not in ENDED:
        assert time.monotonic() < until, job
        time.sleep(0.02)
    return job


def uploaded(media, path):
    descriptor, temporary = media.incoming()
    os.write(descriptor, path.read_bytes())
    os.close(descriptor)
    return str(media.keep(temporary, path.name))


def test_a_job_adds_a_folder_and_tells_what_failed(runner_of, shelf, short, tmp_path):
    for seed in range(2):
        short(f"music/{seed}.wav", seed)
    (tmp_path / "music" / "bad.wav").write_bytes(b"no sound" * 100)
    runner = runner_of()
    runner.start()
    job = runner.submit("ingest", {"paths": [str(tmp_path / "music")], "tags": ["new"]})
    assert (job.state, job.kind) == ("queued", "ingest")
    job = ended(runner, job.id)
    assert job.state == "done"
    assert job.created_at <= job.started_at <= job.ended_at
    tracks = list(shelf.tracks())
    assert [track.tags for track in tracks] == [("new",), ("new",)]
    report = job.report
    assert (report["added"], report["unchanged"], report["failed_count"]) == (2, 0, 1)
    assert sorted(report["track_ids"]) == sorted(track.id for track in tracks)
    (failure,) = report["failed"]
    assert (failure["code"], failure["input"]) == ("not_audio", str(tmp_path / "music" / "bad.wav"))
    assert report["audio_s"] == pytest.approx(4.0, abs=0.1)
    assert report["resumed"] == 0
    assert (job.progress["done"], job.progress["total"], job.progress["failed"]) == (3, 3, 1)
    assert runner.pending() == 0
    again = ended(runner, runner.submit("ingest", {"paths": [str(tmp_path / "music")]}).id)
    assert (again.report["added"], again.report["unchanged"]) == (0, 2)


def test_who_is_told_of_a_state_and_asks_finds_it(runner_of, short, monkeypatch):
    runner, seen = runner_of(), []
    push = runner.feed.push

    def told(job):
        seen.append((job.state, runner.job(job.id).state))
        push(job)

    monkeypatch.setattr(runner.feed, "push", told)
    runner.start()
    ended(runner, runner.submit("ingest", {"paths": [str(short("a.wav", 1))]}).id)
    runner.stop(5.0)  # the last is told by now
    assert seen[0] == ("running", "running")
    assert seen[-1] == ("done", "done")


def test_uploads_that_make_a_track_stay_and_others_go(runner_of, shelf, media, short, tmp_path):
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no sound" * 100)
    playlist = tmp_path / "list.m3u"
    playlist.write_text(str(short("secret.wav", 5)))
    held = [uploaded(media, path) for path in (short("good.wav", 1), bad, playlist)]
    runner = runner_of()
    job = runner.submit("ingest", {"uploads": held})
    runner.start()
    job = ended(runner, job.id)
    assert [track.source for track in shelf.tracks()] == [held[0]]
    told = {failure["input"]: failure["code"] for failure in job.report["failed"]}
    assert told == {"bad.wav": "not_audio", "list.m3u": "invalid_request"}
    until = time.monotonic() + 5
    while any(map(media.find, held[1:])) and time.monotonic() < until:
        time.sleep(0.02)
    assert [media.find(path) is not None for path in held] == [True, False, False]


def test_bytes_that_are_held_already_are_not_kept_twice(runner_of, shelf, media, short, tmp_path):
    shelf.add([short("own.wav", 1)])
    copy = short("copy.wav", 1)
    held = [uploaded(media, path) for path in (copy, short("new.wav", 2), copy)]
    runner = runner_of()
    runner.start()
    job = ended(runner, runner.submit("ingest", {"uploads": held, "tags": ["x"]}).id)
    tracks = list(shelf.tracks())
    assert [(track.source, track.tags) for track in tracks] == [
        (str(tmp_path / "own.wav"), ()),
        (held[1], ("x",)),
    ]
    assert (job.report["added"], job.report["unchanged"]) == (1, 2)
    assert sorted(job.report["track_ids"]) == sorted(track.id for track in tracks)
    assert job.report["audio_s"] == pytest.approx(2.0, abs=0.1)
    assert (job.progress["done"], job.progress["total"]) == (3, 3)
    runner.stop(5.0)
    assert [media.find(path) is not None for path in held] == [False, True, False]


def test_a_cancelled_job_leaves_what_a_track_had_before_the_library_moved(
    runner_of, ledger, shelf, media, short
):
    held = uploaded(media, short("a.wav", 1))
    job = JobRecord("j1", "ingest", {"uploads": [held]}, time.time(), started_at=time.time())
    ledger.add_job(job)
    shelf.put(held)  # the run that was killed had come so far
    moved = media.folder.rename(media.folder.with_name("moved"))
    media._folder = moved
    runner_of().cancel("j1")
    assert media.find(held) is not None


def test_uploads_are_cancelled_between_files(runner_of, shelf, media, short, monkeypatch):
    held = [uploaded(media, short(f"{seed}.wav", seed)) for seed in range(6)]
    runner = runner_of()
    tell = JobInHand.tell

    def told(held, progress):
        tell(held, progress)
        if progress.done == 1:
            runner.cancel(job.id)

    monkeypatch.setattr(JobInHand, "tell", told)
    job = runner.submit("ingest", {"uploads": held})
    runner.start()
    job = ended(runner, job.id)
    runner.stop(5.0)
    assert job.state == "cancelled"
    assert 1 <= job.report["added"] < 6
    assert {track.source for track in shelf.tracks()} == {p for p in held if media.find(p)}
    assert len(shelf) == job.report["added"]


def test_whoever_watches_sees_it_to_its_end(runner_of, short):
    path = short("a.wav", 1)
    runner = runner_of()
    job = runner.submit("ingest", {"paths": [str(path)]})

    async def watch():
        seen = []
        async for record in runner.events(job.id):
            if not seen:
                runner.start()
            seen.append(record)
        return seen

    seen = asyncio.run(asyncio.wait_for(watch(), 20))
    states = [record.state for record in seen]
    assert (states[0], states[-1]) == ("queued", "done")
    assert "running" in states
    assert seen[-1] == runner.job(job.id)
    assert asyncio.run(asyncio.wait_for(watch(), 5))[-1].state == "done"  # one that has ended
    with pytest.raises(JobNotFoundError):
        asyncio.run(anext(runner.events("none")))


def test_a_slow_reader_gets_the_newest_and_ends_with_the_service(runner_of, tmp_path):
    runner = runner_of()
    job = runner.submit("ingest", {"paths": [str(tmp_path)]})

    async def watch():
        events = runner.events(job.id)
        assert (await anext(events)).state == "queued"
        for done in range(1000):
            runner.feed.push(replace(job, progress={"done": done}))
        assert (await anext(events)).progress == {"done": 999}
        asyncio.get_running_loop().call_later(0.05, runner.feed.close)
        assert [record async for record in events] == []
        assert [record.state async for record in runner.events(job.id)] == ["queued"]

    asyncio.run(asyncio.wait_for(watch(), 5))
    assert not runner.feed._readers


def test_a_job_that_waits_is_cancelled_at_once(runner_of, media, short):
    held = uploaded(media, short("a.wav", 1))
    runner = runner_of()
    job = runner.submit("ingest", {"uploads": [held]})
    assert runner.cancel(job.id).state == "cancelled"
    assert runner.job(job.id).ended_at is not None
    assert media.find(held) is None
    assert runner.pending() == 0
    with pytest.raises(ConflictError, match="ended already"):
        runner.cancel(job.id)
    with pytest.raises(JobNotFoundError):
        runner.cancel("none")


class Library:
    """A real library whose first `add` is held up, or goes wrong, as a test wants."""

    def __init__(self, library, first):
        self._library, self._first = library, first

    def add(self, *arguments, **named):
        first, self._first = self._first, None
        return (
            first(self._library, *arguments, **named)
            if first
            else self._library.add(*arguments, **named)
        )

    def __len__(self):
        return len(self._library)

    def __getattr__(self, name):
        return getattr(self._library, name)


def half(library, files, *, progress, stop, **named):
    """Add half of the files, tell of it, and then wait to be stopped."""
    report = library.add(files[: len(files) // 2], progress=progress, **named)
    assert stop.wait(10)
    return replace(report, interrupted=True)


def at_half(runner, job_id):
    until = time.monotonic() + 15
    while runner.job(job_id).progress.get("done", 0) < 2:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_running_job_is_cancelled_and_keeps_what_it_added(runner_of, shelf, short, tmp_path):
    for seed in range(4):
        short(f"music/{seed}.wav", seed)
    runner = runner_of(Library(shelf, half))
    runner.start()
    job = runner.submit("ingest", {"paths": [str(tmp_path / "music")]})
    at_half(runner, job.id)
    assert runner.cancel(job.id).wanted is False
    job = ended(runner, job.id)
    assert (job.state, job.report["added"], len(shelf)) == ("cancelled", 2, 2)


def test_a_stopped_job_goes_on_and_counts_both_runs(runner_of, ledger, shelf, short, tmp_path):
    for seed in range(4):
        short(f"music/{seed}.wav", seed)
    runner = runner_of(Library(shelf, half))
    runner.start()
    job = runner.submit("ingest", {"paths": [str(tmp_path / "music")]})
    at_half(runner, job.id)
    runner.stop(10.0)
    assert ledger.job(job.id).state == "queued"
    with pytest.raises(ShuttingDownError):
        runner.submit("rebuild", {})
    second = runner_of()
    second.start()
    assert second.pending() <= 1
    job = ended(second, job.id)
    report = job.report
    assert job.state == "done"
    assert (report["added"], report["unchanged"], report["resumed"]) == (4, 0, 1)
    assert sorted(report["track_ids"]) == sorted(track.id for track in shelf.tracks())
    assert report["audio_s"] == pytest.approx(8.0, abs=0.2)


def test_what_ran_when_the_service_was_killed_goes_on(runner_of, ledger, short):
    path = short("a.wav", 1)
    request = {"paths": [str(path)]}
    ledger.add_job(
        JobRecord(
            "dead",
            "ingest",
            request,
            1.0,
            "running",
            started_at=time.time(),
            progress={"done": 0, "total": 1, "resumed": 1},
        )
    )
    ledger.add_job(JobRecord("gone", "ingest", request, 2.0, "running", False, started_at=2.0))
    ledger.add_job(
        JobRecord(
            "doomed",
            "ingest",
            request,
            3.0,
            "running",
            started_at=3.0,
            progress={"deaths": 4, "held": 0},
        )
    )
    runner = runner_of()
    runner.start()
    dead, gone, doomed = (ended(runner, name) for name in ("dead", "gone", "doomed"))
    assert (dead.state, dead.report["added"], dead.report["resumed"]) == ("done", 1, 2)
    assert gone.state == "cancelled"
    assert (doomed.state, doomed.error["code"]) == ("failed", "internal")
    assert "5 times in a row" in doomed.error["message"]


def test_a_bug_fails_one_job_and_a_full_disk_is_told(runner_of, shelf, short, caplog):
    path = str(short("a.wav", 1))

    def bug(*arguments, **named):
        raise ZeroDivisionError("secret words")

    def full(*arguments, **named):
        raise DiskFullError("no room left")

    for first, code in ((bug, "internal"), (full, "disk_full")):
        runner = runner_of(Library(shelf, first))
        runner.start()
        jobs = [runner.submit("ingest", {"paths": [path]}) for _ in range(2)]
        bad, good = (ended(runner, job.id) for job in jobs)
        assert (bad.state, bad.error["code"], good.state) == ("failed", code, "done")
        assert "secret" not in bad.error["message"]
        runner.stop(5.0)
    assert "ZeroDivisionError" in caplog.text


def test_a_locked_library_is_waited_for(runner_of, shelf, short, monkeypatch):
    monkeypatch.setattr(jobs_module, "LOCKED_S", 0.05)

    def locked(*arguments, **named):
        raise LibraryLockedError("another process is writing")

    runner = runner_of(Library(shelf, locked))
    runner.start()
    job = ended(runner, runner.submit("ingest", {"paths": [str(short("a.wav", 1))]}).id)
    assert (job.state, job.report["added"], job.report["resumed"]) == ("done", 1, 1)


def test_the_end_is_written_as_soon_as_the_ledger_takes_it(runner_of, ledger, short, monkeypatch):
    monkeypatch.setattr(jobs_module, "RETRY_S", 0.05)
    path = str(short("a.wav", 1))
    failing = [3]
    put = ledger.put_job

    def put_job(job):
        if job.state == "done" and failing[0]:
            failing[0] -= 1
            raise DiskFullError("no room left")
        put(job)

    monkeypatch.setattr(ledger, "put_job", put_job)
    runner = runner_of()
    runner.start()
    job = ended(runner, runner.submit("ingest", {"paths": [path]}).id)
    assert (job.state, failing) == ("done", [0])


@pytest.mark.parametrize("state", ["running", "done"])
def test_a_bug_does_not_end_the_lane(runner_of, ledger, short, monkeypatch, state):
    monkeypatch.setattr(jobs_module, "RETRY_S", 0.05)
    path = str(short("a.wav", 1))
    failing = [1]
    put = ledger.put_job

    def put_job(job):
        if job.state == state and failing[0]:
            failing[0] -= 1
            raise ZeroDivisionError
        put(job)

    monkeypatch.setattr(ledger, "put_job", put_job)
    runner = runner_of()
    runner.start()
    first = runner.submit("ingest", {"paths": [path]})
    second = runner.submit("ingest", {"paths": [path]})
    assert ended(runner, second.id).state == "done"
    assert runner.job(first.id).state == ("done" if state == "running" else "running")


def test_a_cancel_that_cannot_be_written_loses_no_job(runner_of, ledger, short, monkeypatch):
    runner = runner_of()
    job = runner.submit("ingest", {"paths": [str(short("a.wav", 1))]})
    with monkeypatch.context() as broken:

        def full(_):
            raise DiskFullError("no room left")

        broken.setattr(ledger, "put_job", full)
        with pytest.raises(DiskFullError):
            runner.cancel(job.id)
    runner.start()
    assert ended(runner, job.id).state == "cancelled"
    assert runner.pending() == 0


def test_a_rebuild_runs_and_cannot_be_cancelled_halfway(runner_of, shelf, short, monkeypatch):
    shelf.add([short("a.wav", 1)])
    runner = runner_of()
    tried = []
    tell = JobInHand.tell

    def told(held, progress):
        with pytest.raises(ConflictError, match="rebuild"):
            runner.cancel(job.id)
        tried.append(progress)
        tell(held, progress)

    monkeypatch.setattr(JobInHand, "tell", told)
    job = runner.submit("rebuild", {"model": None})
    runner.start()
    job = ended(runner, job.id)
    assert (job.state, job.report["unchanged"]) == ("done", 1)
    assert tried


def test_jobs_run_in_their_order_and_are_bounded(runner_of, short, monkeypatch):
    monkeypatch.setattr(jobs_module, "MOST_PENDING", 2)
    path = str(short("a.wav", 1))
    runner = runner_of()
    first, second = (runner.submit("ingest", {"paths": [path]}) for _ in range(2))
    with pytest.raises(BusyError, match="2 jobs are waiting"):
        runner.submit("ingest", {"paths": [path]})
    runner.start()
    assert ended(runner, second.id).report["unchanged"] == 1
    assert runner.job(first.id).report["added"] == 1
    assert [job.id for job in runner.jobs()] == [second.id, first.id]


@pytest.mark.parametrize(
    ("request_", "error", "words"),
    [
        ({}, InvalidRequestError, "got 0"),
        ({"paths": ["/etc/passwd"]}, ForbiddenError, "outside"),
        ({"urls": ["http://a/b"], "uploads": ["/x"]}, InvalidRequestError, "not both"),
        ({"urls": ["ftp://a/b"]}, InvalidRequestError, "http"),
        ({"urls": ["http://[a/b"]}, InvalidRequestError, "http"),
        ({"urls": ["http://a/b"] * 10_001}, InvalidRequestError, "10001"),
    ],
)
def test_what_makes_no_sense_is_refused_before_it_is_a_job(runner_of, request_, error, words):
    runner = runner_of()
    with pytest.raises(error, match=words):
        runner.submit("ingest", request_)
    with pytest.raises(InvalidRequestError, match="'dance'"):
        runner.submit("dance", {})
    assert runner.jobs() == []


@pytest.fixture
def slow(shelf, ledger, media, settings, tmp_path, monkeypatch):
    """A runner of scans, and the address of a file that stops coming until the event is set."""
    monkeypatch.setenv("no_proxy", "*")
    options = ServeSettings(roots=str(tmp_path), private_urls=True)
    free = threading.Event()
    with on_air() as station, open_desk(shelf, settings, media) as desk:
        url = station.play("/slow.wav", b"RIFF", free, b"no sound", length=12)
        scans = Scans(shelf, options, settings, media, lambda: desk)
        runner = JobRunner(shelf, ledger, options, media, scans)

        def scan(number):
            asked = {"url": f"{url}?{number}", "name": "slow", "station": "", "options": {}}
            asked["began_at"] = 0.0
            return runner.submit("scan", {**asked, "scan_id": scans.new(asked).id})

        yield runner, scan, free
        free.set()
        runner.stop(5.0)


def test_a_long_scan_holds_up_other_scans_and_nothing_else(slow, short):
    runner, scan, free = slow
    runner.start()
    first, second, third = (scan(number) for number in range(3))
    until = time.monotonic() + 20
    while runner.job(first.id).state == "queued":
        assert time.monotonic() < until
        time.sleep(0.02)
    added = ended(runner, runner.submit("ingest", {"paths": [str(short("a.wav", 1))]}).id)
    assert (added.state, added.report["added"]) == ("done", 1)
    states = [runner.job(job.id).state for job in (first, second, third)]
    assert states == ["running", "queued", "queued"]
    assert runner.cancel(second.id).state == "cancelled"
    assert runner.pending() == 2
    free.set()
    assert [ended(runner, job.id).state for job in (first, second, third)] == [
        "failed",  # it is no sound
        "cancelled",
        "failed",
    ]
    assert runner.job(first.id).ended_at <= runner.job(third.id).started_at
