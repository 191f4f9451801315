"""A whole source as a small mono MP3, for pages that carry their sound with them."""

from __future__ import annotations

import io

from earmark.audio._errors import mapped
from earmark.audio.stream import Source, name_of, open_blocks

RATE_HZ = 24_000
KBPS = (24, 32, 40, 48, 64)
"""The bit rates that there are, in thousands a second."""


def as_mp3(source: Source, kbps: int) -> bytes:
    """Return a source as an MP3 of ``kbps`` thousand bits a second.

    Raises
    ------
    InputError
        It cannot be read.
    """
    import av

    data = io.BytesIO()
    with (
        open_blocks(source, RATE_HZ) as blocks,
        mapped(name_of(source)),
        av.open(data, "w", format="mp3") as container,
    ):
        stream = container.add_stream("libmp3lame", rate=RATE_HZ, layout="mono")
        stream.bit_rate = kbps * 1000
        at = 0
        for clip in blocks:
            frame = av.AudioFrame.from_ndarray(clip.samples[None], format="fltp", layout="mono")
            frame.sample_rate = RATE_HZ
            frame.pts = at
            at += len(clip.samples)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return data.getvalue()
