"""Which file is this? The sha256 of its bytes, whatever it is called."""

from __future__ import annotations

import hashlib
from pathlib import Path

from earmark.audio._errors import mapped


def content_id(source: str | Path | bytes, name: str | None = None) -> str:
    """Return the sha256 of a file's bytes as 64 hex digits, in constant memory.

    Parameters
    ----------
    source
        A path, or the bytes themselves.
    name
        What errors call it; None is its path.

    Raises
    ------
    SourceNotFoundError
        No file is there.
    SourceUnreadableError
        It is a folder or may not be read.

    >>> content_id(b"")[:8]
    'e3b0c442'
    """
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    with mapped(name or str(source)), Path(source).open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
