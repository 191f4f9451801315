"""Killed at any moment, a service loses nothing it acknowledged, and its job goes on to its end."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile

from earmark import Library
from earmark.bootstrap import open_ledger

SOURCE = Path(__file__).parents[2] / "src"
SEED = int(os.environ.get("EARMARK_CRASH_SEED", "5"))
KILLS = int(os.environ.get("EARMARK_CRASH_KILLS", "2"))
FILES = 64  # 32 are committed at once: the second kill finds the first batch
UPLOADS = 30  # one by one
TOGETHER = 8  # in the form of one job
RATE_HZ = 16_000


@pytest.fixture
def start(tones, tmp_path):
    """Start the real program over the same library; returns the process and a client."""
    running, clients = [], []

    def started():
        log = tmp_path / f"serve{len(running)}.log"
        paths = os.pathsep.join([str(SOURCE), os.environ["PYTHONPATH"]])
        command = [sys.executable, "-m", "earmark", "serve", "--port", "0", "--root", str(tmp_path)]
        with log.open("wb") as file:
            process = subprocess.Popen(
                command,
                stderr=file,
                cwd=tmp_path,
                env=os.environ | {"PYTHONPATH": paths, "EARMARK_SERVE_RATE_PER_MINUTE": "0"},
            )
        running.append(process)
        until = time.monotonic() + 30
        while " at http://" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, "it never accepted"
            time.sleep(0.02)
        address = log.read_text().split(" at ")[1].split()[0]
        clients.append(httpx.Client(base_url=address, trust_env=False, timeout=20))
        return process, clients[-1]

    yield started
    for process in running:
        if process.poll() is None:
            process.kill()
            process.wait(10)
    for client in clients:
        client.close()


def sound(seed: int, seconds: float = 1.5) -> np.ndarray:
    """Half-second notes by their seed."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(RATE_HZ // 2) / RATE_HZ
    notes = [np.sin(2 * np.pi * rng.uniform(100, 3000) * time_s) for _ in range(int(2 * seconds))]
    return (0.3 * np.concatenate(notes)).astype(np.float32)


def soon(true: Callable[[], object]) -> None:
    """Wait until something is so."""
    until = time.monotonic() + 30
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


def done(client: httpx.Client, job_id: str) -> int:
    """How many inputs of a job are settled."""
    return client.get(f"/v1/jobs/{job_id}").json()["progress"]["done"]


class Uploader(threading.Thread):
    """Uploads one file after another until the service is gone; keeps what was acknowledged."""

    def __init__(self, address: str, files: list[Path]) -> None:
        super().__init__()
        self.acknowledged: dict[str, bytes] = {}
        self._address, self._files = address, files

    def run(self) -> None:
        with httpx.Client(base_url=self._address, trust_env=False, timeout=20) as client:
            for path in self._files:
                data = path.read_bytes()
                try:
                    answer = client.post("/v1/tracks", files={"file": (path.name, data)})
                except httpx.HTTPError:
                    return
                if answer.status_code in (200, 201):
                    self.acknowledged[answer.json()["id"]] = data


@pytest.fixture
def music(tmp_path):
    """A folder of short sounds."""
    folder = tmp_path / "music"
    folder.mkdir()
    for number in range(FILES):
        soundfile.write(folder / f"{number:02}.wav", sound(number), RATE_HZ)
    return folder


def test_a_killed_service_goes_on_where_it_was(start, music, tmp_path):
    rng = random.Random(SEED)
    uploads = []
    for number in range(UPLOADS + TOGETHER):
        uploads.append(tmp_path / f"upload{number:02}.wav")
        soundfile.write(uploads[-1], sound(1000 + number), RATE_HZ)

    sent_together = uploads[-TOGETHER:]
    del uploads[-TOGETHER:]
    form_id, job_id, acknowledged = None, None, {}
    for kill in range(KILLS):
        process, client = start()
        if job_id is None:
            form = [("file", (path.name, path.read_bytes())) for path in sent_together]
            sent = client.post("/v1/jobs", files=form)
            assert sent.status_code == 202
            form_id = sent.json()["id"]
            sent = client.post("/v1/jobs", json={"paths": [str(music)]})
            assert sent.status_code == 202
            job_id = sent.json()["id"]
        uploader = Uploader(str(client.base_url), uploads[kill::KILLS])
        uploader.start()
        if kill == 0:
            soon(partial(len, uploader.acknowledged))
        else:
            soon(partial(done, client, job_id))
        time.sleep(rng.uniform(0.0, 0.15))
        process.kill()
        process.wait(10)
        uploader.join(20)
        acknowledged |= uploader.acknowledged

    with Library.open(tmp_path / "earmark-library") as library:
        held = [track.source for track in library if track.source.startswith(str(music))]
    assert 0 < len(held) < FILES, "it was not killed in the middle"
    process, client = start()
    with client.stream("GET", f"/v1/jobs/{job_id}/events") as events:
        assert any(line == "event: end" for line in events.iter_lines())
    job = client.get(f"/v1/jobs/{job_id}").json()
    report = job["report"]
    assert job["state"] == "done", job
    assert (report["added"], report["unchanged"], report["failed"]) == (FILES, 0, [])
    assert report["resumed"] >= 1
    assert acknowledged

    tracks = client.get("/v1/tracks?limit=500").json()["tracks"]
    sources = [track["source"] for track in tracks if not track["uploaded"]]
    assert sorted(sources) == sorted(str(path) for path in music.iterdir())
    assert sorted(report["track_ids"]) == sorted(t["id"] for t in tracks if not t["uploaded"])
    assert acknowledged.keys() <= {track["id"] for track in tracks if track["uploaded"]}
    for track_id, data in acknowledged.items():
        assert client.get(f"/v1/tracks/{track_id}/audio").content == data
    form = client.get(f"/v1/jobs/{form_id}").json()
    assert (form["state"], form["report"]["added"]) == ("done", TOGETHER), form
    kept = {client.get(f"/v1/tracks/{name}/audio").content for name in form["report"]["track_ids"]}
    assert kept == {path.read_bytes() for path in sent_together}
    assert client.get("/v1/check").json() == {"faults": []}
    process.terminate()
    assert process.wait(20) == 0


def test_told_to_end_it_lets_go_of_its_job_and_of_those_who_watch(start, music, tmp_path):
    process, client = start()
    job_id = client.post("/v1/jobs", json={"paths": [str(music)]}).json()["id"]
    with client.stream("GET", f"/v1/jobs/{job_id}/events") as left:
        assert next(left.iter_lines()) == "event: progress"  # and leave while it goes on
    with client.stream("GET", f"/v1/jobs/{job_id}/events") as events:
        lines = events.iter_lines()
        while '"total":64' not in next(lines).replace(" ", ""):
            pass
        process.terminate()
        assert "event: end" not in list(lines)
    assert process.wait(15) == 0
    ledger = open_ledger(tmp_path / "earmark-library")
    job = ledger.job(job_id)
    ledger.close()
    assert (job.state, job.report) == ("queued", None)
