"""A file that is fetched: there when it is whole, or not at all."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def fetched_file(path: Path) -> Iterator[Callable[[bytes], object]]:
    """Yield what writes to ``path``, which appears under its name when the block ends well.

    Raises
    ------
    DiskFullError, StoreError
        It cannot be written.
    """
    from earmark.homes import store_errors

    unfinished = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.unfinished")
    with store_errors(path):
        try:
            with unfinished.open("xb") as file:
                yield file.write
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
