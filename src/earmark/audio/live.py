"""A source that sends as it goes - a stream, a pipe, a file that grows - as mono blocks."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from types import TracebackType

import numpy as np

from earmark.audio._guard import Guard
from earmark.audio._live_containers import SCHEMES as _BY_ITSELF
from earmark.audio._live_open import Connection, file_of
from earmark.audio._mono import MonoResampler
from earmark.audio._reader import Raw
from earmark.audio.fetch import DEFAULT_LIMITS, FetchLimits, is_url, shown
from earmark.audio.levels import ABSURD
from earmark.errors import EarmarkError, FetchError, SourceUnreadableError, UsageError
from earmark.types import Samples

STALL_S = 15.0
FOLLOW_S = 30.0
SCHEMES = ("http", "https", *_BY_ITSELF, "file")
_WAITING = 16
"""Blocks of a tenth of a second that wait to be taken: what is not taken stays with the sender."""
_LOOK_S = 0.1
_JOIN_S = 1.5


class LiveFeed:
    """An iterator of mono float32 blocks of about a second, as they come.

    A thread reads and decodes. It ends soon after `close`; where it waits in the system - for a
    pipe, or in FFmpeg for RTMP, RTSP and HLS - it is left alone and ends when its time is over.

    Parameters
    ----------
    address
        An http(s) URL of a stream (Icecast, Shoutcast, a file), of an HLS playlist or of a playlist
        that names a stream; an rtmp(s) or rtsp(s) URL; a path or ``file:`` URL; ``-`` is standard
        input.
    rate_hz
        The rate to deliver.
    stall_s
        How long it may send nothing that can be heard; HLS may for three of its segments.
    follow
        Read a file on as it grows, until nothing was added for ``follow_s``.
    limits
        ``public_only`` refuses addresses that are not public, and RTMP and RTSP as a whole, which
        FFmpeg opens by itself. Whether a file may be read is for the caller to judge.
    guard
        What connects where only public addresses may be; None is `Guard` as it is.
    stop
        Ends it soon after it is set, as `close` does.

    Attributes
    ----------
    name : str
        The address without user name and password.
    live : bool
        Known at the end: whether it was meant to go on.

    Raises
    ------
    UsageError
        An address that cannot be a stream.
    InputError
        While iterating: it cannot be opened, stalls, breaks off, or sends what is no sound.
    """

    def __init__(
        self,
        address: str,
        rate_hz: int,
        *,
        stall_s: float = STALL_S,
        block_s: float = 1.0,
        follow: bool = False,
        follow_s: float = FOLLOW_S,
        limits: FetchLimits = DEFAULT_LIMITS,
        guard: Guard | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self.name = "standard input" if address == "-" else shown(address)
        _require_stream(address, self.name, public_only=limits.public_only)
        self._rate_hz = rate_hz
        self._block_s = block_s
        self._connection = Connection(
            address, self.name, replace(limits, stall_s=stall_s), guard, follow_s if follow else 0.0
        )
        self._read: queue.Queue[Raw | BaseException | None] = queue.Queue(_WAITING)
        self._stop = stop or threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="live feed", daemon=True)

    @property
    def live(self) -> bool:
        """Whether it was meant to go on when it ended."""
        return self._connection.live

    @property
    def clocked(self) -> bool:
        """Whether it comes as time goes by, once the first block has come."""
        return self._connection.clocked

    def __enter__(self) -> LiveFeed:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        self._thread.join(_JOIN_S)

    def close(self) -> None:
        """Stop reading; whoever iterates finds the end. May be called from another thread."""
        self._over.set()
        self._connection.cut()

    def __iter__(self) -> Iterator[Samples]:
        yield from _cut(self._mono(), round(self._block_s * self._rate_hz))

    def _mono(self) -> Iterator[Samples]:
        resampler = MonoResampler(self._rate_hz)
        for raw in self._raws():
            yield resampler.feed(_finite(raw.samples), raw.rate_hz)
        yield resampler.finish()

    def _raws(self) -> Iterator[Raw]:
        """Yield what the thread reads; raise what it raised, or that it is silent."""
        since = time.monotonic()
        while not (self._over.is_set() or self._stop.is_set()):
            try:
                got = self._read.get(timeout=_LOOK_S)
            except queue.Empty:
                if time.monotonic() - since > self._connection.patience_s:
                    self.close()
                    raise self._stalled() from None
                continue
            if got is None:
                return
            if isinstance(got, BaseException):
                raise got
            yield got
            since = time.monotonic()

    def _stalled(self) -> EarmarkError:
        message = f"{self.name} sent nothing for {self._connection.patience_s:g} s"
        return (FetchError if is_url(self.name) else SourceUnreadableError)(message)

    def _work(self) -> None:
        ending: BaseException | None = None
        try:
            for raw in self._connection.raws():
                # A copy: sixteen wait here, and the reader uses its memory again.
                if not self._put(Raw(raw.samples.copy(), raw.rate_hz)):
                    break
        except BaseException as error:  # the one who iterates is told
            ending = error
        self._put(ending)

    def _put(self, item: Raw | BaseException | None) -> bool:
        while not self._over.is_set():
            with suppress(queue.Full):
                self._read.put(item, timeout=_LOOK_S)
                return True
        return False


def is_local(address: str) -> bool:
    """Return whether an address is a file or standard input, and reaches no network."""
    return address == "-" or file_of(address) is not None


def resampled(blocks: Iterable[Samples], source_hz: int, rate_hz: int) -> Iterator[Samples]:
    """Yield blocks of shape (n, channels) as mono blocks at another rate."""
    resampler = MonoResampler(rate_hz)
    for block in blocks:
        yield resampler.feed(_finite(block), source_hz)


def _cut(parts: Iterable[Samples], length: int) -> Iterator[Samples]:
    """Join parts to blocks of at least ``length`` samples."""
    held, count = list[Samples](), 0
    trouble: EarmarkError | None = None
    try:
        for part in parts:
            held.append(part)
            count += len(part)
            if count >= length:
                yield np.concatenate(held)
                held, count = [], 0
    except EarmarkError as error:  # told after what was heard before it
        trouble = error
    if count:
        yield np.concatenate(held)
    if trouble is not None:
        raise trouble


def _finite(samples: Samples) -> Samples:
    """Return samples with what is no number, or absurdly large, as 0."""
    if not samples.size or (samples.max() <= ABSURD and samples.min() >= -ABSURD):
        return samples
    return np.where(np.abs(samples) <= ABSURD, samples, np.float32(0))


def _require_stream(address: str, name: str, *, public_only: bool) -> None:
    scheme = address.partition(":")[0].lower() if is_url(address) else ""
    if scheme and scheme not in SCHEMES:
        message = f"{name} is not an address that can be watched; known are {', '.join(SCHEMES)}"
        raise UsageError(message)
    if public_only and scheme in _BY_ITSELF:
        message = (
            f"{name} cannot be watched where only public addresses are fetched; "
            "use an http or https address"
        )
        raise UsageError(message)
