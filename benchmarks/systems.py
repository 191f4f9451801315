"""The systems that are compared: each indexes files and names the best track of a clip."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import soundfile
import soxr

from earmark.audio.decode import decode
from earmark.types import Clip


@dataclass(frozen=True)
class Named:
    """The best track of a clip, whatever its score; ``own`` is the system's own yes or no."""

    source: str | None
    score: float
    own: bool
    cpu_ms: float


@dataclass(frozen=True)
class Indexed:
    """What indexing took: CPU after decoding (all processes), and bytes on disk."""

    audio_s: float
    cpu_s: float
    size_bytes: int


class System(Protocol):
    """One fingerprinter."""

    name: str

    def index(self, files: Sequence[Path], told: Callable[[int], None]) -> Indexed:
        """Index every file; ``told`` hears how many are done."""

    def ask(self, clip: Clip) -> Named:
        """Name the best track of a clip at 16 kHz."""


def cpu_s() -> float:
    """Return processor time of this process and of the children it waited for."""
    child = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + child.ru_utime + child.ru_stime


class Earmark:
    """This engine, on a library in a folder."""

    name = "earmark"

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "library"

    def index(self, files: Sequence[Path], told: Callable[[int], None]) -> Indexed:
        """Add the files by `Library.add`; the CPU time is that of analysis and of posting."""
        from earmark.bootstrap import open_parts
        from earmark.config import Settings
        from earmark.library import Library
        from earmark.recording.engine import RecordingEngine
        from earmark.recording.params import HASH_BITS

        settings = Settings(library=str(self._folder), workers=1)
        with Library.open(self._folder, create=True, settings=settings) as library:
            library.add(files, progress=lambda progress: told(progress.done))
            audio_s = library.stats().audio_s
        size = sum(path.stat().st_size for path in self._folder.rglob("*") if path.is_file())
        parts = open_parts(self._folder, settings)
        self._engine: RecordingEngine = parts.open_engine("recording")
        postings = parts.room("recording").postings(HASH_BITS, self._engine.analysis.digest)
        self._bold = RecordingEngine(postings, accept=0.0)
        self._tracks = parts.tracks
        sample = files[:: max(1, len(files) // 20)]
        took = heard = 0.0
        for path in sample:
            clip = decode(path, self._engine.analysis.rate_hz).clip
            start = time.process_time()
            analyser = self._engine.analysis.analyser()
            analyser.feed(clip.samples)
            analyser.finish()
            took += time.process_time() - start
            heard += clip.duration_s
        return Indexed(audio_s, took * audio_s / heard, size)

    def ask(self, clip: Clip) -> Named:
        """Return the best track with its confidence; what was not accepted is asked once more.

        The second search, which accepts everything, only serves to compare at equal false alarms
        and is not timed.
        """
        start = cpu_s()
        found = self._engine.search(clip, 1)
        took = (cpu_s() - start) * 1000.0
        own = bool(found)
        found = found or self._bold.search(clip, 1)
        if not found:
            return Named(None, 0.0, False, took)
        source = self._tracks.by_number([found[0].number])[found[0].number][0].source
        return Named(source, found[0].confidence, own, took)


class Audfprint:
    """audfprint2, called as its command line calls it, without the ffmpeg process in between.

    ``density`` and ``fanout`` are its options ``-n`` and ``-F``; its defaults are 20 and 3. Times
    up to 12 minutes are stored, as its option ``-t 32768`` says.
    """

    def __init__(self, folder: Path, name: str, density: float, fanout: int) -> None:
        from audfprint2.cli import setup_analyzer, setup_matcher
        from audfprint2.core.hash_table import HashTable

        self.name = name
        self._folder = folder
        self._adder, self._asker = (
            setup_analyzer(density, asks, 5, fanout, 30.0, 0, 11025, False, None)
            for asks in (False, True)
        )
        self._matcher = setup_matcher(2, 100, 5, 1, False, False, 0.05, False, False, False)
        self._table = HashTable(hashbits=20, depth=100, maxtime=32768)

    def index(self, files: Sequence[Path], told: Callable[[int], None]) -> Indexed:
        """Store every file's hashes, then save the table as its default format does."""
        took = heard = 0.0
        for done, path in enumerate(files, 1):
            clip = decode(path, 11025).clip
            start = time.process_time()
            hashes = self._hashes(clip.samples, self._adder)
            self._table.store(str(path), [(int(t), int(h)) for t, h in hashes])
            took += time.process_time() - start
            heard += clip.duration_s
            told(done)
        place = self._folder / f"{self.name.split()[0]}-{self._adder.density:g}.pklz"
        self._table.save(str(place))
        return Indexed(heard, took, place.stat().st_size)

    def ask(self, clip: Clip) -> Named:
        """Return the track with the most aligned hashes; fewer than six are not reported."""
        samples = soxr.resample(clip.samples, clip.rate_hz, 11025)
        start = cpu_s()
        hashes = self._hashes(samples, self._asker)
        if len(hashes):
            rows = self._matcher.match_hashes(self._table, hashes)
            if len(rows):
                took = (cpu_s() - start) * 1000.0
                return Named(self._table.names[rows[0][0]], float(rows[0][1]), True, took)
        return Named(None, 0.0, False, (cpu_s() - start) * 1000.0)

    @staticmethod
    def _hashes(samples: np.ndarray, analyzer) -> np.ndarray:
        """Return unique (time, hash) rows over all of the analyser's sub-frame shifts."""
        from audfprint2.core.analyzer import landmarks2hashes

        rows = []
        for shift in range(analyzer.shifts):
            moved = samples[int(shift / analyzer.shifts * analyzer.n_hop) :]
            found = analyzer.peaks2landmarks(analyzer.find_peaks(moved, 11025))
            rows.append(landmarks2hashes(found))
        return np.unique(np.concatenate(rows), axis=0)


class Chromaprint:
    """fpcalc's raw fingerprints, aligned exhaustively: the least bit error rate anywhere.

    AcoustID's server does so to the candidates that its index proposes; here every alignment of
    every track is a candidate, which can only help. Its score is the share of bits that agree;
    asking short clips for more of it (deviations from a coin's) was tried and was worse.
    """

    name = "chromaprint (fpcalc)"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        if shutil.which("fpcalc") is None:
            raise SystemExit("fpcalc is missing: install the Debian package libchromaprint-tools")

    def index(self, files: Sequence[Path], told: Callable[[int], None]) -> Indexed:
        """Keep every file's raw fingerprint; fpcalc's decoding of 16-bit WAV is counted."""
        prints, took, heard = [], 0.0, 0.0
        for done, path in enumerate(files, 1):
            clip = decode(path, 16000).clip
            raw, spent = self._fingerprint(clip)
            prints.append(raw)
            took += spent
            heard += clip.duration_s
            told(done)
        lengths = np.array([len(raw) for raw in prints])
        self._files = [str(path) for path in files]
        self._timeline = np.concatenate(prints)
        self._ends = np.cumsum(lengths)
        place = self._folder / "fpcalc.u32"
        self._timeline.tofile(place)
        return Indexed(heard, took, place.stat().st_size)

    def ask(self, clip: Clip) -> Named:
        """Return the track that holds the alignment of least bit error rate."""
        raw, spent = self._fingerprint(clip)
        start = time.process_time()
        places = len(self._timeline) - len(raw) + 1
        if len(raw) == 0:
            return Named(None, 0.0, False, spent * 1000.0)
        wrong = np.zeros(places, np.uint16)
        for at, item in enumerate(raw):
            wrong += np.bitwise_count(self._timeline[at : at + places] ^ item)
        for end in self._ends[:-1]:  # no alignment reaches into the next track
            wrong[max(0, end - len(raw) + 1) : end] = 32 * len(raw)
        best = int(np.argmin(wrong))
        score = 1.0 - int(wrong[best]) / (32 * len(raw))
        source = self._files[int(np.searchsorted(self._ends, best, side="right"))]
        spent += time.process_time() - start
        return Named(source, float(score), False, spent * 1000.0)

    @staticmethod
    def _fingerprint(clip: Clip) -> tuple[np.ndarray, float]:
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            soundfile.write(file.name, clip.samples, clip.rate_hz, subtype="PCM_16")
            start = cpu_s()
            ran = subprocess.run(
                ["fpcalc", "-raw", "-json", "-length", "0", file.name],
                capture_output=True,
                check=False,
            )
            took = cpu_s() - start
        # Some versions report an error at the end of each file, after a whole fingerprint; a clip
        # too short for one item (2.6 s) leaves nothing.
        found = json.loads(ran.stdout)["fingerprint"] if ran.stdout.strip() else []
        return np.array(found, np.uint32), took
