"""Monitoring through the real program and both clients: scanned, watched, decided, told, killed."""

from __future__ import annotations

import asyncio
import csv
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
from radio import STALL, encoded, on_air
from webhook_host import receiving

from earmark import Library, Settings, StreamNotFoundError
from earmark.client import AsyncClient, Client
from earmark.ports import Wanted

SOURCE = Path(__file__).parents[2] / "src"
RATE_HZ = 16_000
QUIET = np.zeros(8 * RATE_HZ, np.float32)
OPTIONS = {"least_s": 3.0, "repeats": False}


@pytest.fixture
def place(tones, tmp_path, song):
    """A library of three songs."""
    settings = Settings(library=str(tmp_path / "library"), workers=1)
    paths = [tmp_path / f"{seed}.wav" for seed in range(3)]
    for seed, path in enumerate(paths):
        soundfile.write(path, song(seed), RATE_HZ)
    with Library.open(create=True, settings=settings) as library:
        assert library.add(paths).added == 3
    return tmp_path / "library"


@contextmanager
def serving(place: Path, folder: Path, name: str) -> Iterator[tuple[subprocess.Popen, str]]:
    """The real program, and its address; ended by whoever uses it, or killed."""
    log = folder / name
    paths = os.pathsep.join([str(SOURCE), os.environ["PYTHONPATH"]])
    told = {"PYTHONPATH": paths, "EARMARK_SERVE_PRIVATE_URLS": "true"}
    command = [sys.executable, "-m", "earmark", "--library", str(place), "serve", "--port", "0"]
    with log.open("wb") as file:
        process = subprocess.Popen(command, stderr=file, cwd=folder, env=os.environ | told)
    try:
        until = time.monotonic() + 30
        while " at http://" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, "it never accepted"
            time.sleep(0.02)
        yield process, log.read_text().split(" at ")[1].split()[0]
        assert "Traceback" not in log.read_text(), log.read_text()
    finally:
        process.kill()
        process.wait(10)


def until(look, what):
    ends_s = time.monotonic() + 20
    while not (found := look()):
        assert time.monotonic() < ends_s, what
        time.sleep(0.03)
    return found


def test_what_was_played_is_found_told_decided_and_survives(place, tmp_path, song):
    programme = tmp_path / "friday.flac"
    soundfile.write(programme, np.concatenate([QUIET, song(0), QUIET, song(2)]), RATE_HZ)
    # Song 1 ends while the station goes on; song 2 plays when the service is killed.
    played = np.concatenate([song(1), QUIET, QUIET, song(2)])
    with on_air() as radio, receiving() as receiver:
        url = radio.play("/live", encoded(played, RATE_HZ, "mp3", "mp3"), STALL)
        with serving(place, tmp_path, "first.log") as (process, address), Client(address) as client:
            hook = client.add_webhook(receiver.url("/ok"), events=["detection.closed"])
            rule = client.add_rule("block", least_s=5.0)

            scan = client.scan(programme, station="Friday", began_at=1000.0, options=OPTIONS)
            scan = client.wait_scan(scan.id, timeout_s=30)
            assert scan.timeline is not None
            titles = [one.track.source[-5:] for one in scan.timeline.detections]
            assert (scan.state, titles) == ("done", ["0.wav", "2.wav"])
            table = client.scan_report(scan.id, tmp_path / "friday.csv")
            with table.open() as file:
                rows = [row["id"] for row in csv.DictReader(file)]
            kept = list(client.detections(Wanted(origin=f"scan:{scan.id}")))
            assert rows == [one.id for one in kept[::-1]]
            assert [one.action for one in kept] == ["block", "block"]

            stream = client.add_stream("Radio", url, options=OPTIONS)
            kinds = set()
            for news in client.watch(stream.id):
                kinds.add(news.kind)
                entry = news.entry
                if news.kind == "open" and entry and entry.detection.track.source.endswith("2.wav"):
                    break
            assert kinds >= {"state", "open", "close"}
            (closed,) = client.detections(Wanted(origin=f"stream:{stream.id}", open=False))
            assert closed.detection.track.source.endswith("1.wav")
            decided = client.decide(closed.id, "confirm", "heard it", by="ann")
            would = client.prune_detections(0, decided=True, dry_run=True)
            assert (would.detections, would.clips, would.dry_run) == (3, 0, True)
            assert client.update_stream(stream.id, url=url).url == url
            assert decided.ruling == "confirm"
            assert client.evidence(closed.id).body[:4] == b"fLaC"
            told = until(
                lambda: [one for one in receiver.told if one.json["detection"]["id"] == closed.id],
                "told",
            )
            assert told[0].signed(hook.secret, time.time())
            process.kill()
            process.wait(10)

        with (
            serving(place, tmp_path, "second.log") as (process, address),
            Client(address) as client,
        ):
            assert client.detection(closed.id) == decided
            assert [one.id for one in client.rules()] == [rule.id]
            assert [one.id for one in client.webhooks()] == [hook.id]
            assert client.scan_of(scan.id).timeline == scan.timeline
            # The stream goes on by itself; what was open when the service died is closed.
            until(lambda: not client.detection(entry.id).detection.open, "closed")
            until(lambda: client.outages(stream.id), "its absence is known")
            until(lambda: client.stream(stream.id).reconnects == 0, "watched again")
            asyncio.run(asked_asynchronously(address, stream.id, scan.id))
            process.terminate()
            assert process.wait(20) == 0
    with Library.open(settings=Settings(library=str(place))) as library:
        assert library.check() == []


async def asked_asynchronously(address, stream_id, scan_id):
    async with AsyncClient(address) as client:
        assert [one.id async for one in client.scans()] == [scan_id]
        async for news in client.watch(stream_id):
            assert (news.kind, news.stream.id) == ("state", stream_id)
            break
        assert {one.key for one in await client.totals("station")} == {"Radio", "Friday"}
        assert (await client.prune_detections(9.0, evidence_only=True)).clips == 0
        await client.delete_stream(stream_id)
        with pytest.raises(StreamNotFoundError):
            await client.stream(stream_id)
