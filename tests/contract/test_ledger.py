"""What every ledger owes its callers."""

from __future__ import annotations

import multiprocessing
import sqlite3
import stat
import threading
import time
from dataclasses import replace

import pytest

from earmark.errors import (
    DamagedIndexError,
    DiskFullError,
    InvalidRequestError,
    JobNotFoundError,
    KeyNotFoundError,
    LibraryLockedError,
    LibraryVersionError,
)
from earmark.ports import JobRecord, KeyRecord, Reply, SharedLedger, Verdict
from earmark.ports.ledger import LANES
from earmark.stores import redis_queue
from earmark.stores.memory_ledger import MemoryLedger
from earmark.stores.redis_address import redis_address
from earmark.stores.redis_client import RedisClient
from earmark.stores.redis_ledger import RedisLedger
from earmark.stores.sqlite_ledger import SqliteLedger

KEY = KeyRecord("k1", "Ann", ("read", "write"), "d1", 100.5)
JOB = JobRecord("j1", "ingest", {"paths": ["/música/a.ogg"], "tags": []}, 10.0)
REPLY = Reply("f1", 50.0)


SHARED = ("redis", "cluster")


def ledgers(name, folder, host=None, **bounds):
    if name == "memory":
        return MemoryLedger(**bounds)
    if name in SHARED:
        url = f"redis://127.0.0.1:{host.port}/0?ns={folder.name[-30:]}-{host.port}"
        return RedisLedger(RedisClient(redis_address(url)), **bounds)
    return SqliteLedger(folder / "service", 5.0, **bounds)


def hosted(request):
    names = {"redis": "redis_host", "cluster": "redis_cluster_host"}
    name = names.get(request.param)
    return None if name is None else request.getfixturevalue(name)


@pytest.fixture(params=["memory", "sqlite", *SHARED])
def opened(request, tmp_path):
    held, host = [], hosted(request)

    def opening(**bounds):
        held.append(ledgers(request.param, tmp_path, host, **bounds))
        return held[-1]

    yield opening
    for ledger in held:
        ledger.close()


@pytest.fixture
def ledger(opened):
    return opened()


def test_keys_come_back_as_they_were_kept(ledger):
    other = replace(KEY, id="k0", name="Bo 🎧", scopes=("admin",), expires_at=7.25)
    ledger.add_key(KEY)
    ledger.add_key(other)
    assert ledger.keys() == [KEY, other]
    assert (ledger.key("k0"), ledger.key("k2")) == (other, None)


def test_a_key_is_revoked_once(ledger):
    ledger.add_key(KEY)
    assert ledger.revoke_key("k1", 200.0) == replace(KEY, revoked_at=200.0)
    assert ledger.revoke_key("k1", 300.0).revoked_at == 200.0
    assert ledger.key("k1").revoked_at == 200.0
    with pytest.raises(KeyNotFoundError, match="'k9'"):
        ledger.revoke_key("k9", 1.0)


def test_a_job_comes_back_as_it_was_kept(ledger):
    ledger.add_job(JOB)
    assert ledger.job("j1") == JOB
    ended = replace(
        JOB,
        state="failed",
        started_at=11.0,
        ended_at=12.5,
        progress={"done": 3, "source": "ü"},
        report={"added": 1, "failed": [{"input": "x"}]},
        error={"code": "disk_full", "message": "no room"},
    )
    ledger.put_job(ended)
    assert ledger.job("j1") == ended
    for missing in (
        ledger.job,
        ledger.cancel_job,
        lambda name: ledger.put_job(replace(JOB, id=name)),
    ):
        with pytest.raises(JobNotFoundError, match="'j9'"):
            missing("j9")


def test_only_cancel_changes_what_is_wanted(ledger):
    ledger.add_job(JOB)
    running = replace(ledger.job("j1"), state="running")
    assert ledger.cancel_job("j1").wanted is False
    ledger.put_job(running)  # read before somebody cancelled
    assert (ledger.job("j1").wanted, ledger.job("j1").state) == (False, "running")


def test_jobs_are_paged_by_arrival_not_by_clock(ledger):
    states = ["done", "queued", "running", "queued", "cancelled"]
    for number, state in enumerate(states):
        ledger.add_job(replace(JOB, id=f"j{number}", state=state, created_at=100.0 - number))

    def ids(**how):
        return [job.id for job in ledger.jobs(**how)]

    assert ids() == ["j4", "j3", "j2", "j1", "j0"]
    assert ids(limit=2) == ["j4", "j3"]
    assert ids(limit=2, before="j3") == ["j2", "j1"]
    assert ids(before="j0") == []
    assert ids(states=["queued"]) == ["j3", "j1"]
    assert ids(states=["queued", "running"], oldest_first=True) == ["j1", "j2", "j3"]
    assert ids(states=["queued"], oldest_first=True, before="j1") == ["j3"]
    with pytest.raises(JobNotFoundError, match="'j9'"):
        ids(before="j9")


def test_the_oldest_ended_jobs_go_and_no_other(opened):
    ledger = opened(most_ended_jobs=2)
    for number, state in enumerate(["queued", "done", "failed", "cancelled", "done", "running"]):
        ledger.add_job(replace(JOB, id=f"j{number}", state=state))
    assert [job.id for job in ledger.jobs()] == ["j5", "j4", "j3", "j0"]


def test_the_first_under_a_key_answers_for_all(ledger):
    assert ledger.begin("a", REPLY) is None
    assert ledger.begin("a", replace(REPLY, fingerprint="f2")) == REPLY
    told = replace(REPLY, status=201, headers={"Location": "/v1/tracks/x"}, body=b"\x00{}")
    ledger.finish("a", told)
    assert ledger.begin("a", REPLY) == told
    ledger.finish("a", None)
    assert ledger.begin("a", REPLY) is None


def test_of_many_at_once_one_begins(ledger):
    began, gate = [], threading.Barrier(8)

    def run(number):
        gate.wait()
        began.append(ledger.begin("a", replace(REPLY, fingerprint=f"f{number}")))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert began.count(None) == 1
    assert len({reply.fingerprint for reply in began if reply}) == 1


def test_old_replies_are_forgotten(ledger):
    ledger.begin("old", replace(REPLY, created_at=1.0))
    ledger.begin("new", replace(REPLY, created_at=3.0))
    assert (ledger.forget_replies(3.0), ledger.forget_replies(3.0)) == (1, 0)
    assert ledger.begin("old", REPLY) is None
    assert ledger.begin("new", REPLY).created_at == 3.0


def test_verdicts_are_paged_and_the_oldest_go(opened):
    ledger = opened(most_verdicts=4)
    told = [
        Verdict(f"v{n}", 50.0 - n, n % 2 == 0, None if n % 2 else "t", {"n": n}) for n in range(6)
    ]
    for verdict in told:
        ledger.add_verdict(verdict)
    assert ledger.verdicts() == told[:1:-1]
    assert ledger.verdicts(limit=2) == [told[5], told[4]]
    assert ledger.verdicts(limit=2, before="v4") == [told[3], told[2]]
    assert ledger.verdicts(before="v2") == []
    with pytest.raises(InvalidRequestError, match="'v0'"):
        ledger.verdicts(before="v0")


# --- what only a shared one owes ---------------------------------------------------------


@pytest.fixture(params=SHARED)
def shared(request, tmp_path, monkeypatch):
    monkeypatch.setattr(redis_queue, "_WAIT_S", 0.1)
    ledger = ledgers(request.param, tmp_path, hosted(request))
    yield ledger
    ledger.close()


def test_it_says_that_it_is_shared(shared):
    assert isinstance(shared, SharedLedger)
    assert not isinstance(MemoryLedger(), SharedLedger)
    assert [shared.agree("a", text) for text in ("ann", "bo")] == ["ann", "ann"]
    assert shared.agree("b", "cy") == "cy"


def test_a_job_is_one_workers_until_its_lease_ends(shared):
    shared.add_job(JOB)
    assert shared.take_job("j1", "ann", 0.2) == JOB
    assert shared.take_job("j1", "ann", 0.2) == JOB  # asked again
    assert shared.take_job("j1", "bo", 5.0) is None
    running = replace(JOB, state="running")
    assert shared.put_held(running, "ann")
    assert shared.held_job("j1")
    time.sleep(0.3)
    assert not shared.held_job("j1")
    assert shared.hold_job("j1", "ann", 0.2) is True  # late, and nobody else has taken it
    assert shared.held_job("j1")
    time.sleep(0.3)
    assert shared.take_job("j1", "bo", 5.0) == running  # its last worker died
    assert shared.hold_job("j1", "ann", 5.0) is None
    assert not shared.put_held(replace(JOB, state="done"), "ann")
    assert shared.job("j1") == running
    assert shared.put_held(replace(JOB, state="done"), "bo")
    assert shared.put_held(replace(JOB, state="done"), "bo")  # asked again
    assert shared.take_job("j1", "cy", 5.0) is None
    assert shared.take_job("j9", "cy", 5.0) is None


def test_who_holds_a_job_knows_that_it_was_cancelled(shared):
    shared.add_job(JOB)
    shared.take_job("j1", "ann", 5.0)
    assert shared.hold_job("j1", "ann", 5.0) is True
    shared.cancel_job("j1")
    assert shared.hold_job("j1", "ann", 5.0) is False
    assert shared.put_held(replace(JOB, state="queued"), "ann")  # put back
    assert shared.take_job("j1", "bo", 5.0).wanted is False


def test_jobs_that_nobody_was_told_of_are_found_once(shared):
    for number in range(3):
        shared.add_job(replace(JOB, id=f"j{number}"))
    assert shared.lost_jobs(60.0) == []
    assert shared.lost_jobs(0.0) == ["j0", "j1", "j2"]
    assert shared.lost_jobs(60.0) == []
    assert shared.pending_jobs() == 3
    queue = shared.queue()
    queue.offer("j2")
    assert shared.lost_jobs(0.0) == ["j0", "j1"]  # the other one lies in the queue
    assert queue.work(lambda job_id: None)
    shared.take_job("j0", "ann", 0.1)
    shared.take_job("j1", "ann", 60.0)
    shared.put_held(replace(JOB, id="j2", state="done"), "nobody")
    time.sleep(0.2)
    assert shared.lost_jobs(60.0) == ["j0"]  # its worker died, at once
    assert shared.lost_jobs(60.0) == []
    assert shared.lost_jobs(0.0) == ["j0", "j2"]


def test_the_queue_tells_each_job_once_and_in_order(shared):
    queue, told = shared.queue(), []
    assert not queue.work(told.append)
    for number in range(3):
        queue.offer(f"j{number}")
    other = shared.queue()
    for one in (queue, other, queue):
        assert one.work(told.append)
    assert told == ["j0", "j1", "j2"]
    assert not other.work(told.append)


def test_scans_wait_in_a_queue_of_their_own(shared):
    for number, lane in enumerate(LANES):
        shared.add_job(replace(JOB, id=f"j{number}"))
        shared.queue(lane).offer(f"j{number}")
    assert shared.lost_jobs(0.0) == []
    told = []
    assert shared.queue("scans").work(told.append)
    assert not shared.queue("scans").work(told.append)
    assert told == ["j1"]
    assert shared.lost_jobs(0.0) == ["j1"]
    assert shared.queue().work(told.append)


def test_what_is_no_job_in_the_queue_is_told_as_it_is(shared):
    shared._client.call("LPUSH", shared._client.key("queue"), b"\x80\x04}q\x00.")
    told = []
    assert shared.queue().work(told.append)
    assert len(told) == 1
    assert shared.take_job(told[0], "ann", 1.0) is None


def test_a_request_sent_twice_changes_nothing_more(shared):
    """A connection that breaks does not say whether the request got through."""
    once = shared._client.run

    def twice(*command):
        once(*command)
        return once(*command)

    shared._client.run = twice
    shared.add_key(KEY)
    assert shared.keys() == [KEY]
    assert shared.revoke_key("k1", 5.0).revoked_at == 5.0
    shared.add_job(JOB)
    assert shared.take_job("j1", "ann", 5.0) == JOB
    assert shared.put_held(replace(JOB, state="queued"), "ann")
    assert shared.jobs() == [JOB]
    assert shared.begin("a", REPLY) is None
    assert shared.begin("a", REPLY) == REPLY
    shared.add_verdict(Verdict("v", 1.0, True, "t"))
    assert [verdict.id for verdict in shared.verdicts()] == ["v"]


# --- what only a file owes ---------------------------------------------------------------


def test_all_is_there_when_it_is_opened_again(tmp_path):
    first = ledgers("sqlite", tmp_path)
    first.add_key(KEY)
    first.add_job(JOB)
    first.begin("a", REPLY)
    first.add_verdict(Verdict("v", 1.0, True, "t"))
    second = ledgers("sqlite", tmp_path)  # another process, while the first is open
    assert (second.key("k1"), second.job("j1"), second.begin("a", REPLY)) == (KEY, JOB, REPLY)
    assert [verdict.id for verdict in second.verdicts()] == ["v"]
    first.close()
    second.close()


def test_nobody_else_may_read_it(tmp_path):
    ledger = ledgers("sqlite", tmp_path)
    ledger.add_key(KEY)
    folder = tmp_path / "service"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.glob("*.sqlite*")}
    assert files == dict.fromkeys(
        ("ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"), 0o600
    )
    ledger.close()


def test_it_syncs_before_it_returns(tmp_path):
    ledger = ledgers("sqlite", tmp_path)
    with ledger._file.reading() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    ledger.close()


def test_another_format_is_refused(tmp_path):
    ledgers("sqlite", tmp_path).close()
    path = tmp_path / "service" / "ledger.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(LibraryVersionError, match="format 9, this earmark reads 1"):
        ledgers("sqlite", tmp_path)


def test_a_damaged_file_is_named_with_the_remedy(tmp_path):
    folder = tmp_path / "service"
    folder.mkdir()
    (folder / "ledger.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(DamagedIndexError, match=r"ledger\.sqlite is damaged; move it away"):
        ledgers("sqlite", tmp_path)


def test_a_writer_that_does_not_end_is_named(tmp_path):
    ledger = SqliteLedger(tmp_path / "service", 0.05)
    other = sqlite3.connect(tmp_path / "service" / "ledger.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LibraryLockedError, match="locked by another process"):
        ledger.add_key(KEY)
    assert ledger.keys() == []  # who only reads does not wait
    other.execute("ROLLBACK")
    other.close()
    ledger.add_key(KEY)
    ledger.close()


def test_a_full_disk_loses_nothing(tmp_path):
    ledger = ledgers("sqlite", tmp_path)
    ledger.add_key(KEY)
    with ledger._file.reading() as connection:
        connection.execute("PRAGMA max_page_count = 1")  # no more than there are
    with pytest.raises(DiskFullError, match="no room left"):
        ledger.add_verdict(Verdict("v", 1.0, True, "t", {"words": "x" * 100_000}))
    assert (ledger.keys(), ledger.verdicts()) == ([KEY], [])
    ledger.close()


def make_and_write(folder, number):
    ledger = SqliteLedger(folder, 20.0)
    for n in range(5):
        ledger.add_key(replace(KEY, id=f"{number}-{n}"))
    ledger.close()


def test_processes_that_make_it_at_once_share_it(tmp_path):
    folder = tmp_path / "service"
    context = multiprocessing.get_context("spawn")
    runs = [context.Process(target=make_and_write, args=(folder, number)) for number in range(4)]
    for run in runs:
        run.start()
    for run in runs:
        run.join(20)
    assert [run.exitcode for run in runs] == [0] * 4
    ledger = SqliteLedger(folder, 5.0)
    assert len(ledger.keys()) == 20
    ledger.close()


def test_threads_that_ended_leave_no_connection(tmp_path):
    ledger = ledgers("sqlite", tmp_path)
    for _ in range(5):
        thread = threading.Thread(target=ledger.keys)
        thread.start()
        thread.join()
    assert len(ledger._file._connections._all) <= 2
    ledger.close()


def test_a_lease_on_a_name_is_one_holder_s_until_it_ends(opened):
    first, second = opened(), opened()
    if not isinstance(first, SharedLedger):
        pytest.skip("a ledger of one process")
    assert first.hold("stream s1", "a", 0.3)
    assert not second.hold("stream s1", "b", 0.3)
    assert first.hold("stream s1", "a", 0.3)
    assert second.hold("stream s2", "b", 5.0)
    second.let_go("stream s1", "b")  # not its own
    assert not second.hold("stream s1", "b", 0.3)
    until = time.monotonic() + 5
    while not second.hold("stream s1", "b", 0.3):
        assert time.monotonic() < until
        time.sleep(0.02)
    second.let_go("stream s1", "b")
    assert first.hold("stream s1", "a", 0.3)
