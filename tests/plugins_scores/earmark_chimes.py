"""The engine ``tones`` once more, which reads scores besides: hertz in text, one tone a frame.

A ``.chimes`` file is one piece, or a book whose pieces begin with ``= NUMBER TITLE`` lines. What is
attached to a recording is found instead of what was heard. Tracks of the same tune are one finding.
``EARMARK_CHIMES_DIGEST`` stands for a change of parameters.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from earmark.errors import NoMelodyError, NotAScoreError, UsageError
from earmark.hearing import VOICED_S, tell
from earmark.ports import IndexRoom, Posted, ReadScore
from earmark.types import Clip, Contours, Evidence, Finding

_PATH = Path(__file__).parents[1] / "plugins" / "earmark_tones.py"
_spec = importlib.util.spec_from_file_location("earmark_chimes_tones", _PATH)
tones = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tones)

STEP_S = tones.FRAME / tones.RATE_HZ
BIN_HZ = tones.RATE_HZ / tones.FRAME
_PIECE = re.compile(r"^= *(\d+) *(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Chimes:
    heard: np.ndarray
    score: np.ndarray | None = None

    @property
    def tune(self) -> np.ndarray:
        return self.heard if self.score is None else self.score


class ChimesAnalyser:
    def __init__(self) -> None:
        self._tones = tones.TonesAnalyser()

    def feed(self, samples: np.ndarray) -> None:
        self._tones.feed(samples)

    def finish(self) -> Chimes:
        return Chimes(self._tones.finish())


class ChimesAnalysis:
    name = "chimes"
    rate_hz = tones.RATE_HZ
    suffixes = frozenset({".chimes"})
    books = suffixes

    @property
    def digest(self) -> str:
        return os.environ.get("EARMARK_CHIMES_DIGEST", "chimes-1")

    def analyser(self) -> ChimesAnalyser:
        return ChimesAnalyser()

    def pack(self, features: Chimes) -> bytes:
        score = b"" if features.score is None else b"S" + features.score.tobytes()
        return len(features.heard).to_bytes(4, "little") + features.heard.tobytes() + score

    def unpack(self, data: bytes) -> Chimes:
        count = int.from_bytes(data[:4], "little")
        heard = np.frombuffer(data, np.uint32, count, 4)
        rest = data[4 + 4 * count :]
        return Chimes(heard, np.frombuffer(rest[1:], np.uint32) if rest else None)

    def pieces(self, data: bytes, name: str) -> list[str]:
        numbers = [found[1] for found in _PIECE.finditer(data.decode(errors="replace"))]
        return numbers if len(numbers) > 1 else []

    def read(self, data: bytes, name: str, part: str | None = None) -> ReadScore[Chimes]:
        title, text = "", data.decode(errors="replace")
        if part is not None:
            found = {m[1]: (m[2], m.end()) for m in _PIECE.finditer(text)}
            if part not in found:
                message = f"{name} has no piece {part!r}"
                raise UsageError(message)
            title, begin = found[part]
            text = text[begin:].partition("=")[0]
        try:
            bins = np.array([round(float(word) / BIN_HZ) for word in text.split()], np.uint32)
        except ValueError as error:
            message = f"{name} is not a list of tones"
            raise NotAScoreError(message) from error
        if not len(bins):
            message = f"{name} holds no tones"
            raise NoMelodyError(message)
        return ReadScore(Chimes(np.zeros(0, np.uint32), bins), len(bins) * STEP_S, title, "Chimer")

    def attach(self, features: Chimes, read: Chimes) -> Chimes:
        return replace(features, score=read.score)

    def detach(self, features: Chimes) -> Chimes:
        return replace(features, score=None)

    def keep(self, old: Chimes, new: Chimes) -> Chimes:
        return replace(new, score=old.score)


class ChimesEngine(tones.TonesEngine):
    def __init__(self, room: IndexRoom) -> None:
        self.analysis = ChimesAnalysis()
        self._postings = room.postings(tones.HASH_BITS, self.analysis.digest)

    def add(self, items: Iterable[tuple[int, Chimes]]) -> None:
        self._postings.add(
            Posted(
                number,
                np.ascontiguousarray(found.tune),
                np.arange(len(found.tune), dtype=np.uint32),
                max(1, len(found.tune)),
                np.frombuffer(found.tune.tobytes(), np.uint8),
            )
            for number, found in items
        )

    def search(self, clip: Clip, limit: int) -> list[Finding]:
        tell(VOICED_S, clip.duration_s / 2)
        groups: dict[bytes, list[Finding]] = {}
        for finding in super().search(clip, 100):
            tune = bytes(self._postings.payload(finding.number))
            groups.setdefault(tune, []).append(finding)
        bins = tones._bins(clip.samples).astype(np.float32)
        times_s = np.arange(len(bins), dtype=np.float32) * np.float32(STEP_S)
        lines = Contours(times_s, bins / 10, bins / 10)
        return [
            replace(
                best,
                evidence=Evidence(best.evidence.figures, contours=lines),
                alike=tuple(other.number for other in others),
            )
            for best, *others in groups.values()
        ][:limit]


def plugin(room: IndexRoom) -> ChimesEngine:
    return ChimesEngine(room)
