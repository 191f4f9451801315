"""Ask a library real and hummed clips, and say what each kind of question cost at every stage."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from build import maker_of
from made import CHUNK, SOURCES, Shape
from parts import memory_mb, music, opened, round_trips

from earmark import Library
from earmark.audio.wav import wav_bytes
from earmark.evaluation.hum import hum, manner_of
from earmark.evaluation.noise import NoiseBank
from earmark.evaluation.queries import choose, spoilt
from earmark.types import Answer, Clip, Mode

CONDITIONS = (("clean", 10.0), ("phone", 5.0))
HUMMED_S, SUNG_S = 10.0, 6.0
_RATE_HZ = 16_000
_LIMIT = 10


@dataclass(frozen=True)
class Question:
    """One clip; ``source`` is the track that is right, empty where none is."""

    kind: str
    mode: Mode
    clip: Clip
    source: str


@dataclass(slots=True)
class Reads:
    """What was asked of the posting store."""

    lookups: int = 0
    hashes: int = 0
    postings: int = 0


@dataclass
class Tally:
    """What all questions of one kind came to."""

    right: list[bool] = field(default_factory=list)
    among_ten: list[bool] = field(default_factory=list)
    named: list[bool] = field(default_factory=list)
    synthetic: list[bool] = field(default_factory=list)
    figures: dict[str, list[float]] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """Return shares, and the median and the 90th percentile of each figure."""
        spread = {
            name: {
                "median": round(float(np.median(values)), 2),
                "p90": round(float(np.percentile(values, 90)), 2),
            }
            for name, values in self.figures.items()
        }
        shares = (("right", self.right), ("among_ten", self.among_ten), ("named", self.named))
        return {
            "clips": len(self.right),
            **{name: round(sum(of) / len(of), 4) for name, of in shares},
            **spread,
        }


def ask(
    place: str, clips: int, folder: Path | None, real: int, shape: Shape, seed: int
) -> dict[str, Any]:
    """Ask ``clips`` questions of each kind, each once; one of each kind before is not counted."""
    with opened(place) as library:
        began = time.monotonic()
        reads = counted(library)
        opening_s = time.monotonic() - began
        tallies: dict[str, Tally] = {}
        warm: set[str] = set()
        for question in questions(library, clips, folder, real, shape, seed):
            if question.kind not in warm:
                warm.add(question.kind)
                library.identify(wav_bytes(question.clip), question.mode, _LIMIT)
            _ask(library, question, reads, tallies.setdefault(question.kind, Tally()))
        stats = library.stats()
        foreign = [tally for kind, tally in tallies.items() if kind.endswith("not there")]
        return {
            "library": place.partition("?")[0],
            "tracks": stats.tracks,
            "opened_s": round(opening_s, 2),
            "questions": {kind: tally.told() for kind, tally in tallies.items()},
            "asked_in_vain": sum(len(t.named) for t in foreign),
            "false_alarms": sum(sum(t.named) for t in foreign),
            "false_alarms_synthetic": sum(sum(t.synthetic) for t in foreign),
            "memory": memory_mb(),
            "truth_bytes": stats.truth_bytes,
            "engines": {name: dict(figures) for name, figures in stats.engines.items()},
        }


def counted(library: Library) -> Reads:
    """Open every engine, and count from now on what is read of postings."""
    reads = Reads()
    for name in library._indexes.names:
        library._indexes.current(name)
    store = library._indexes.engine("recording")._postings  # type: ignore[attr-defined]
    lookup = store.lookup

    def counting(hashes: Any) -> Any:
        hits = lookup(hashes)
        reads.lookups += 1
        reads.hashes += len(hashes)
        reads.postings += len(hits.position)
        return hits

    store.lookup = counting
    return reads


def questions(
    library: Library, clips: int, folder: Path | None, real: int, shape: Shape, seed: int
) -> Iterator[Question]:
    """Yield clips of real tracks that are there and that are not, and hums of synthetic ones."""
    parts = music(folder, real, seed)
    bank = NoiseBank.load(None, None, None)
    for condition, length_s in CONDITIONS:
        for tracks, there in ((parts.asked, True), (parts.held_out, False)):
            cut = choose(tracks, [length_s], clips, seed, f"scaled {there}")
            kind = f"recording, {condition} {length_s:g} s, {'there' if there else 'not there'}"
            for query in spoilt(cut, [condition], bank, seed, positive=there):
                source = str(query.source) if there else ""
                yield Question(kind, "recording", query.clip, source)
                if there and condition == "clean":
                    yield Question(f"sound, clean {length_s:g} s", "sound", query.clip, source)
    yield from _hums(library, clips, parts.imitated, shape, seed)


def _hums(
    library: Library, clips: int, imitated: Sequence[Path], shape: Shape, seed: int
) -> Iterator[Question]:
    made = maker_of(library, imitated, shape, seed).chunk(0)
    rng = np.random.default_rng(seed)
    melody = library._indexes.engine("melody").analysis
    there = min(len(made), len(library) - real_tracks(library))
    left = clips
    for place in rng.permutation(there):
        new = made[int(place)]
        tune = melody.unpack(new.features["melody"].data).tune
        sung = tune.onset_s < HUMMED_S
        if not left or float(tune.length_s[sung].sum()) < SUNG_S:
            continue
        left -= 1
        samples = hum(tune, manner_of("hum", tune, rng), rng, length_s=HUMMED_S)
        clip = Clip(samples, _RATE_HZ)
        yield Question(f"melody, hummed {HUMMED_S:g} s", "melody", clip, new.source)


def real_tracks(library: Library) -> int:
    """Return how many of the first tracks are not synthetic."""
    first = library.tracks(limit=CHUNK)
    return sum("synthetic" not in track.tags for track in first)


def _ask(library: Library, question: Question, reads: Reads, tally: Tally) -> None:
    data = wav_bytes(question.clip)
    before = (reads.lookups, reads.hashes, reads.postings, round_trips())
    cpu, wall = time.process_time(), time.perf_counter()
    answer = library.identify(data, question.mode, _LIMIT)
    figures = {
        "ms": 1e3 * (time.perf_counter() - wall),
        "cpu_ms": 1e3 * (time.process_time() - cpu),
        **{f"{name}_ms": ms for name, ms in answer.timing_ms.items()},
    }
    after = (reads.lookups, reads.hashes, reads.postings, round_trips())
    names = ("lookups", "hashes", "postings", "round_trips")
    figures |= {name: float(b - a) for name, a, b in zip(names, before, after, strict=True)}
    for name, value in figures.items():
        tally.figures.setdefault(name, []).append(value)
    found = [match.track.source for match in answer.matches]
    tally.right.append(_first(answer) == question.source != "")
    tally.among_ten.append(question.source in found)
    tally.named.append(bool(found))
    tally.synthetic.append(_first(answer).startswith(SOURCES))


def _first(answer: Answer) -> str:
    return answer.matches[0].track.source if answer.matches else ""
