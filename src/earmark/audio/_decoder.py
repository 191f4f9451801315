"""One source being decoded: libsndfile first, FFmpeg where that is better or the other fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import cast

from earmark.audio._errors import mapped, not_audio, vendor_errors
from earmark.audio._libav import LibavReader, Readable
from earmark.audio._reader import LIVE_BLOCK_FRAMES, Raw, Reader
from earmark.audio._soundfile import SoundFileReader
from earmark.audio._source import OpenSource, Source, opened
from earmark.audio._truncation import is_cut_off
from earmark.audio.fetch import FetchLimits, is_url, require_http
from earmark.errors import EarmarkError, EmptyAudioError, FetchError


@contextmanager
def decoding(source: Source, name: str, limits: FetchLimits, live: bool) -> Iterator[Decoder]:
    """Yield the decoder of a source and release it afterwards.

    ``live`` reads a URL or a pipe as it comes; anything else is a seekable file by now.
    """
    with ExitStack() as stack:
        if live and not isinstance(source, bytes) and (is_url(source) or hasattr(source, "read")):
            decoder = Decoder(name, _live_reader(source, name, limits), None)
        else:
            opened_source = stack.enter_context(opened(source, name, limits))
            decoder = Decoder(name, _first_reader(opened_source), opened_source)
        stack.callback(decoder.close)
        yield decoder


class Decoder:
    """Raw blocks of one source.

    Attributes
    ----------
    damage : str or None
        A clause on what was missing or skipped, known at the end.
    """

    def __init__(self, name: str, reader: Reader, source: OpenSource | None) -> None:
        self.name = name
        self.damage: str | None = None
        self._reader = reader
        self._source = source

    @property
    def claimed_s(self) -> float | None:
        """How long the container says it is; None when it does not say."""
        return self._reader.claimed_s

    def start(self, start_s: float) -> Raw:
        """Go to the start and return the first block, so that a bad source fails here."""
        with mapped(self.name):
            first = self._seek_and_read(start_s)
        if first is not None:
            return first
        if start_s > 0:
            raise EmptyAudioError(f"{self.name} has no audio from {start_s:g} s on; start earlier")
        if isinstance(self._reader, LibavReader) and self._reader.mostly_damaged:
            raise not_audio(self.name, self._source.head if self._source else b"")
        raise EmptyAudioError(f"{self.name} holds no audio sample; record or export it again")

    def raws(self, first: Raw) -> Iterator[Raw]:
        """Yield the first block and all that follow; take note of damage at the end."""
        raw: Raw | None = first
        while raw is not None:
            yield raw
            try:
                raw = self._read()
            except EarmarkError:
                self.damage, raw = "it could not be read to its end", None
            except vendor_errors():
                self.damage, raw = "it could not be read to its end", None
        self.damage = self.damage or self._reader.damage or self._missing_end()

    def close(self) -> None:
        """Release the decoder at work."""
        self._reader.close()

    def _seek_and_read(self, start_s: float) -> Raw | None:
        if start_s > 0:
            try:
                self._reader.seek(start_s)
            except vendor_errors():
                self._hand_over(start_s)
        return self._read()

    def _read(self) -> Raw | None:
        try:
            return self._reader.read()
        except vendor_errors():
            if not isinstance(self._reader, SoundFileReader):
                raise
            self.damage = "a part of it could not be decoded"
            self._hand_over(self._reader.position_s)
        return self._reader.read()

    def _hand_over(self, position_s: float) -> None:
        if self._source is None or not isinstance(self._reader, SoundFileReader):
            return
        self._reader.close()
        self._reader = _libav(self._source)
        self._reader.seek(position_s)

    def _missing_end(self) -> str | None:
        try:
            cut = self._source is not None and is_cut_off(self._source.file)
        except vendor_errors():
            return None
        return "the file is shorter than its header says" if cut else None


def _first_reader(source: OpenSource) -> Reader:
    try:
        reader = SoundFileReader(source.file)
    except vendor_errors():
        return _libav(source)
    if not reader.is_opus:
        return reader
    reader.close()
    return _libav(source)


def _libav(source: OpenSource) -> LibavReader:
    with mapped(source.name):
        source.file.seek(0)
        try:
            return LibavReader(source.file, source.name)
        except vendor_errors() as error:
            raise not_audio(source.name, source.head) from error


def _live_reader(source: Source, name: str, limits: FetchLimits) -> LibavReader:
    if not isinstance(source, str):
        with mapped(name):
            return LibavReader(
                _ReadOnly(cast(Readable, source)), name, block_frames=LIVE_BLOCK_FRAMES
            )
    require_http(source)
    if limits.public_only:  # FFmpeg goes wherever a redirect or a playlist leads
        raise FetchError(f"{name} cannot be heard live where only public addresses are fetched")
    try:
        return LibavReader(source, name, limits.stall_s, LIVE_BLOCK_FRAMES)
    except vendor_errors() as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise FetchError(
            f"{name} cannot be opened as a stream ({why}); check the address and the network"
        ) from error


class _ReadOnly:
    """Hides ``seek`` and ``tell``, which a pipe has but cannot do."""

    def __init__(self, file: Readable) -> None:
        self._file = file

    def read(self, size: int, /) -> bytes:
        return self._file.read(size)
