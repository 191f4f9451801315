"""FFmpeg at work through PyAV: m4a, wma, opus, video containers, live URLs, damaged files."""

from __future__ import annotations

from collections.abc import Generator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import numpy as np
import numpy.typing as npt

from earmark.audio._reader import BLOCK_FRAMES, Raw
from earmark.errors import NotAudioError
from earmark.types import Samples

if TYPE_CHECKING:
    import av
    from av.audio.frame import AudioFrame

_PREROLL_S = 1.0
_SLACK_S = 0.5
_SEEKS_BADLY = {"asf"}
_LIVE_PROTOCOLS = "http,https,tcp,tls,httpproxy,crypto,data"
_MOST_PLANES = 8
_DTYPES = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}
_OFFSETS = {"u8": 128.0}
_SCALES = {"u8": 2.0**-7, "s16": 2.0**-15, "s32": 2.0**-31, "s64": 2.0**-63}


class Readable(Protocol):
    """All that a live pipe needs to offer."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes, none at the end."""


class LibavReader:
    """Reads the best audio stream of a container.

    Parameters
    ----------
    file
        A seekable file; for live audio an http(s) URL, a pipe, or a container that is open. A file
        can open nothing else: a playlist in disguise reaches neither the network nor other files.
    name
        What to call it in messages.
    timeout_s
        How long a live URL may say nothing.
    block_frames
        How many frames to gather before they are handed on.

    Raises
    ------
    NotAudioError
        The container holds no audio stream.
    """

    def __init__(
        self,
        file: BinaryIO | Readable | str | av.container.InputContainer,
        name: str,
        timeout_s: float | None = None,
        block_frames: int = BLOCK_FRAMES,
    ) -> None:
        import av
        from av.audio.stream import AudioStream

        self._errors = av.FFmpegError
        self._container: av.container.InputContainer = (
            file
            if isinstance(file, av.container.InputContainer)
            else _container(file, timeout_s if isinstance(file, str) else None)
        )
        stream = self._container.streams.best("audio")
        if not isinstance(stream, AudioStream):
            self._container.close()
            raise NotAudioError(f"{name} holds no audio stream; choose a file with sound")
        self._stream = stream
        self._block_frames = block_frames
        self._frames = self._decode()
        self._held: AudioFrame | None = None
        self._skip_s = 0.0
        self._end_s = 0.0
        self._good = 0
        self._bad = 0
        self._broke_off = False

    @property
    def claimed_s(self) -> float | None:
        """Length of the audio stream, or else of the container, in seconds."""
        if self._stream_s is not None:
            return self._stream_s
        duration = self._container.duration
        return duration / 1e6 if duration and duration > 0 else None

    @property
    def damage(self) -> str | None:
        """Packets that did not decode, or a container that broke off."""
        if self._bad:
            return f"{self._bad} damaged packets were skipped"
        claimed = self._stream_s
        short = claimed is not None and self._end_s < 0.98 * claimed - _SLACK_S
        return "the container breaks off" if short or self._broke_off else None

    @property
    def mostly_damaged(self) -> bool:
        """More packets failed than decoded: chance finds, not audio."""
        return self._bad > self._good

    def seek(self, position_s: float) -> None:
        """Go to a position: to a packet well before it, then drop samples up to it.

        WMA is decoded from its start: after a jump its samples do not lie where they did.
        """
        self._skip_s = position_s
        target = round(max(0.0, position_s - _PREROLL_S) * 1e6)
        if target == 0 or self._container.format.name in _SEEKS_BADLY:
            return
        try:
            self._container.seek(target + self._container_start)
        except self._errors:
            return
        self._frames = self._decode()
        self._held = next(self._frames, None)
        if self._held is not None:
            self._skip_s = max(0.0, position_s - self._time_of(self._held, position_s))

    def read(self) -> Raw | None:
        """Return about ``block_frames`` frames; fewer where the rate or the layout changes."""
        while (raw := self._gather()) is not None:
            skip = min(len(raw.samples), round(self._skip_s * raw.rate_hz))
            self._skip_s = max(0.0, self._skip_s - raw.duration_s) if skip else 0.0
            if skip < len(raw.samples):
                return Raw(raw.samples[skip:], raw.rate_hz)
        return None

    def close(self) -> None:
        """Close the container."""
        self._frames.close()
        self._container.close()

    def _safe(self, frames: list[AudioFrame]) -> list[AudioFrame]:
        """Return frames whose planes PyAV may count: of 8 planes or more it misses the end."""
        if not any(f.format.is_planar and f.layout.nb_channels >= _MOST_PLANES for f in frames):
            return frames
        from av.audio.resampler import AudioResampler

        packed: list[AudioFrame] = []
        for frame in frames:
            packer = AudioResampler(format=frame.format.packed)
            packed.extend(packer.resample(frame))
        return packed

    @property
    def _stream_s(self) -> float | None:
        stream = self._stream
        if stream.duration is None or stream.time_base is None or stream.duration <= 0:
            return None
        return float(stream.duration * stream.time_base)

    @property
    def _container_start(self) -> int:
        return max(0, self._container.start_time or 0)

    def _time_of(self, frame: AudioFrame, default_s: float) -> float:
        return self._placed_s(frame.pts, frame.time_base, default_s)

    def _placed_s(self, pts: int | None, base: Fraction | None, default_s: float) -> float:
        if pts is None or base is None:
            return default_s
        return pts * base.numerator / base.denominator - self._container_start / 1e6

    def _gather(self) -> Raw | None:
        first = self._held or next(self._frames, None)
        self._held = None
        if first is None:
            return None
        kind = (first.format.name, first.layout.nb_channels, first.sample_rate)
        gathered, count = [first], first.samples
        while count < self._block_frames:
            frame = next(self._frames, None)
            if frame is None:
                break
            if (frame.format.name, frame.layout.nb_channels, frame.sample_rate) != kind:
                self._held = frame
                break
            gathered.append(frame)
            count += frame.samples
        return Raw(_as_float(_rows(gathered, count), kind[0], kind[1]), kind[2])

    def _decode(self) -> Generator[AudioFrame, None, None]:
        packets = self._container.demux(self._stream)
        base: Fraction | None = None  # that of all frames; each frame would make it anew
        while True:
            try:
                packet = next(packets, None)
            except self._errors:
                self._broke_off = True
                return
            if packet is None:
                return
            try:
                frames = self._stream.decode(packet)
            except self._errors:
                self._bad += 1
                continue
            for frame in self._safe(frames):
                if frame.samples:
                    self._good += 1
                    base = base or frame.time_base
                    begin_s = self._placed_s(frame.pts, base, self._end_s)
                    self._end_s = begin_s + frame.samples / frame.sample_rate
                    yield frame


def _container(
    file: BinaryIO | Readable | str, timeout_s: float | None
) -> av.container.InputContainer:
    import av

    return av.open(
        file,
        mode="r",
        options={"protocol_whitelist": _LIVE_PROTOCOLS if isinstance(file, str) else "none"},
        metadata_errors="replace",
        timeout=timeout_s,
    )


def _rows(frames: list[AudioFrame], count: int) -> npt.NDArray[Any]:
    """Return one row a plane of frames of one kind that hold ``count`` samples in all.

    PyAV's own ``to_ndarray`` takes rows that are not there.
    """
    planar = frames[0].format.is_planar
    channels = frames[0].layout.nb_channels
    planes, width = (channels, 1) if planar else (1, channels)
    dtype = np.dtype(_DTYPES[frames[0].format.packed.name])
    rows = np.empty((planes, count * width), dtype)
    at = 0
    for frame in frames:
        length = frame.samples * width
        for row, plane in zip(rows, frame.planes, strict=False):
            row[at : at + length] = np.frombuffer(memoryview(plane), dtype, length)
        at += length
    return rows


def _as_float(values: npt.NDArray[Any], format_name: str, channels: int) -> Samples:
    base = format_name.removesuffix("p")
    frames = values.T if format_name.endswith("p") else values.reshape(-1, channels)
    if base in _SCALES:
        frames = (frames.astype(np.float32) - np.float32(_OFFSETS.get(base, 0.0))) * np.float32(
            _SCALES[base]
        )
    return frames.astype(np.float32, copy=False)
