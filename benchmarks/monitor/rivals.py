"""Other fingerprinters as monitors: a programme in windows, and answers that agree joined.

Neither has a monitor of its own. Both get the same frame around them (`joined`): a window's
answers that lie on one line of (track, offset) with those of a window at most 8 s before are one
detection, the time between included.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import soundfile
import soxr

from earmark.audio.decode import decode
from earmark.monitor.timeline import Timeline
from earmark.ports import Detection, Piece
from earmark.types import Span, Track

FINGERPRINT_HZ = 11_025
JOIN_S = 8.0


@dataclass(frozen=True)
class Hit:
    """A window's answer: ``lag_s`` is track time less programme time."""

    source: str
    start_s: float
    end_s: float
    lag_s: float


class Rival(Protocol):
    """One fingerprinter."""

    name: str

    def index(self, files: Sequence[Path]) -> None:
        """Take the tracks in."""

    def listen(self, file: Path) -> tuple[Timeline, float]:
        """Return what a programme plays, and the CPU seconds it took."""


def cpu_s() -> float:
    """Return processor time of this process and of the children it waited for."""
    child = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + child.ru_utime + child.ru_stime


def joined(hits: Sequence[Hit], file: Path, within_s: float, least_windows: int) -> Timeline:
    """Make detections of hits: one where a track goes on at one lag from window to window."""
    lines: dict[str, list[list[Hit]]] = defaultdict(list)
    for hit in sorted(hits, key=lambda hit: hit.start_s):
        for line in lines[hit.source]:
            near = hit.start_s <= line[-1].end_s + JOIN_S
            if near and abs(hit.lag_s - line[-1].lag_s) <= within_s:
                line.append(hit)
                break
        else:
            lines[hit.source].append([hit])
    found = []
    for source, own in lines.items():
        for line in own:
            if len(line) < least_windows:
                continue
            start_s, end_s = line[0].start_s, max(hit.end_s for hit in line)
            lag_s = float(np.median([hit.lag_s for hit in line]))
            query, reference = Span(start_s, end_s), Span(start_s + lag_s, end_s + lag_s)
            piece = Piece(query, reference, 1.0, 0.0, 1.0, float(len(line)))
            track = Track(source, source, "", 0.0, 0)
            found.append(Detection(source, "recording", track, 1.0, 0.0, (piece,)))
    return Timeline(str(file), soundfile.info(file).duration, tuple(found))


class Chromaprint:
    """fpcalc's raw fingerprints: votes of equal items for (track, offset), then the bit error rate.

    Windows of 128 items (15.9 s) every 32; the five offsets with most votes are compared bit by
    bit, and taken below ``most_wrong``. The ends are where eight items in a row go wrong.
    """

    name = "fpcalc"
    item_s = 1365 / FINGERPRINT_HZ  # a third of a frame of 4096 samples
    lead_s = 1.2  # an item looks at 2.5 s
    window, hop, near, most_wrong, edge_wrong = 128, 32, 5, 0.32, 0.40

    def __init__(self) -> None:
        if shutil.which("fpcalc") is None:
            raise SystemExit("fpcalc is missing: install the Debian package libchromaprint-tools")

    def index(self, files: Sequence[Path]) -> None:
        """Keep every track's items, sorted by value with their place."""
        prints = []
        for file in files:
            with tempfile.NamedTemporaryFile(suffix=".wav") as wav:
                clip = decode(file, 16_000).clip
                soundfile.write(wav.name, clip.samples, clip.rate_hz, subtype="PCM_16")
                prints.append(_fpcalc(Path(wav.name)))
        self._files = [str(file) for file in files]
        self._line = np.concatenate(prints)
        self._ends = np.cumsum([len(one) for one in prints])
        self._order = np.argsort(self._line, kind="stable")
        self._sorted = self._line[self._order]

    def listen(self, file: Path) -> tuple[Timeline, float]:
        """Fingerprint the whole file, then ask every window."""
        start = cpu_s()
        raw = _fpcalc(file)
        low, high = (np.searchsorted(self._sorted, raw, side) for side in ("left", "right"))
        high = np.where(high - low > 200, low, high)  # what silence and hum have everywhere
        hits: list[Hit] = []
        for at in range(0, max(1, len(raw) - self.window // 2), self.hop):
            hits += self._window(raw, low, high, at)
        return joined(hits, file, 3 * self.item_s, 1), cpu_s() - start

    def _window(self, raw: np.ndarray, low: np.ndarray, high: np.ndarray, at: int) -> list[Hit]:
        end = min(at + self.window, len(raw))
        places = [self._order[low[i] : high[i]] - (i - at) for i in range(at, end)]
        starts, votes = np.unique(np.concatenate(places), return_counts=True)
        starts, votes = starts[votes >= 2], votes[votes >= 2]
        found = []
        for start in starts[np.argsort(-votes, kind="stable")[: self.near]]:
            which = int(np.searchsorted(self._ends, max(0, start), side="right"))
            first = 0 if which == 0 else int(self._ends[which - 1])
            low_, high_ = max(start, first), min(start + end - at, int(self._ends[which]))
            if high_ - low_ < self.window // 2:
                continue
            asked = raw[at + low_ - start : at + high_ - start]
            wrong = np.bitwise_count(self._line[low_:high_] ^ asked) / 32.0
            smooth = np.convolve(wrong, np.full(8, 1 / 8), "same")
            good = np.flatnonzero(smooth < self.edge_wrong)
            if len(good) == 0:
                continue
            inside = slice(int(good[0]), int(good[-1]) + 1)
            if len(good) < self.window // 3 or wrong[inside].mean() > self.most_wrong:
                continue
            query = (at + low_ - start) * self.item_s + self.lead_s
            lag_s = (low_ - first) * self.item_s - (at + low_ - start) * self.item_s
            begin, stop = (query + edge * self.item_s for edge in (inside.start, inside.stop))
            found.append(Hit(self._files[which], begin, stop, lag_s))
        return found


class Audfprint:
    """audfprint2 with the defaults of its command line; windows of 12 s every 4.

    A window's answers have six aligned hashes or more, as by its own rule; three windows must agree
    on track and offset, without which a long programme is full of chance answers.
    """

    name = "audfprint2"
    chunk_s, window_s, hop_s, least_windows = 60.0, 12.0, 4.0, 3
    frame_s = 256 / FINGERPRINT_HZ

    def __init__(self) -> None:
        from audfprint2.cli import setup_analyzer, setup_matcher
        from audfprint2.core.hash_table import HashTable

        self._adder, self._asker = (
            setup_analyzer(20.0, asks, 5, 3, 30.0, 0, FINGERPRINT_HZ, False, None)
            for asks in (False, True)
        )
        self._matcher = setup_matcher(2, 100, 5, 1, False, False, 0.05, False, False, False)
        self._table = HashTable(hashbits=20, depth=100, maxtime=32768)

    def index(self, files: Sequence[Path]) -> None:
        """Store every track's hashes."""
        for file in files:
            hashes = self._hashes(decode(file, FINGERPRINT_HZ).clip.samples, self._adder)
            self._table.store(str(file), [(int(t), int(h)) for t, h in hashes])

    def listen(self, file: Path) -> tuple[Timeline, float]:
        """Analyse a minute at a time, match in windows."""
        start = cpu_s()
        rate_hz, overlap_s = soundfile.info(file).samplerate, 3.0
        rows, at_s = [], 0.0
        frames, overlap = int((self.chunk_s + overlap_s) * rate_hz), int(overlap_s * rate_hz)
        for block in soundfile.blocks(file, frames, overlap, dtype="float32"):
            samples = soxr.resample(block, rate_hz, FINGERPRINT_HZ)
            hashes = self._hashes(samples, self._asker).astype(np.int64)
            hashes[:, 0] += round(at_s / self.frame_s)
            rows.append(hashes)
            at_s += self.chunk_s
        every = np.unique(np.concatenate(rows), axis=0)
        hits: list[Hit] = []
        for begin_s in np.arange(0.0, at_s, self.hop_s):
            first, last = np.searchsorted(
                every[:, 0], np.array([begin_s, begin_s + self.window_s]) / self.frame_s
            )
            asked = every[first:last].copy()
            if len(asked) == 0:
                continue
            asked[:, 0] -= round(begin_s / self.frame_s)
            for row in self._matcher.match_hashes(self._table, asked)[:2]:
                lag_s = float(row[2]) * self.frame_s - begin_s
                name = self._table.names[row[0]]
                hits.append(Hit(name, begin_s, begin_s + self.window_s, lag_s))
        return joined(hits, file, 0.15, self.least_windows), cpu_s() - start

    @staticmethod
    def _hashes(samples: np.ndarray, analyzer) -> np.ndarray:
        from audfprint2.core.analyzer import landmarks2hashes

        rows = []
        for shift in range(analyzer.shifts):
            moved = samples[int(shift / analyzer.shifts * analyzer.n_hop) :]
            found = analyzer.peaks2landmarks(analyzer.find_peaks(moved, FINGERPRINT_HZ))
            rows.append(landmarks2hashes(found))
        return np.unique(np.concatenate(rows), axis=0)


def _fpcalc(file: Path) -> np.ndarray:
    ran = subprocess.run(
        ["fpcalc", "-raw", "-json", "-length", "0", str(file)], capture_output=True, check=False
    )
    # Some versions report an error at the end of each file, after a whole fingerprint.
    found = json.loads(ran.stdout)["fingerprint"] if ran.stdout.strip() else []
    return np.array(found, np.uint32)
