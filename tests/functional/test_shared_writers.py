"""Several machines write to one library, some of them die: nothing is lost, done twice or left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from shared_place import LEASE_S, program

import earmark.bootstrap
from earmark import Library
from earmark.errors import EarmarkError
from earmark.sound.index import GROWTH

FILES = 20
RATE_HZ = 16_000


@pytest.fixture(autouse=True)
def soon_dead(monkeypatch):
    monkeypatch.setattr(earmark.bootstrap, "LEASE_S", LEASE_S)


@pytest.fixture
def files(write, music) -> list[Path]:
    return [write(f"music/{s:02d}.wav", music(1000 + s, 3.0)) for s in range(FILES)]


def ended(process: subprocess.Popen[str]) -> dict:
    """What a run of the program said with ``--json``."""
    out, err = process.communicate(timeout=100)
    assert (process.returncode, err) == (0, "")
    return json.loads(out)


def killed(process: subprocess.Popen[str]) -> None:
    """kill -9, its workers too."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def whole(library: Library, files: list[Path]) -> None:
    """Every file is there once, and found; nothing else is; nothing is wrong."""
    assert sorted(track.source for track in library) == sorted(map(str, files))
    assert library.check() == []
    for path in files[:: len(files) // 3]:
        (match,) = library.identify(path, "recording").matches
        assert match.track.source == str(path)


@pytest.mark.usefixtures("tones")
def test_two_share_a_folder(apart, files):
    began = [program(apart, "add", "--json", files[0].parent) for _ in range(2)]
    reports = [ended(process) for process in began]
    assert sum(report["added"] for report in reports) == FILES
    for report in reports:
        assert report["added"] + report["unchanged"] == FILES
    # Nobody has heard what the other has heard.
    assert sum(report["audio_s"] for report in reports) == pytest.approx(3.0 * FILES)
    with Library.open(settings=apart) as library:
        whole(library, files)


@pytest.mark.usefixtures("tones")
def test_what_a_killed_writer_was_at_is_done_by_another(apart, files):
    rng = np.random.default_rng(4)
    with Library.open(create=True, settings=apart) as library:
        library.add(files[0])
        for part in (files[1:5], files[5:]):
            writer = program(apart, "add", "--json", *part)
            claims = library._parts.home.client.key("claims")
            while not library._parts.home.client.call("EXISTS", claims):
                time.sleep(0.01)
            time.sleep(rng.uniform(0.0, 0.7))
            killed(writer)
            held = len(library)
            report = library.add(part)  # waits until the claims of the dead have ended
            assert report.failed == ()
            assert report.added + report.unchanged == len(part)
            assert report.unchanged <= held
        library.repair()
        whole(library, files)


def at_once(*tasks) -> list[BaseException]:
    """Do things in threads at once; return what they raised."""
    raised: list[BaseException] = []

    def done(task) -> None:
        try:
            task()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=done, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)
    return raised


def statistics(library: Library) -> str:
    library._indexes.current("sound")
    return library._indexes.engine("sound")._index.settled().statistics.digest


def test_writers_agree_on_statistics_and_outgrow_them(shared, files, tmp_path):
    with (
        Library.open(create=True, settings=shared) as one,
        Library.open(settings=shared) as two,
        Library.open(settings=shared) as reader,
    ):
        assert at_once(lambda: one.add(files[0]), lambda: two.add(files[1])) == []
        first = statistics(one)
        assert statistics(two) == statistics(reader) == first
        assert not one._indexes.outgrown()
        raised, asked, over = [], [], threading.Event()

        def ask() -> None:
            while not over.is_set():
                try:
                    asked.append(reader.identify(files[0], "sound").best)
                except EarmarkError as error:
                    raised.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        many = GROWTH * 2 + 2
        try:
            assert at_once(lambda: one.add(files[:many:2]), lambda: two.add(files[1:many:2])) == []
        finally:
            over.set()
            asking.join(30)
        assert raised == []
        assert any(asked)  # while the index is built anew, answers may lack something
        second = statistics(one)
        assert second != first
        assert statistics(two) == statistics(reader) == second
        assert one.check() == []
        for path in files[:4]:
            answers = [lib.identify(path, "sound").matches for lib in (one, two, reader)]
            assert answers[0][0].track.source == str(path)
            assert answers[0] == answers[1] == answers[2]
