"""What is swept away at the start, while a job that was interrupted goes on."""

from __future__ import annotations

import os
import time

import pytest
import soundfile

from earmark.ports.ledger import JobRecord
from earmark.service.sweeping import sweep


@pytest.fixture
def old_upload(client, song):
    """Keep a song as an upload of two days ago."""
    media = client.app.state.house.media

    def made(seed):
        descriptor, temporary = media.incoming()
        os.close(descriptor)
        soundfile.write(temporary, song(seed), 16000, format="WAV")
        path = media.keep(temporary, f"{seed}.wav")
        then = time.time() - 200_000
        os.utime(path.parent, (then, then))
        return path

    return made


def test_what_a_track_or_a_waiting_job_names_stays(client, old_upload, stocked, ledger):
    track, waiting, nobody = map(old_upload, (7, 8, 9))
    stocked.put(track)
    client.app.state.house.jobs.stop(1.0)
    ledger.add_job(JobRecord("w", "ingest", {"uploads": [str(waiting)]}, time.time()))
    sweep(client.app.state.house)
    assert [path.exists() for path in (track, waiting, nobody)] == [True, True, False]


def test_a_job_that_ends_meanwhile_keeps_its_file(client, old_upload, stocked, ledger, monkeypatch):
    path = old_upload(7)
    house = client.app.state.house
    house.jobs.stop(1.0)
    job = JobRecord("w", "ingest", {"uploads": [str(path)]}, time.time(), "running")
    ledger.add_job(job)

    def ends():
        stocked.put(path)
        ledger.put_job(JobRecord("w", "ingest", job.request, job.created_at, "done"))

    def between(read):
        """Let the job end behind the first of the two readings."""

        def reading(*args, **more):
            found = list(read(*args, **more))
            if todo:
                todo.pop()()
            return found

        return reading

    todo = [ends]
    monkeypatch.setattr(house.ledger, "jobs", between(house.ledger.jobs))
    monkeypatch.setattr(house.library, "tracks", between(house.library.tracks))
    sweep(house)
    assert not todo
    assert path.exists()
