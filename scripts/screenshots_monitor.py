"""Writes docs/images/monitor-*.png: the monitoring part of the page over a made-up broadcast.

The music is PyPI's immich-memories-music; what the library does not hold are its tender tracks.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np
import soundfile
from immich_memories_music import tracks_dir

from earmark.audio.decode import decode
from earmark.evaluation.degrade import degrade, source_length_s
from earmark.evaluation.noise import RATE_HZ, NoiseBank
from screenshots import IMAGES, ROOT, SEED, entitle, frame, take

sys.path.insert(0, str(ROOT / "tests/support"))

from browser import Page, browser
from page_host import earmark, served

MOODS = ("calm", "happy", "nostalgic")
UNKNOWN = "tender/tender_acoustic_1.opus"
QUIET_S = 8.0
PLAYED_S = 24.0
JINGLE_S = 12.0
SAID = {"station": "Radio Eins", "repeats": "true"}


def main() -> int:
    """Write both pictures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lay_out(folder)
        with served(folder) as address, httpx.Client(base_url=address, timeout=60) as client:
            entitle(address)
            client.post("/v1/rules", json={"action": "block", "tag": "nostalgic"})
            scan_id = scanned(client, folder / "friday.flac")
            with browser() as driver:
                show(Page(driver, address), scan_id)
    return 0


def lay_out(folder: Path) -> None:
    """Make the library, and a broadcast of half of it with an unknown piece that comes again."""
    random, noise = np.random.default_rng(SEED), NoiseBank.load()
    for mood in MOODS:
        shutil.copytree(tracks_dir() / mood, folder / "music" / mood)
    earmark(folder, "add", "music")
    known = sorted((folder / "music").rglob("*.opus"))[::3]
    jingle = heard(tracks_dir() / UNKNOWN, 4.0, JINGLE_S)
    quiet = np.zeros(int(QUIET_S * RATE_HZ), np.float32)
    parts = []
    for number, path in enumerate(known):
        length_s = PLAYED_S - 3.0 * (number % 3)
        music = heard(path, 2.0, source_length_s(length_s) + 0.2)
        shaped = degrade(music, "phone", length_s, noise, random) if number % 3 == 1 else music
        parts += [shaped, jingle if number % 2 else quiet]
    soundfile.write(folder / "friday.flac", np.concatenate(parts), RATE_HZ)


def heard(path: Path, start_s: float, length_s: float) -> np.ndarray:
    """Return a stretch of a file."""
    return decode(path, RATE_HZ, start_s=start_s, duration_s=length_s).clip.samples


def scanned(client: httpx.Client, path: Path) -> str:
    """Have a file scanned, and return the id of the scan."""
    with path.open("rb") as file:
        made = client.post("/v1/scans", files={"file": file}, data=SAID)
    scan_id = made.raise_for_status().json()["id"]
    while (state := client.get(f"/v1/scans/{scan_id}").json()["state"]) != "done":
        if state not in ("queued", "running"):
            message = f"the scan is {state}"
            raise RuntimeError(message)
        time.sleep(0.3)
    return str(scan_id)


def show(page: Page, scan_id: str) -> None:
    """Go to both places and take their pictures."""
    page.driver.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
    frame(page, 1240, 1000)
    page.go(f"#/monitor/scans/{scan_id}")
    page.one("#scan-result")
    page.driver.execute_script("document.getElementById('scan-form').remove(); scrollTo(0, 0)")
    time.sleep(0.5)
    take(page, "timeline")
    page.go("#/monitor", fresh=True)
    page.one("#review-play")
    page.press("#review-play")
    time.sleep(3.0)
    take(page, "review")
    for name in ("timeline", "review"):
        (IMAGES / f"page-{name}.png").rename(IMAGES / f"monitor-{name}.png")


if __name__ == "__main__":
    sys.exit(main())
