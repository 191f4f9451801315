"""What comparing sounds costs: time to analyse and to search, and bytes on disk."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from earmark.audio.decode import decode
from earmark.bootstrap import Parts
from earmark.errors import InputError, UsageError
from earmark.sound.analysis import SoundAnalysis
from earmark.sound.index import Opened, SoundIndex

ENGINE = "sound"
_HEARD_S = 120.0
_EACH_S = 30.0
_SEARCHES = 200
_NEIGHBOURS = 88
"""What the engine asks of its store for ten answers."""


def bytes_of(parts: Parts, analysis: SoundAnalysis) -> dict[str, float]:
    """Return what a flushed library takes on disk; raises `UsageError` if nothing sounds in it.

    A window's bytes are those of the index and of the stored features. The statistics, of one
    size in every library, are counted in ``bytes_a_minute`` only.
    """
    index, opened = _opened(parts, analysis)
    numbers = parts.tracks.numbers(ENGINE).tolist()
    truth_bytes = sum(len(stored.data) for _, stored in parts.tracks.features(ENGINE, numbers))
    moments = opened.moments.stats()
    windows = max(1, moments["vectors"])
    on_disk = moments["bytes"] + index.statistics_bytes() + truth_bytes
    return {
        "windows": windows,
        "bytes_a_window": (moments["bytes"] + truth_bytes) / windows,
        "index_bytes_a_window": moments["bytes"] / windows,
        "bytes_a_minute": 60.0 * on_disk / max(1e-9, parts.tracks.totals()["audio_s"]),
    }


def search_ms(parts: Parts, analysis: SoundAnalysis) -> float:
    """Return the median time of the processor to search the store for one track's windows."""
    _, opened = _opened(parts, analysis)
    took_ms: list[float] = []
    for number in opened.moments.known().tolist()[:_SEARCHES]:
        vectors = opened.moments.embedded(number).vectors
        if not took_ms:
            opened.moments.search(vectors, _NEIGHBOURS)  # maps files, loads the kernel
        started = time.process_time()
        opened.moments.search(vectors, _NEIGHBOURS)
        took_ms.append(1000.0 * (time.process_time() - started))
    return float(np.median(took_ms))


def x_real_time(paths: Sequence[str], analysis: SoundAnalysis) -> float:
    """Return how many seconds of audio one second of the processor analyses, once decoded.

    Heard are up to two minutes of the files, those in between as well as the first.
    """
    order = np.random.default_rng(0).permutation(len(paths))
    heard_s = cpu_s = 0.0
    warm = False
    for index in order:
        if heard_s >= _HEARD_S:
            break
        try:
            clip = decode(paths[index], analysis.rate_hz, duration_s=_EACH_S).clip
        except InputError:
            continue
        for _ in range(1 if warm else 2):
            started = time.process_time()
            analyser = analysis.analyser()
            analyser.feed(clip.samples)
            analyser.finish()
            took_s = time.process_time() - started
        warm = True
        heard_s += clip.duration_s
        cpu_s += took_s
    return heard_s / cpu_s if cpu_s > 0.0 else 0.0


def _opened(parts: Parts, analysis: SoundAnalysis) -> tuple[SoundIndex, Opened]:
    index = SoundIndex(parts.room(ENGINE), analysis.params, analysis.digest)
    opened = index.settled()
    if opened is None:
        message = "nothing sounds in any of the clips"
        raise UsageError(message)
    return index, opened
