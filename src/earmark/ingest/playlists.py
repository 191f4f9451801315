"""Playlists name other files: m3u, m3u8, pls and xspf with local paths or URLs."""

from __future__ import annotations

import html
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from earmark.errors import SourceUnreadableError

SUFFIXES = frozenset({".m3u", ".m3u8", ".pls", ".xspf"})
_LOCATION = re.compile(r"<location>\s*(.*?)\s*</location>", re.DOTALL | re.IGNORECASE)


def read_playlist(path: Path) -> list[str]:
    """Return the entries of a playlist in its order: URLs, or paths made absolute.

    Relative paths count from the playlist's own folder.

    Raises
    ------
    SourceUnreadableError
        The playlist itself cannot be read.
    """
    try:
        text = _decoded(path.read_bytes())
    except OSError as error:
        message = f"the playlist {str(path)!r} cannot be read: {error.strerror}"
        raise SourceUnreadableError(message) from error
    suffix = path.suffix.lower()
    if suffix == ".pls":
        names = _pls(text)
    elif suffix == ".xspf":
        names = [html.unescape(found) for found in _LOCATION.findall(text)]
        names = [name if "://" in name else unquote(name) for name in names]
    else:
        lines = (line.strip() for line in text.splitlines())
        names = [line for line in lines if line and not line.startswith("#")]
    return [_resolved(name, path.absolute().parent) for name in names]


def is_url(name: str) -> bool:
    """Tell a network address from a path.

    >>> is_url("https://example.org/a.mp3"), is_url("a.mp3"), is_url("file:///a.mp3")
    (True, False, False)
    """
    return urlsplit(name).scheme in ("http", "https")


def path_of(name: str) -> str:
    """Return the path of a URL, or a path as it is.

    >>> path_of("https://example.org/a.mid?x=1"), path_of("a.mid")
    ('/a.mid', 'a.mid')
    """
    return urlsplit(name).path if is_url(name) else name


def _pls(text: str) -> list[str]:
    pairs = (line.partition("=") for line in text.splitlines())
    return [value.strip() for key, mark, value in pairs if mark and key.lower().startswith("file")]


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _resolved(name: str, folder: Path) -> str:
    if is_url(name):
        return name
    if name.lower().startswith("file://"):
        name = unquote(urlsplit(name).path)
    return str(folder / name)
