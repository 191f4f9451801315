"""A worker process: reads jobs on stdin, answers on stdout, knows nothing of the library.

Started with ``python -c`` rather than through multiprocessing: the caller's ``__main__`` is not
run again, so `Library.add` works in scripts without a guard, in notebooks and in services. Frames
are a length (8 bytes, big endian) and a pickle; both ends are this program.
"""

from __future__ import annotations

import os
import pickle
import signal
import struct
import sys
import traceback
from dataclasses import dataclass
from typing import Any, BinaryIO

from earmark.errors import EarmarkError
from earmark.reports import Failure

LENGTH = struct.Struct(">Q")


@dataclass(frozen=True, slots=True)
class Crash:
    """A bug met in a worker: not an `EarmarkError`, told with its traceback."""

    summary: str
    details: str


def frame(value: object) -> bytes:
    """Return one frame; raises what pickle raises."""
    data = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(data)) + data


def send(pipe: BinaryIO, data: bytes) -> None:
    """Write one frame."""
    pipe.write(data)
    pipe.flush()


def receive(pipe: BinaryIO) -> Any:  # noqa: ANN401 - whatever the other end sent
    """Read one frame; raises EOFError where the other end is gone."""
    head = pipe.read(LENGTH.size)
    if len(head) < LENGTH.size:
        raise EOFError
    (length,) = LENGTH.unpack(head)
    data = pipe.read(length)
    if len(data) < length:
        raise EOFError
    return pickle.loads(data)  # noqa: S301 - written by our own parent or child


def main() -> None:
    """Serve until stdin ends; the first frame holds the analyses and the settings."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    jobs = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    # Decoders written in C print what they dislike: keep that away from the frames.
    quiet = os.open(os.devnull, os.O_RDWR)
    os.dup2(quiet, 0)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    try:
        perform = receive(jobs)
        while True:
            job = receive(jobs)
            send(replies, frame(_reply(perform, job)))
    except (EOFError, BrokenPipeError):
        sys.exit(0)


def _reply(perform: Any, job: Any) -> object:  # noqa: ANN401 - the pool's types
    try:
        return perform(job)
    except EarmarkError as error:
        return Failure.of("", error)
    except Exception as error:  # a bug for one file must not end the run
        return Crash(f"{type(error).__name__}: {error}", traceback.format_exc())
