"""Jobs that two services share through a real Redis; their library is a folder they both hold."""

from __future__ import annotations

import asyncio
import os
import threading
import time
import uuid
from dataclasses import replace

import pytest
from radio import on_air
from redis_host import RedisHost, wanted

from earmark.config import ServeSettings
from earmark.errors import (
    BusyError,
    ConflictError,
    InputError,
    JobNotFoundError,
    LibraryLockedError,
    ShuttingDownError,
    StoreUnavailableError,
)
from earmark.ports.ledger import JobRecord
from earmark.service.bodies.media import MediaRoom
from earmark.service.tasks import jobheld, jobtaker, sharedjobs
from earmark.service.tasks.jobsteps import ENDED
from earmark.service.tasks.monitoring import open_desk
from earmark.service.tasks.scanwork import Scans
from earmark.service.tasks.sharedjobs import SharedJobs
from earmark.stores import redis_queue
from earmark.stores.redis_address import redis_address
from earmark.stores.redis_client import RedisClient, RedisPatience
from earmark.stores.redis_ledger import RedisLedger


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Dead workers are found in half a second, and what waits does not wait long."""
    monkeypatch.setattr(jobtaker, "LEASE_S", 0.6)
    monkeypatch.setattr(jobtaker, "HOLD_EVERY_S", 0.1)
    monkeypatch.setattr(jobtaker, "WATCH_EVERY_S", 0.2)
    monkeypatch.setattr(jobtaker, "LOST_AFTER_S", 0.5)
    monkeypatch.setattr(jobtaker, "WAIT_S", 0.1)
    monkeypatch.setattr(jobtaker, "RETRY_S", 0.05)
    monkeypatch.setattr(redis_queue, "_WAIT_S", 0.1)
    monkeypatch.setattr(jobheld, "WRITE_EVERY_S", 0.0)
    monkeypatch.setattr(sharedjobs, "POLL_S", 0.1)


@pytest.fixture
def book_of(redis_host):
    """Open the test's ledger once more, as another process does."""
    url, opened = f"redis://127.0.0.1:{redis_host.port}/0?ns={uuid.uuid4().hex}", []

    def book():
        opened.append(RedisLedger(RedisClient(redis_address(url), RedisPatience(total_s=2.0))))
        return opened[-1]

    yield book
    for one in opened:
        one.close()


@pytest.fixture
def ledger(book_of):
    return book_of()


@pytest.fixture
def media(shelf):
    return MediaRoom(shelf.folder / "media")


@pytest.fixture
def service(shelf, book_of, media, tmp_path):
    """Make one more service of the same library; ``jobs`` says whether it does any itself."""
    made = []

    def one(library=shelf, *, jobs=True):
        options = ServeSettings(roots=str(tmp_path), jobs=jobs)
        made.append(SharedJobs(library, book_of(), options, media))
        made[-1].start()
        return made[-1]

    yield one
    for jobs in made:
        jobs.stop(5.0)


@pytest.fixture
def short(write, song):
    """Write songs of two seconds into the folder ``music``."""

    def written(count):
        paths = [write(f"music/{seed}.wav", song(seed, 2.0)) for seed in range(count)]
        return paths[0].parent

    return written


def until(true, within_s=20.0):
    ends = time.monotonic() + within_s
    while not (found := true()):
        assert time.monotonic() < ends
        time.sleep(0.02)
    return found


def ended(jobs, job_id):
    return until(lambda: (job := jobs.job(job_id)).state in ENDED and job)


def uploaded(media, path):
    descriptor, temporary = media.incoming()
    os.write(descriptor, path.read_bytes())
    os.close(descriptor)
    return str(media.keep(temporary, path.name))


class Library:
    """A real library whose first `add` or `rebuild` is held up, or goes wrong."""

    def __init__(self, library, first):
        self._library, self._first = library, first

    def _one(self, name, *arguments, **named):
        first, self._first = self._first, None
        if first is not None:
            return first(self._library, *arguments, **named)
        return getattr(self._library, name)(*arguments, **named)

    def add(self, *arguments, **named):
        return self._one("add", *arguments, **named)

    def rebuild(self, *arguments, **named):
        return self._one("rebuild", *arguments, **named)

    def __len__(self):
        return len(self._library)

    def __getattr__(self, name):
        return getattr(self._library, name)


def half(library, files, *, progress, stop, **named):
    """Add half of the files, tell of it, and then wait to be stopped."""
    report = library.add(files[: len(files) // 2], progress=progress, **named)
    assert stop.wait(10)
    return replace(report, interrupted=True)


def test_what_one_service_is_asked_for_another_does(service, shelf, media, short, tmp_path):
    folder = short(2)
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no sound" * 100)
    asked = service(jobs=False)
    job = asked.submit("ingest", {"paths": [str(folder)], "tags": ["new"]})
    held = [uploaded(media, path) for path in (bad, folder / "0.wav")]
    other = asked.submit("ingest", {"uploads": held})
    time.sleep(0.3)
    assert (asked.job(job.id).state, asked.pending()) == ("queued", 2)  # nobody does any
    doing = service()
    job, other = ended(asked, job.id), ended(asked, other.id)
    assert (job.report["added"], job.report["resumed"], job.state) == (2, 0, "done")
    assert [track.tags for track in shelf.tracks()] == [("new",), ("new",)]
    assert (other.report["unchanged"], other.report["failed_count"]) == (1, 1)
    until(lambda: not any(map(media.find, held)))  # neither made a track
    assert asked.pending() == doing.pending() == 0
    assert [one.id for one in doing.jobs()] == [other.id, job.id]


def test_whoever_watches_sees_what_another_does(service, shelf, short):
    folder = short(4)
    asked = service(jobs=False)
    job = asked.submit("ingest", {"paths": [str(folder)]})

    async def watch():
        seen = []
        async for record in asked.events(job.id):
            if not seen:
                service(Library(shelf, half))
            if record.progress.get("done") == 2 and record.wanted:
                await asyncio.to_thread(asked.cancel, job.id)
            seen.append(record)
        return seen

    seen = asyncio.run(asyncio.wait_for(watch(), 20))
    assert [seen[0].state, seen[-1].state] == ["queued", "cancelled"]
    assert any(record.state == "running" for record in seen)
    assert seen[-1].report["added"] == len(shelf) == 2  # what it had added stays
    assert not asked.feed._readers
    with pytest.raises(JobNotFoundError):
        asyncio.run(anext(asked.events("none")))


def test_a_service_that_goes_down_ends_those_who_watch(service, short):
    asked = service(jobs=False)
    job = asked.submit("ingest", {"paths": [str(short(1))]})

    async def watch():
        asyncio.get_running_loop().call_later(0.3, asked.stop, 1.0)
        return [record.state async for record in asked.events(job.id)]

    assert asyncio.run(asyncio.wait_for(watch(), 5)) == ["queued"]
    with pytest.raises(ShuttingDownError):
        asked.submit("rebuild", {})


def test_a_job_that_is_done_twice_is_done_once(service, shelf, short):
    """The queue may tell of a job again: while it is at work, and after it has ended."""
    folder = short(4)
    begun, go = threading.Event(), threading.Event()

    def slow(library, files, **named):
        begun.set()
        assert go.wait(10)
        return library.add(files, **named)

    one, other = service(Library(shelf, slow)), service(jobs=False)
    job = other.submit("ingest", {"paths": [str(folder)]})
    assert begun.wait(10)
    service()
    other._queues["jobs"].offer(job.id)
    until(lambda: other._ledger._client.call("LLEN", other._ledger._client.key("queue")) == 0)
    time.sleep(0.3)
    go.set()
    job = ended(other, job.id)
    other._queues["jobs"].offer(job.id)
    time.sleep(0.2)
    assert one.job(job.id) == job
    assert (job.report["added"], job.report["unchanged"], job.report["resumed"]) == (4, 0, 0)


def test_what_a_killed_worker_had_begun_goes_on(service, ledger, shelf, short):
    folder = short(4)
    shelf.add([folder / "0.wav"])
    request = {"paths": [str(folder)]}
    now = time.time()
    told = [
        JobRecord("dead", "ingest", request, now, "running", started_at=now - 5),
        JobRecord("gone", "ingest", request, now, "running", False, started_at=now),
        JobRecord(
            "doomed", "ingest", request, now, "running", started_at=now,
            progress={"done": 3, "deaths": 4, "held": 3},
        ),
        JobRecord("never-told", "ingest", request, now),
    ]  # fmt: skip
    for job in told:
        ledger.add_job(job)
        ledger.take_job(job.id, "killed", 0.3)
    asked = service()
    dead, gone, doomed, never = (ended(asked, job.id) for job in told)
    assert (dead.state, dead.report["added"], dead.report["resumed"]) == ("done", 4, 1)
    assert gone.state == "cancelled"
    assert (doomed.state, doomed.error["code"]) == ("failed", "internal")
    assert "5 times in a row" in doomed.error["message"]
    assert (never.state, never.report["unchanged"], len(shelf)) == ("done", 4, 4)


def test_who_stood_still_for_too_long_writes_nothing_more(service, ledger, shelf, short, caplog):
    folder = short(4)
    asked = service(Library(shelf, half))
    job = asked.submit("ingest", {"paths": [str(folder)]})
    until(lambda: ledger.job(job.id).progress.get("done") == 2)
    ledger._client.call("ZADD", ledger._client.key("ledger", "jobs", "leases"), 1, job.id)
    taken = until(lambda: ledger.take_job(job.id, "another", 5.0))
    assert taken.state == "running"
    until(lambda: "was lost to another worker" in caplog.text)
    until(lambda: not asked._taker._in_hand())
    assert ledger.job(job.id) == taken
    assert ledger.put_held(replace(taken, state="done", ended_at=1.0), "another")
    assert asked.job(job.id).state == "done"


def test_a_stopped_service_puts_its_job_back(service, shelf, short):
    folder = short(4)
    first, asked = service(Library(shelf, half)), service(jobs=False)
    job = asked.submit("ingest", {"paths": [str(folder)]})
    until(lambda: asked.job(job.id).progress.get("done") == 2)
    first.stop(10.0)
    assert asked.job(job.id).state == "queued"
    service()
    job = ended(asked, job.id)
    report = job.report
    assert job.state == "done"
    assert (report["added"], report["unchanged"], report["resumed"]) == (4, 0, 1)
    assert sorted(report["track_ids"]) == sorted(track.id for track in shelf.tracks())


@pytest.mark.parametrize("error", [LibraryLockedError, StoreUnavailableError])
def test_what_is_away_is_waited_for(service, shelf, short, error):
    def away(*arguments, **named):
        raise error("come again later")

    asked = service(Library(shelf, away))
    job = ended(asked, asked.submit("ingest", {"paths": [str(short(1))]}).id)
    assert (job.state, job.report["added"], job.report["resumed"]) == ("done", 1, 1)


def test_a_redis_that_dies_in_the_middle_of_a_job_is_waited_for(
    shelf, media, short, tmp_path, monkeypatch
):
    wanted()
    host = RedisHost(tmp_path / "redis")
    host.start()
    url = f"redis://127.0.0.1:{host.port}/0?ns=killed"
    begun, go = threading.Event(), threading.Event()

    def slow(library, files, **named):
        begun.set()
        assert go.wait(20)
        return library.add(files, **named)

    books = [RedisLedger(RedisClient(redis_address(url), RedisPatience(total_s=1.0)))]
    options = ServeSettings(roots=str(tmp_path))
    asked = SharedJobs(Library(shelf, slow), books[0], options, media)
    try:
        asked.start()
        first = asked.submit("ingest", {"paths": [str(short(2))]})
        second = asked.submit("rebuild", {})
        assert begun.wait(10)
        host.kill()
        with pytest.raises(StoreUnavailableError):
            asked.job("another")
        go.set()  # the job ends while nobody can be told of it
        time.sleep(1.0)
        host.start()
        assert [ended(asked, job.id).state for job in (first, second)] == ["done", "done"]
        assert asked.job(first.id).report["added"] == 2
    finally:
        asked.stop(5.0)
        books[0].close()
        host.stop()


def test_a_bug_and_a_known_error_fail_one_job(service, shelf, short, caplog):
    def bug(*arguments, **named):
        raise ZeroDivisionError("secret words")

    def known(*arguments, **named):
        raise InputError("that is no sound")

    folder = str(short(1))
    for first, word in ((bug, "ended on a bug"), (known, "that is no sound")):
        asked = service(Library(shelf, first))
        jobs = [asked.submit("ingest", {"paths": [folder]}) for _ in range(2)]
        bad, good = (ended(asked, job.id) for job in jobs)
        assert (bad.state, good.state) == ("failed", "done")
        assert word in bad.error["message"]
        asked.stop(5.0)
    assert "ZeroDivisionError" in caplog.text


def test_a_job_that_waits_is_cancelled_at_once(service, media, write, song):
    held = uploaded(media, write("a.wav", song(1, 2.0)))
    asked = service(jobs=False)
    job = asked.submit("ingest", {"uploads": [held]})
    assert asked.cancel(job.id).state == "cancelled"
    assert media.find(held) is None
    assert asked.pending() == 0
    with pytest.raises(ConflictError, match="ended already"):
        asked.cancel(job.id)
    with pytest.raises(JobNotFoundError):
        asked.cancel("none")
    service()  # whom the queue still tells of it
    time.sleep(0.3)
    assert asked.job(job.id).started_at is None


def test_a_rebuild_elsewhere_cannot_be_cancelled_halfway(service, shelf, short):
    shelf.add([short(1)])
    begun, go = threading.Event(), threading.Event()

    def slow(library, **named):
        begun.set()
        assert go.wait(10)
        return library.rebuild(**named)

    asked = service(jobs=False)
    service(Library(shelf, slow))
    job = asked.submit("rebuild", {"model": None})
    assert begun.wait(10)
    with pytest.raises(ConflictError, match="rebuild"):
        asked.cancel(job.id)
    go.set()
    job = ended(asked, job.id)
    assert (job.state, job.report["unchanged"]) == ("done", 1)


def test_jobs_are_bounded(service, short, monkeypatch):
    monkeypatch.setattr(sharedjobs, "MOST_PENDING", 2)
    folder = str(short(1))
    one, other = service(jobs=False), service(jobs=False)
    one.submit("ingest", {"paths": [folder]})
    other.submit("ingest", {"paths": [folder]})
    with pytest.raises(BusyError, match="2 jobs are waiting"):
        one.submit("ingest", {"paths": [folder]})


def test_a_long_scan_holds_up_other_scans_and_nothing_else(
    shelf, book_of, media, settings, short, tmp_path, monkeypatch
):
    monkeypatch.setenv("no_proxy", "*")
    options = ServeSettings(roots=str(tmp_path), private_urls=True)
    free = threading.Event()
    with on_air() as station, open_desk(shelf, settings, media) as desk:
        url = station.play("/slow.wav", b"RIFF", free, b"no sound", length=12)
        scans = Scans(shelf, options, settings, media, lambda: desk)
        jobs = SharedJobs(shelf, book_of(), options, media, scans)
        jobs.start()
        try:
            asked = []
            for number in range(2):
                one = {"url": f"{url}?{number}", "name": "slow", "station": "", "options": {}}
                one["began_at"] = 0.0
                asked.append(jobs.submit("scan", {**one, "scan_id": scans.new(one).id}).id)
            until(lambda: jobs.job(asked[0]).state == "running")
            assert ended(jobs, jobs.submit("ingest", {"paths": [str(short(1))]}).id).state == "done"
            assert [jobs.job(job_id).state for job_id in asked] == ["running", "queued"]
            free.set()
            assert [ended(jobs, job_id).state for job_id in asked] == ["failed", "failed"]
        finally:
            free.set()
            jobs.stop(5.0)
