"""A WebM, Ogg or other stream that comes in pieces, decoded as it comes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType

import numpy as np

from earmark.audio.stream import open_blocks
from earmark.errors import EarmarkError, EmptyAudioError
from earmark.types import Samples

FEED_HZ = 48_000
"""The rate that container streams are decoded to: Opus knows no other."""
MOST_WAITING_BYTES = 4_000_000
"""With so many bytes not yet decoded no more should be fed for now."""
_BLOCK_S = 0.1
_HEADER_BYTES = 2000  # so many may all be header, which by itself is no audio that anybody knows


class ContainerFeed:
    """Decodes one stream in a thread of its own; `close` it, or use it in a ``with`` block.

    A thread, because a decoder asks for bytes when it wants them; to decode all bytes anew at
    each piece would cost some fifteen times as much.

    Parameters
    ----------
    name
        What messages call the stream.
    ready
        Called from the decoding thread whenever `read` has something new to say.
    """

    def __init__(self, name: str = "the stream", ready: Callable[[], None] = lambda: None) -> None:
        self.rate_hz = FEED_HZ
        self._name = name
        self._ready = ready
        self._pipe = _Pipe()
        self._out: deque[Samples] = deque()
        self._error: EarmarkError | None = None
        self._thread = threading.Thread(target=self._decode, name="earmark-listen", daemon=True)
        self._thread.start()

    @property
    def waiting_bytes(self) -> int:
        """How many bytes were fed and not yet taken by the decoder."""
        return self._pipe.waiting_bytes

    @property
    def ended(self) -> bool:
        """The decoder is done, and `read` has told all."""
        return not self._thread.is_alive() and not self._out and self._error is None

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream; what comes after its end is dropped."""
        self._pipe.write(data)

    def read(self) -> Samples:
        """Return what was decoded since the last call: float32 of shape (n, 1) at ``rate_hz``.

        Raises
        ------
        InputError
            The bytes are not audio; said once, after all that could be decoded.
        """
        parts = [self._out.popleft() for _ in range(len(self._out))]
        if not parts and self._error is not None:
            error, self._error = self._error, None
            raise error
        return np.concatenate(parts or [np.zeros(0, np.float32)])[:, np.newaxis]

    def finish(self) -> None:
        """Say that no more bytes come, and wait until all are decoded."""
        self._pipe.end()
        self._thread.join()

    def close(self) -> None:
        """Drop what is not decoded yet; the thread ends by itself."""
        self._pipe.end(drop=True)

    def __enter__(self) -> ContainerFeed:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _decode(self) -> None:
        try:
            with open_blocks(
                self._pipe,  # type: ignore[arg-type]  # a live source need only offer read()
                FEED_HZ,
                _BLOCK_S,
                live=True,
                name=self._name,
            ) as stream:
                for clip in stream:
                    self._out.append(clip.samples)
                    self._ready()
        except EmptyAudioError:
            pass
        except EarmarkError as error:
            if self._pipe.total_bytes > _HEADER_BYTES:  # else: stopped before the first sound
                self._error = error
        finally:
            self._pipe.end(drop=True)
            self._ready()


class _Pipe:
    """A pipe of bytes between two threads: all that a live decoder asks of a file."""

    def __init__(self) -> None:
        self.total_bytes = 0
        self.waiting_bytes = 0
        self._pieces: deque[bytes] = deque()
        self._ended = False
        self._changed = threading.Condition()

    def write(self, data: bytes) -> None:
        with self._changed:
            if data and not self._ended:
                self.total_bytes += len(data)
                self._pieces.append(data)
                self.waiting_bytes += len(data)
                self._changed.notify()

    def end(self, *, drop: bool = False) -> None:
        with self._changed:
            self._ended = True
            if drop:
                self._pieces.clear()
                self.waiting_bytes = 0
            self._changed.notify()

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes; none at the end."""
        with self._changed:
            while not self._pieces and not self._ended:
                self._changed.wait()
            if not self._pieces:
                return b""
            data = self._pieces.popleft()
            if len(data) > size:
                self._pieces.appendleft(data[size:])
                data = data[:size]
            self.waiting_bytes -= len(data)
            return data
