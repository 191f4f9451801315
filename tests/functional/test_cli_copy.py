"""The program copies libraries: from any kind to any kind, through kills, and checks the end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import numpy as np
import pytest

from earmark import Library, Settings
from earmark.copying.whole import Side
from earmark.ports import NewTrack, StoredFeatures

SOURCE = Path(__file__).parents[2] / "src"
TRACKS = 200
KILLS = int(os.environ.get("EARMARK_COPY_KILLS", "2"))
COPIER = """
import sys
from earmark.copying import run
run.PAGE, run.BATCH = 16, 4
sys.argv[0] = "earmark"
from earmark.cli.main import run as program
program()
"""


@pytest.fixture
def full(shelf):
    """Many small tracks, made without audio; every third shares its audio with the one before."""
    rng = np.random.default_rng(1)
    batch: list[NewTrack] = []
    for at in range(TRACKS):
        if at % 3 < 2:
            audio = f"{at:064x}"
            packed = rng.integers(0, 1 << 10, 24, np.uint32).tobytes()
            features = {"sound": StoredFeatures("tones-1", packed)}
        batch.append(
            NewTrack(
                f"/music/{at}.wav", f"{at:064d}", audio, 6.0, features, at, at, title=f"Track {at}",
                tags=("all",), extra={"at": str(at)}, cover=bytes([at % 256]) * 9,
            )
        )  # fmt: skip
    for engine in ("recording", "melody"):
        shelf.switch(engine, False)
    shelf._commit(batch)
    shelf._settle()
    return shelf


def told(library):
    names = ("recording", "melody", "sound")
    wholes = Side(library._tracks, "", names).whole(list(library))
    return [(whole.track.as_dict(), whole.fingerprint(names)) for whole in wholes]


def test_a_copy_tells_what_it_came_to(earmark, full, tmp_path):
    ran = earmark("--library", full.folder, "copy", "--to", "there")
    assert ran.code == 0, ran.err
    assert ran.out.startswith(f"copied {TRACKS} tracks, 0 were there already; {TRACKS} compared")
    again = earmark("--library", full.folder, "copy", "--to", "there", "--json")
    (shape,) = again.lines
    assert shape["tracks"] == 0
    assert (shape["unchanged"], shape["verified"]) == (TRACKS, TRACKS)
    assert shape["checksum"] in ran.out
    checked = earmark("--library", "there", "doctor")
    assert (checked.code, checked.out) == (0, "sound\n"), checked.err


def test_a_copy_that_cannot_be_is_one_sentence(earmark, full):
    ran = earmark("--library", full.folder, "copy", "--to", full.folder)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert "is where the copy comes from" in ran.err
    ran = earmark("--library", "nowhere", "copy", "--to", "there")
    assert ran.code == 4
    assert "no library at 'nowhere'" in ran.err
    assert not (full.folder.parent / "there").exists()


def copier(source: str, target: str) -> subprocess.Popen[bytes]:
    paths = os.pathsep.join([str(SOURCE), os.environ["PYTHONPATH"]])
    return subprocess.Popen(
        [sys.executable, "-c", COPIER, "--library", source, "copy", "--to", target],
        env=os.environ | {"PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def killed_and_finished(
    source: str, target: str, settings: Settings, kills: int = KILLS
) -> list[int]:
    """Kill copies at growing moments, then let one end; return what each had found."""
    counts: list[int] = []
    for _ in range(kills):
        with copier(source, target) as child:
            until_s = time.monotonic() + 30
            wanted = (counts[-1] if counts else 0) + 25
            while time.monotonic() < until_s and child.poll() is None:
                time.sleep(0.05)
                if counted(target, settings) >= wanted:
                    break
            assert child.poll() is None, child.stderr.read()
            child.kill()
        counts.append(counted(target, settings))
    with copier(source, target) as child:
        out, err = child.communicate(timeout=120)
    assert child.returncode == 0, err
    assert f"{TRACKS} compared".encode() in out
    return counts


def counted(target: str, settings: Settings) -> int:
    from earmark.errors import EarmarkError

    try:
        with Library.open(target, settings=settings) as library:
            return len(library)
    except EarmarkError:
        return 0


def test_a_copy_goes_on_after_kill_nine(full, settings, tmp_path):
    target = str(tmp_path / "there")
    counts = killed_and_finished(str(full.folder), target, settings)
    assert counts == sorted(counts)
    assert 0 < counts[0] < counts[-1] < TRACKS, counts
    with Library.open(target, settings=settings) as library:
        assert told(library) == told(full)
        assert library.check() == []
        assert library.engines() == full.engines()


def test_a_copy_to_redis_and_back_goes_on_after_kill_nine(full, settings, redis_host, tmp_path):
    place = f"redis://127.0.0.1:{redis_host.port}/0?ns={uuid.uuid4().hex}"
    target = f"{place}&vectors={tmp_path / 'vectors.db'}"
    counts = killed_and_finished(str(full.folder), target, settings)
    assert 0 < counts[0] < counts[-1] < TRACKS, counts
    with Library.open(target, settings=settings) as library:
        assert told(library) == told(full)
        assert library.check() == []
        assert library.engines() == full.engines()
    back = str(tmp_path / "back")
    killed_and_finished(target, back, settings, kills=1)
    with Library.open(back, settings=settings) as library:
        assert told(library) == told(full)
        assert library.check() == []
