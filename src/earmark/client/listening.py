"""Listening as messages: what is sent, and what comes back. The sockets are elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from earmark.client.decode import read_answer
from earmark.client.refusals import told
from earmark.client.shapes import number, readable, table, text, whole
from earmark.errors import EarmarkError, ServiceError, UsageError
from earmark.types import Answer, Mode

Format = Literal["pcm_s16le", "pcm_f32le", "container"]
Block: TypeAlias = npt.NDArray[np.float32] | bytes
Message: TypeAlias = str | bytes

FRAME_BYTES = 1 << 18
"""Frames are at most so long; the service takes up to 1 MiB."""
_WIDTHS = {"pcm_s16le": 2, "pcm_f32le": 4, "container": 1}


@dataclass(frozen=True, slots=True)
class Ready:
    """The service listens, for at most ``limit_s`` seconds of sound."""

    limit_s: float


@dataclass(frozen=True, slots=True)
class Level:
    """How loud it is at ``at_s``; ``verdict`` is ``ok``, ``quiet``, ``silent`` or ``clipped``."""

    at_s: float
    level_dbfs: float
    peak_dbfs: float
    verdict: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What the sound up to ``at_s`` is: ``partial`` is not certain yet, the others are final."""

    kind: Literal["partial", "match", "no_match"]
    at_s: float
    answer: Answer


@dataclass(frozen=True, slots=True)
class Ended:
    """The service has stopped listening: ``certain``, at its ``limit``, or ``stopped`` by you."""

    reason: str
    at_s: float


ListenEvent: TypeAlias = Ready | Level | Heard | Ended


class Talk:
    """One conversation: packs blocks of sound, reads events, knows when it is over.

    Parameters
    ----------
    format
        How blocks of bytes are to be read; arrays are always float32.
    """

    def __init__(
        self,
        rate_hz: int,
        channels: int,
        format: Format,  # noqa: A002 - the protocol's word
        mode: Mode,
        limit: int,
        drawing: bool,
    ) -> None:
        if format not in _WIDTHS:
            message = f"no format {format!r}; there are: {', '.join(_WIDTHS)}"
            raise UsageError(message)
        self.ended = False
        self._format: Format = format
        self._channels = channels
        self._start = {"rate_hz": rate_hz, "mode": mode, "limit": limit, "drawing": drawing}
        self._begun: tuple[str, int] | None = None

    def pack(self, block: Block) -> Iterator[Message]:
        """Yield the messages for one block; the first one begins the conversation.

        Raises
        ------
        UsageError
            The block is neither bytes nor an array of floats, or unlike the first one.
        """
        if isinstance(block, bytes | bytearray | memoryview):
            data, kind = bytes(block), (str(self._format), self._channels)
        else:
            samples = _samples(block)
            kind = ("pcm_f32le", samples.shape[1])
            data = samples.astype("<f4", order="C").tobytes()
        yield from self._begin(kind)
        step = FRAME_BYTES - FRAME_BYTES % (_WIDTHS[kind[0]] * kind[1])
        for at in range(0, len(data), step):
            yield data[at : at + step]

    def finish(self) -> Iterator[Message]:
        """Yield what says that there is no more."""
        yield from self._begin(self._begun or (str(self._format), self._channels))
        yield json.dumps({"type": "stop"})

    def messages(self, blocks: Iterable[Block]) -> Iterator[Message]:
        """Yield the messages for all blocks, taking each when the last one is sent."""
        for block in blocks:
            yield from self.pack(block)
        yield from self.finish()

    def hear(self, message: Message) -> tuple[ListenEvent, ...]:
        """Return the event that a message tells; nothing for one of a kind not known here.

        Raises
        ------
        EarmarkError
            The service told of an error: of the class of its code.
        ServiceError
            This is no event.
        """
        with readable("a message while listening"):
            shape = table(json.loads(message))
            if text(shape["type"]) == "error":
                raise _error(shape)
            event = _event(shape)
        self.ended = isinstance(event, Ended)
        return () if event is None else (event,)

    def _begin(self, kind: tuple[str, int]) -> Iterator[Message]:
        if self._begun is None:
            self._begun = kind
            start = {"type": "start", "format": kind[0], "channels": kind[1], **self._start}
            yield json.dumps(start)
        elif self._begun != kind:
            message = f"a block is {kind}, but the first one was {self._begun}; send one kind"
            raise UsageError(message)


def _error(shape: Mapping[str, Any]) -> EarmarkError:
    wait_s = shape.get("retry_after_s")
    error = told(
        shape,
        whole(shape.get("status", 500)),
        None if wait_s is None else number(wait_s),
        text(shape.get("request_id", "")),
    )
    return error or ServiceError("the service stopped listening and did not say why")


def _samples(block: Any) -> npt.NDArray[np.floating[Any]]:  # noqa: ANN401 - it is checked here
    """Return an array of shape (n, channels)."""
    if not isinstance(block, np.ndarray) or block.dtype.kind != "f" or block.ndim not in (1, 2):
        what = getattr(block, "dtype", None) or type(block).__name__
        message = (
            f"a block is bytes, or an array of floats of shape (n,) or (n, channels), got {what}"
        )
        raise UsageError(message)
    return block.reshape(len(block), -1) if block.ndim == 2 else block[:, np.newaxis]


def _event(shape: Any) -> ListenEvent | None:  # noqa: ANN401
    kind = shape["type"]
    if kind == "ready":
        return Ready(number(shape["limit_s"]))
    if kind == "level":
        return Level(
            at_s=number(shape["at_s"]),
            level_dbfs=number(shape["level_dbfs"]),
            peak_dbfs=number(shape["peak_dbfs"]),
            verdict=text(shape["verdict"]),
        )
    if kind in {"partial", "match", "no_match"}:
        said = cast(Literal["partial", "match", "no_match"], kind)
        return Heard(said, number(shape["at_s"]), read_answer(shape["answer"]))
    if kind == "end":
        return Ended(text(shape["reason"]), number(shape["at_s"]))
    return None
