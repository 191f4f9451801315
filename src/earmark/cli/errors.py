"""The one map from errors to exit codes, and the one way to tell a person of an error."""

from __future__ import annotations

import sys

from earmark.errors import EarmarkError, InputError, StoreError

DONE = 0
NO_MATCH = 1
USAGE = 2
BAD_INPUT = 3
STORE = 4
INTERRUPTED = 130


def exit_code(error: EarmarkError) -> int:
    """Return the exit code that an error means.

    >>> from earmark.errors import DiskFullError, NotAudioError, UsageError
    >>> exit_code(UsageError("x")), exit_code(NotAudioError("x")), exit_code(DiskFullError("x"))
    (2, 3, 4)
    """
    if isinstance(error, StoreError):
        return STORE
    return BAD_INPUT if isinstance(error, InputError) else USAGE


def complain(sentence: str) -> None:
    """Write one line to stderr, under the program's name."""
    sys.stdout.flush()
    sys.stderr.write(f"earmark: {' '.join(sentence.split())}\n")
    sys.stderr.flush()
