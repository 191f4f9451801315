"""Real services and workers of one library in a real Redis, some of them killed at work."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile

from earmark import Library
from earmark.monitor.desk import Desk

SOURCE = Path(__file__).parents[2] / "src"
RATE_HZ = 16_000
FILES = 240  # so many that the way of the job can be seen
MANY = 300  # more than are done before the worker is told to end
# The real program, which finds out in two seconds that a worker was killed.
PROGRAM = """
from earmark.service.tasks import jobtaker
jobtaker.LEASE_S, jobtaker.WATCH_EVERY_S, jobtaker.LOST_AFTER_S = 1.5, 0.5, 1.0
from earmark.cli.main import run
run()
"""


def sound(seed: int, seconds: float = 1.0) -> np.ndarray:
    """Half-second notes by their seed."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(RATE_HZ // 2) / RATE_HZ
    notes = [np.sin(2 * np.pi * rng.uniform(100, 3000) * time_s) for _ in range(int(2 * seconds))]
    return (0.3 * np.concatenate(notes)).astype(np.float32)


def soon(true, within_s=40.0):
    ends = time.monotonic() + within_s
    while not (found := true()):
        assert time.monotonic() < ends
        time.sleep(0.05)
    return found


@pytest.fixture
def place(request):
    """A library in Redis that names recordings only, so that no Milvus is asked."""
    host = request.getfixturevalue(getattr(request, "param", "redis_host"))
    namespace = uuid.uuid4().hex
    url = f"redis://127.0.0.1:{host.port}/0?ns={namespace}&vectors=http://127.0.0.1:1"
    with Library.open(url, create=True) as library:
        for name in ("melody", "sound"):
            library.switch(name, on=False)
    return url


@pytest.fixture
def start(place, tmp_path):
    """Start the program over the library; returns the process and its log."""
    running = []

    def started(*command, says):
        log = tmp_path / f"log{len(running)}"
        told = ["--library", place, "--root", str(tmp_path), "--media", str(tmp_path / "media")]
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, *command, *told],
                stderr=file,
                cwd=tmp_path,
                env=os.environ | {"PYTHONPATH": str(SOURCE), "EARMARK_SERVE_RATE_PER_MINUTE": "0"},
            )
        running.append(process)
        soon(lambda: says in log.read_text() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        return process, log

    yield started
    for process in running:
        if process.poll() is None:
            process.kill()
            process.wait(10)


@pytest.fixture
def service(start):
    """A service that does no job itself: a client of it."""
    _, log = start("serve", "--port", "0", "--no-jobs", says=" at http://")
    address = log.read_text().split(" at ")[1].split()[0]
    with httpx.Client(base_url=address, trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture
def worker(start):
    return lambda: start("worker", "--workers", "1", says="waiting for jobs")


@pytest.fixture
def music_of(tmp_path):
    """Write a number of short sounds into a folder."""

    def written(count):
        folder = tmp_path / "music"
        folder.mkdir()
        for number in range(count):
            soundfile.write(folder / f"{number:03}.wav", sound(number), RATE_HZ)
        return folder

    return written


class Watcher(threading.Thread):
    """Follows a job to its end by server-sent events."""

    def __init__(self, address, job_id):
        super().__init__()
        self._address, self._job_id = address, job_id
        self.seen = []

    def run(self):
        with (
            httpx.Client(base_url=self._address, trust_env=False, timeout=60) as client,
            client.stream("GET", f"/v1/jobs/{self._job_id}/events") as answer,
        ):
            for line in answer.iter_lines():
                if line.startswith("data:"):
                    self.seen.append(json.loads(line[5:]))


@pytest.mark.parametrize("place", ["redis_cluster_host"], indirect=True)
def test_the_job_of_a_killed_worker_goes_on_in_another(service, worker, music_of):
    music = music_of(FILES)
    uploads = [("file", (f"u{n}.wav", (music / f"{n:03}.wav").read_bytes())) for n in range(4)]
    first = service.post("/v1/jobs", json={"paths": [str(music)], "tags": ["new"]}).json()["id"]
    other = service.post("/v1/jobs", files=uploads).json()["id"]
    watcher = Watcher(str(service.base_url), first)
    watcher.start()

    def job(job_id):
        return service.get(f"/v1/jobs/{job_id}").json()

    killed, _ = worker()
    soon(lambda: service.get("/v1/tracks").json()["tracks"])
    killed.send_signal(signal.SIGKILL)
    killed.wait(10)
    assert job(first)["state"] == "running"
    living, log = worker()
    ended = [
        soon(lambda one=one: (j := job(one))["state"] == "done" and j) for one in (first, other)
    ]
    assert "its worker died" in log.read_text()
    report = ended[0]["report"]
    assert (report["added"], report["failed"], report["resumed"]) == (FILES, [], 1)
    assert (ended[1]["report"]["added"], ended[1]["report"]["unchanged"]) == (0, 4)
    page = service.get("/v1/tracks", params={"limit": 500}).json()["tracks"]
    assert sorted(track["source"] for track in page) == sorted(map(str, music.iterdir()))
    assert len(report["track_ids"]) == len({track["id"] for track in page}) == FILES
    watcher.join(20)
    states = [seen["state"] for seen in watcher.seen]
    assert (states[-1], watcher.seen[-1]["report"]) == ("done", report)
    assert "running" in states
    assert len({seen["progress"]["done"] for seen in watcher.seen}) > 2

    living.terminate()
    assert living.wait(20) == 0


def test_a_job_in_a_worker_is_cancelled_and_put_back(service, worker, music_of, place):
    music = music_of(MANY)
    process, _ = worker()
    job_id = service.post("/v1/jobs", json={"paths": [str(music)]}).json()["id"]

    def job():
        return service.get(f"/v1/jobs/{job_id}").json()

    soon(lambda: job()["progress"]["done"] >= 2)
    process.terminate()
    assert process.wait(20) == 0  # it has committed what was in hand
    assert job()["state"] == "queued"
    worker()
    soon(lambda: job()["state"] == "running")
    assert service.delete(f"/v1/jobs/{job_id}").status_code == 202
    ended = soon(lambda: (told := job())["state"] == "cancelled" and told)
    with Library.open(place) as library:
        assert 2 <= len(library) == ended["report"]["added"] < MANY
        assert library.check() == []


def test_a_scan_is_done_by_a_worker_and_heard_at_the_service(service, worker, place, tmp_path):
    with Library.open(place) as library:
        soundfile.write(tmp_path / "song.wav", sound(7, 20.0), RATE_HZ)
        track = library.add([tmp_path / "song.wav"]).track_ids[0]
    programme = np.concatenate([np.zeros(4 * RATE_HZ, np.float32), sound(7, 20.0)])
    soundfile.write(tmp_path / "day.wav", programme, RATE_HZ)
    sent = service.post(
        "/v1/scans",
        files={"file": ("day.wav", (tmp_path / "day.wav").read_bytes())},
        data={"station": "Radio", "repeats": "false"},
    )
    assert (sent.status_code, sent.json()["state"]) == (202, "queued"), sent.text
    address = sent.headers["Location"]
    process, log = worker()
    scan = soon(
        lambda: (s := service.get(address).json())["state"] not in ("queued", "running") and s
    )
    assert (scan["state"], scan["error"]) == ("done", None), log.read_text()
    (found,) = scan["timeline"]["detections"]
    assert found["track"]["id"] == track
    (kept,) = service.get("/v1/detections").json()["detections"]
    assert (kept["id"], kept["origin"], kept["station"]) == (
        found["id"],
        f"scan:{scan['id']}",
        "Radio",
    )
    # The worker has kept the clip where the service finds it, and thrown the upload away.
    assert service.get(f"/v1/detections/{found['id']}/evidence").content[:4] == b"fLaC"
    soon(lambda: not list((tmp_path / "media").rglob("day.wav")))
    assert service.get(address, params={"form": "cue"}).text.count("TRACK") == 1
    process.terminate()
    assert process.wait(20) == 0
    # Whoever opens the library by its URL finds its desk, whatever library the settings name.
    with Library.open(place) as library, Desk.open(library) as desk:
        assert [entry.id for entry in desk.entries()] == [found["id"]]


def test_a_folder_has_no_workers(earmark):
    ran = earmark("worker", "--library", "music")
    assert (ran.code, ran.out) == (2, "")
    assert "whose jobs are done inside `earmark serve`" in ran.err
    ran = earmark("serve", "--library", "music", "--no-jobs", "--port", "0")
    assert ran.code == 2
    assert "leave out --no-jobs" in ran.err
