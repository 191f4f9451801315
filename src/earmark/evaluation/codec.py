"""What needs ffmpeg's filters and codecs, through PyAV and in memory: tempo, MP3, AAC."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Literal

import av
import numpy as np
from av.filter import Graph

from earmark.errors import UsageError
from earmark.types import Samples

_BLOCK = 4096
_SPLICE_LAG_S = 0.014
"""How far atempo's splices fall behind the nominal position of the input, whatever the ratio.

It joins each window where the last one would have gone on, so it plays late in a faster copy and
early in a slower one; measured on 40 pieces of music at -6 to +6 %, 14 +- 4 ms throughout.
"""


def change_tempo(samples: Samples, rate_hz: int, ratio: float) -> Samples:
    """Play ``ratio`` times faster at unchanged pitch: n samples become about ``n / ratio``.

    Output second t is input second ``t * ratio``, within a few milliseconds.

    Parameters
    ----------
    samples
        Float32 of shape (n,).
    rate_hz
        Their rate.
    ratio
        In [0.5, 2]; above 1 is faster.

    Raises
    ------
    UsageError
        If ``ratio`` is out of range.
    """
    if not 0.5 <= ratio <= 2.0:
        raise UsageError(f"a tempo ratio lies in [0.5, 2], not {ratio}")
    if ratio == 1.0:
        return samples
    lag = round(_SPLICE_LAG_S * rate_hz)
    if ratio < 1.0:
        samples = np.pad(samples, (lag, 0))
    graph = Graph()
    source = graph.add_abuffer(sample_rate=rate_hz, format="flt", layout="mono")
    graph.link_nodes(source, graph.add("atempo", f"{ratio:.9f}"), graph.add("abuffersink"))
    graph.configure()
    blocks: list[Samples] = []
    for frame in _frames(samples, rate_hz):
        graph.push(frame)
        blocks.extend(_pulled(graph))
    graph.push(None)
    blocks.extend(_pulled(graph))
    played = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    return played[round(lag / ratio) :] if ratio > 1.0 else played


def mp3_round_trip(samples: Samples, rate_hz: int, bits_per_second: int = 32_000) -> Samples:
    """Encode to mono MP3 and decode again; same length, sample k stays sample k.

    The encoder writes its delay into the LAME header and the decoder takes it off again.
    ``samples`` must lie within [-1, 1].
    """
    return _round_trip(samples, rate_hz, bits_per_second, "mp3", "libmp3lame")


def aac_round_trip(samples: Samples, rate_hz: int, bits_per_second: int = 48_000) -> Samples:
    """Encode to mono AAC-LC and decode again; same length, sample k stays sample k.

    The edit list of the MP4 file tells the decoder what the encoder put in front. ``samples`` must
    lie within [-1, 1].
    """
    return _round_trip(samples, rate_hz, bits_per_second, "mp4", "aac")


def _round_trip(
    samples: Samples,
    rate_hz: int,
    bits_per_second: int,
    container_format: str,
    codec: Literal["libmp3lame", "aac"],
) -> Samples:
    memory = io.BytesIO()
    with av.open(memory, "w", format=container_format) as container:
        stream = container.add_stream(codec, rate=rate_hz)
        stream.bit_rate = bits_per_second
        stream.layout = "mono"
        stream.format = "fltp"
        for frame in (*_frames(samples, rate_hz, planar=True), None):
            container.mux(stream.encode(frame))
    memory.seek(0)
    with av.open(memory, "r") as container:
        blocks = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
    decoded = np.concatenate(blocks).astype(np.float32)[: len(samples)]
    return np.pad(decoded, (0, len(samples) - len(decoded)))


def _frames(samples: Samples, rate_hz: int, planar: bool = False) -> Iterator[av.AudioFrame]:
    layout = "fltp" if planar else "flt"
    for start in range(0, len(samples), _BLOCK):
        block = np.ascontiguousarray(samples[np.newaxis, start : start + _BLOCK], np.float32)
        frame = av.AudioFrame.from_ndarray(block, format=layout, layout="mono")
        frame.sample_rate = rate_hz
        frame.pts = start
        yield frame


def _pulled(graph: Graph) -> Iterator[Samples]:
    while True:
        try:
            frame = graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return
        yield frame.to_ndarray()[0].astype(np.float32)
