"""The disk's own errors, in the words of the tree of errors."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from earmark.errors import DiskFullError, StoreError

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def store_faults(what: str) -> Iterator[None]:
    """Turn an `OSError` into `DiskFullError` or `StoreError`.

    Parameters
    ----------
    what
        The beginning of the sentence: "an upload cannot be kept".
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            message = f"{what}: the disk is full; make room and send it again"
            raise DiskFullError(message) from error
        message = f"{what} ({error.strerror or error}); look at the service's folder"
        raise StoreError(message) from error
