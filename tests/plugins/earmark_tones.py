"""A whole engine in little: which steady tones follow one another? Real, small, for the tests.

Found through an entry point like any plug-in; it takes the place of the built-in ``sound``.
``EARMARK_TONES_DIGEST`` stands for a change of parameters; ``EARMARK_TONES_DIE`` names a word in a
file at which the worker process is killed.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from earmark.errors import AudioTooShortError
from earmark.ports import IndexRoom, Posted
from earmark.timing import lap
from earmark.types import Clip, Evidence, Finding, Segment, Span

RATE_HZ = 8000
FRAME = 2000  # 0.25 s, so bins are 4 Hz wide
HASH_BITS = 22
NEEDED = 4
DEADLY_HZ = 3900.0  # a tone that ends the process that analyses it, as a lack of memory would


def _bins(samples: np.ndarray) -> np.ndarray:
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    return np.abs(np.fft.rfft(frames, axis=1)).argmax(axis=1).astype(np.uint32)


class TonesAnalyser:
    def __init__(self) -> None:
        self._parts: list[np.ndarray] = []

    def feed(self, samples: np.ndarray) -> None:
        self._parts.append(samples)

    def finish(self) -> np.ndarray:
        bins = _bins(np.concatenate(self._parts))
        if os.environ.get("EARMARK_TONES_DIE") and DEADLY_HZ * FRAME / RATE_HZ in bins:
            os.kill(os.getpid(), signal.SIGKILL)
        return bins


class TonesAnalysis:
    name = "sound"
    rate_hz = RATE_HZ

    @property
    def digest(self) -> str:
        return os.environ.get("EARMARK_TONES_DIGEST", "tones-1")

    def analyser(self) -> TonesAnalyser:
        return TonesAnalyser()

    def pack(self, features: np.ndarray) -> bytes:
        return features.tobytes()

    def unpack(self, data: bytes) -> np.ndarray:
        return np.frombuffer(data, np.uint32)


class TonesEngine:
    kind = "sound"

    def __init__(self, room: IndexRoom) -> None:
        self.analysis = TonesAnalysis()
        self._postings = room.postings(HASH_BITS, self.analysis.digest)

    def known(self) -> np.ndarray:
        return self._postings.known()

    def add(self, items: Iterable[tuple[int, np.ndarray]]) -> None:
        self._postings.add(
            Posted(
                number,
                np.ascontiguousarray(bins),
                np.arange(len(bins), dtype=np.uint32),
                max(1, len(bins)),
                np.zeros(0, np.uint8),
            )
            for number, bins in items
        )

    def remove(self, numbers: Sequence[int]) -> None:
        self._postings.remove(numbers)

    def flush(self) -> None:
        self._postings.flush()

    def reload(self) -> None:
        self._postings.reload()

    def drop(self) -> None:
        self._postings.drop()

    def search(self, clip: Clip, limit: int) -> list[Finding]:
        with lap("analyse"):
            bins = _bins(clip.samples)
        if len(bins) < NEEDED:
            message = f"{clip.duration_s:.2f} s is too short to identify; give at least 1 s"
            raise AudioTooShortError(message)
        hits = self._postings.lookup(bins)
        numbers, frames = self._postings.locate(hits.position)
        queried = hits.query_index.astype(np.int64)
        offsets = frames - queried
        votes = Counter(zip(numbers.tolist(), offsets.tolist(), strict=True))
        found: dict[int, Finding] = {}
        for (number, offset), count in votes.most_common():
            if number >= 0 and count >= NEEDED and number not in found:
                aligned = queried[(numbers == number) & (offsets == offset)]
                found[number] = self._finding(number, offset, aligned)
        return list(found.values())[:limit]

    def _finding(self, number: int, offset: int, aligned: np.ndarray) -> Finding:
        step = FRAME / RATE_HZ
        first, last = int(aligned.min()), int(aligned.max()) + 1
        query = Span(first * step, last * step)
        reference = Span((offset + first) * step, (offset + last) * step)
        count = len(aligned)
        confidence = min(1.0, count / (last - first))
        segments = (Segment(query, reference),)
        evidence = Evidence({"aligned": count})
        return Finding("sound", number, confidence, float(count), segments, 1.0, 0.0, evidence)

    def stats(self) -> dict[str, int]:
        return dict(self._postings.stats())

    def verify(self) -> list[str]:
        return self._postings.verify()


def plugin(room: IndexRoom) -> TonesEngine:
    return TonesEngine(room)
