"""The list of hummed queries that ``earmark bench melody`` asks: JSON lines, checked at once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from earmark.errors import SourceNotFoundError, UsageError


@dataclass(frozen=True, slots=True)
class HumQuery:
    """A file of somebody's hum, the reference it means, and a word to tell figures apart by."""

    path: Path
    song: str
    group: str


def read_queries(queries: Path) -> list[HumQuery]:
    """Return the queries of a file of JSON lines; paths in it are relative to the file.

    Raises
    ------
    UsageError
        A line is not what is expected, or there is none.
    SourceNotFoundError
        The file, or one that it names, is not there.
    """
    try:
        lines = queries.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        message = f"{queries} cannot be read ({reason}); name a file of JSON lines"
        raise SourceNotFoundError(message) from error
    asked = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            shape = json.loads(line)
            path, song = queries.parent / str(shape["query"]), str(shape["song"])
            asked.append(HumQuery(path, song, str(shape.get("group", ""))))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            message = f'{queries}, line {number}: expected {{"query": PATH, "song": NAME}}'
            raise UsageError(message) from error
        if not path.exists():
            message = f"{queries}, line {number}: {path} does not exist; check the path"
            raise SourceNotFoundError(message)
    if not asked:
        message = f"{queries} holds no query"
        raise UsageError(message)
    return asked
