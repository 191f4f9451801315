"""Writes docs/images/page-*.png: the page over real music, in the browser that the tests use.

The music is PyPI's immich-memories-music without its tender tracks, the tunes are the demo's.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from io import BytesIO
from pathlib import Path

import httpx
import numpy as np
import soundfile
from immich_memories_music import tracks_dir
from PIL import Image

from earmark.audio.decode import decode
from earmark.evaluation.degrade import degrade, source_length_s
from earmark.evaluation.hum import Manner, hum
from earmark.evaluation.noise import RATE_HZ, NoiseBank
from earmark.melody.score import read_score

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests/support"))

from browser import Page, browser  # noqa: E402 - the tests' own helpers
from page_host import earmark, served  # noqa: E402

IMAGES = ROOT / "docs/images"
TUNES = Path(__file__).with_name("demo_tunes.abc")
LARGEST_BYTES = 150_000
SEED = 2024
KNOWN, KNOWN_AT_S = "nostalgic/nostalgic_acoustic_1.opus", 13.2
UNKNOWN, UNKNOWN_AT_S = "tender/tender_acoustic_1.opus", 4.0
MANNER = Manner("hum", tempo=1.2, shift_semitones=-13.4, off_key_semitones=0.5, slips=0.0)
LISTEN_FILE = "#view-listen input[type=file]"
CARD = ".result-card .compare-controls"


def main() -> int:
    """Write all pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lay_out(folder)
        with served(folder) as address:
            entitle(address)
            with browser(folder / "unknown.wav") as driver:
                show(Page(driver, address), folder)
    return 0


def lay_out(folder: Path) -> None:
    """Make the library, and what is asked."""
    for mood in sorted(path for path in tracks_dir().iterdir() if path.is_dir()):
        if mood.name != UNKNOWN.split("/")[0]:
            shutil.copytree(mood, folder / "music" / mood.name)
    shutil.copy(TUNES, folder / "tunes.abc")
    earmark(folder, "add", "music", "tunes.abc")
    spoil(KNOWN, KNOWN_AT_S, 7.0, folder / "clip.wav")
    spoil(UNKNOWN, UNKNOWN_AT_S, 14.0, folder / "unknown.wav")
    clip = hum(
        read_score(TUNES, part="4").tune,
        MANNER,
        np.random.default_rng(SEED),
        start_s=0.0,
        length_s=9.0,
        snr_db=10.0,
        room=True,
    )
    soundfile.write(folder / "hum.wav", clip, RATE_HZ)


def spoil(source: str, at_s: float, length_s: float, path: Path) -> None:
    """Write what a telephone hears of a stretch of a track."""
    long_s = source_length_s(length_s) + 0.1
    heard = decode(tracks_dir() / source, RATE_HZ, start_s=at_s, duration_s=long_s)
    random = np.random.default_rng(SEED)
    soundfile.write(
        path, degrade(heard.clip.samples, "phone", length_s, NoiseBank.load(), random), RATE_HZ
    )


def entitle(address: str) -> None:
    """Give the tracks, whose files have no tags, the titles that their names tell."""
    with httpx.Client(base_url=address, timeout=20) as client:
        for track in client.get("/v1/tracks", params={"limit": 100}).json()["tracks"]:
            name = Path(track["source"])
            if name.suffix == ".opus":
                mood, kind, number = name.stem.split("_")
                fields = {
                    "title": f"{mood.title()}, {kind} {number.lstrip('s')}",
                    "artist": "Immich Memories Music",
                    "tags": [mood, kind],
                }
                client.patch(f"/v1/tracks/{track['id']}", json=fields).raise_for_status()


def show(page: Page, folder: Path) -> None:
    """Go through the page and take its pictures."""
    page.driver.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
    frame(page, 1200, 800)
    page.go()
    page.press("#listen-button")
    page.says("#listen-status", "Listening")
    time.sleep(3.0)
    take(page, "listen")
    page.driver.refresh()

    frame(page, 1200, 960)
    ask(page, folder / "clip.wav")
    page.press("#compare-play")
    time.sleep(2.4)
    take(page, "match")
    ask(page, folder / "hum.wav")
    page.press("#compare-play")
    time.sleep(3.0)
    take(page, "hum")

    frame(page, 1200, 800)
    page.go("#/library", fresh=True)
    page.one("#tracks .row-main")
    page.driver.execute_script("document.querySelectorAll('.row-main')[3].click()")
    page.one(".list-row.sounds")
    time.sleep(2.0)
    take(page, "library")

    page.press("#language-switch")
    page.press("#theme-switch")
    frame(page, 1200, 960)
    page.go(fresh=True)
    ask(page, folder / "hum.wav")
    take(page, "zh")
    page.press("#language-switch")

    frame(page, 390, 844, scale=2, mobile=True)
    page.go(fresh=True)
    time.sleep(0.5)
    take(page, "phone-dark")
    page.press("#theme-switch")
    ask(page, folder / "clip.wav")
    take(page, "phone")


def ask(page: Page, path: Path) -> None:
    """Ask about a file and wait for all of its card."""
    page.go()
    page.choose(LISTEN_FILE, path)
    page.one(CARD)
    time.sleep(1.0)


def frame(page: Page, width: int, height: int, *, scale: int = 1, mobile: bool = False) -> None:
    """Make the page exactly so large."""
    page.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": mobile},
    )


def take(page: Page, name: str) -> None:
    """Write a picture; one that is too large has its colours counted."""
    path = IMAGES / f"page-{name}.png"
    picture = Image.open(BytesIO(page.driver.get_screenshot_as_png())).convert("RGB")
    picture.save(path, optimize=True)
    if path.stat().st_size > LARGEST_BYTES:
        picture.quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)
    sys.stdout.write(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes\n")


if __name__ == "__main__":
    sys.exit(main())
