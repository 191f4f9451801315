"""Live sources opened by FFmpeg: bytes, HLS, RTMP and RTSP."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from earmark.audio._libav import LibavReader
from earmark.audio._live_bytes import Tap
from earmark.audio._live_hls import OPTIONS, HlsOpener
from earmark.audio._reader import LIVE_BLOCK_FRAMES

if TYPE_CHECKING:
    import av

SCHEMES = ("rtmp", "rtmps", "rtsp", "rtsps")
"""What FFmpeg connects to by itself."""
_PROTOCOLS = "rtmp,rtmps,rtmpt,rtsp,rtsps,rtp,tcp,tls,udp,http,https"
_LOOK = {"analyzeduration": "1000000", "probesize": "2000000"}
"""How much is read before the first sample is heard: as live, a second is a second."""
_BUFFER_BYTES = 4096
_KEPT_BYTES = 1 << 18
_FIRST_PAGE = b"OggS\x00\x02"
_MOST_SKIPPED = 1 << 20


def open_bytes(source: Rewinding, name: str) -> LibavReader:
    """Open what a tap sends; raises what PyAV raises."""
    import av

    container = av.open(
        source,
        mode="r",
        # The length in the head of a file that grows is that of long ago.
        options={"protocol_whitelist": "none", "ignore_length": "1", **_LOOK},
        metadata_errors="replace",
        buffer_size=_BUFFER_BYTES,
    )
    source.container = container.format.name
    return _reader(container, name)


def open_hls(url: str, opener: HlsOpener, name: str, stall_s: float) -> LibavReader:
    """Open an HLS playlist through an opener; raises what PyAV and the opener raise."""
    import av

    container = av.open(
        url,
        mode="r",
        format="hls",
        options={**OPTIONS, **_LOOK},
        metadata_errors="replace",
        timeout=(stall_s, stall_s),
        io_open=opener,
    )
    return _reader(container, name)


def open_elsewhere(url: str, name: str, stall_s: float) -> LibavReader:
    """Open an RTMP or RTSP address; raises what PyAV raises."""
    import av

    options = {"protocol_whitelist": _PROTOCOLS, **_LOOK}
    if url.lower().startswith("rtsp"):
        options["rtsp_transport"] = "tcp"
    container = av.open(
        url,
        mode="r",
        options=options,
        metadata_errors="replace",
        timeout=(stall_s, stall_s),
    )
    return _reader(container, name)


def _reader(container: av.container.InputContainer, name: str) -> LibavReader:
    return LibavReader(container, name, block_frames=LIVE_BLOCK_FRAMES)


class Rewinding:
    """A tap that FFmpeg may open again where it lost its way: the last bytes are kept.

    Ogg starts afresh with every song of a station, perhaps at another rate, which FFmpeg does not
    always follow: the new head is among what it has read already.
    """

    def __init__(self, tap: Tap) -> None:
        self._tap = tap
        self._kept: deque[bytes] = deque()
        self._kept_bytes = 0
        self._again = b""
        self.container = ""
        self.ended = False

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most ``size``."""
        if self._again:
            got, self._again = self._again[:size], self._again[size:]
        else:
            got = self._tap.read(size)
        self.ended = not got
        self._keep(got)
        return got

    def lost(self) -> None:
        """Take it that FFmpeg lost its way: the next `read` starts where it may find it again."""
        if self.container != "ogg":
            return
        kept = b"".join(self._kept)
        start = kept.rfind(_FIRST_PAGE, 1)  # at 0 is the head that is known
        rest = kept[start:] + self._again if start >= 0 else self._next_head()
        self._kept.clear()
        self._kept_bytes = 0
        self._again = rest

    def _next_head(self) -> bytes:
        tail, skipped = self._again, 0
        while (at := tail.find(_FIRST_PAGE)) < 0:
            more = self._tap.read(_BUFFER_BYTES)
            skipped += len(more)
            if not more or skipped > _MOST_SKIPPED:
                self.ended = not more
                return b""
            tail = tail[-len(_FIRST_PAGE) :] + more
        return tail[at:]

    def _keep(self, got: bytes) -> None:
        self._kept.append(got)
        self._kept_bytes += len(got)
        while self._kept_bytes - len(self._kept[0]) > _KEPT_BYTES:
            self._kept_bytes -= len(self._kept.popleft())
