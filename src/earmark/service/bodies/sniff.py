"""What an upload looks like by its first bytes: what is clearly no audio is not even tried."""

from __future__ import annotations

import re
from pathlib import PurePath

from earmark.errors import MediaTypeError

HEAD_BYTES = 4096
"""How much of a file `require_audio` wants to see."""

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"\xca\xfe\xba\xbe", "a program"),
    (b"\xcf\xfa\xed\xfe", "a program"),
    (b"\x00asm", "a program"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"\x89PNG\r\n\x1a\n", "a picture (PNG)"),
    (b"GIF8", "a picture (GIF)"),
    (b"II*\x00", "a picture (TIFF)"),
    (b"MM\x00*", "a picture (TIFF)"),
    (b"8BPS", "a picture (Photoshop)"),
    (b"SQLite format 3\x00", "a database"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document"),
    (b"{\\rtf", "a text document (RTF)"),
)
_PICTURE_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1")
_PLAYLISTS = re.compile(
    rb"#EXTM3U|\[playlist\]|ffconcat|<MPD\b|<smil\b|<\?xml[^>]*>\s*(<!--.*?-->\s*)*<playlist\b"
    rb"|<playlist\b",
    re.IGNORECASE | re.DOTALL,
)
_PAGE = re.compile(rb"<!doctype html|<html|<head|<body|<script", re.IGNORECASE)
_ENDINGS: tuple[tuple[bytes, str], ...] = (
    (b"fLaC", ".flac"),
    (b"OggS", ".ogg"),
    (b"ID3", ".mp3"),
    (b"\xff\xfb", ".mp3"),
    (b"\xff\xf3", ".mp3"),
    (b"\xff\xf1", ".aac"),
    (b"\x1aE\xdf\xa3", ".webm"),
    (b"FORM", ".aiff"),
    (b"caff", ".caf"),
    (b"MThd", ".mid"),
)


def require_audio(head: bytes, name: str) -> None:
    """Raise `MediaTypeError` for what is clearly no audio, nor a score by its name.

    Parameters
    ----------
    head
        The first `HEAD_BYTES` of the file, or all of it.
    name
        What to call it; a score's ending lets text, XML and ZIP pass: some scores are that.
    """
    kind = looks_like(head)
    if kind is None:
        return
    readable = kind.startswith(("plain text", "XML", "a ZIP"))
    if readable and PurePath(name).suffix.lower() in _score_endings():
        return
    if kind == "a playlist":
        message = f"{name!r} is a playlist, not audio; send the files it names"
    else:
        message = f"{name!r} looks like {kind}, not audio; send a sound file"
    raise MediaTypeError(message)


def looks_like(head: bytes) -> str | None:
    """Return what a file is where that is clearly no audio, else None.

    >>> looks_like(b"<!DOCTYPE html>"), looks_like(b"RIFF....WAVEfmt "), looks_like(b"hello")
    ('a web page', None, 'plain text')
    """
    head = head[:HEAD_BYTES]
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "a picture (WebP)"
    if head[4:8] == b"ftyp" and head[8:12] in _PICTURE_BRANDS:
        return "a picture (HEIF)"
    if head[:2] == b"BM" and head[6:10] == b"\x00\x00\x00\x00":
        return "a picture (BMP)"
    if head[257:262] == b"ustar":
        return "a TAR archive"
    return _text_kind(head)


def ending_of(head: bytes) -> str:
    """Return the usual ending of a sound file that came without a name, or nothing.

    >>> ending_of(b"fLaC...."), ending_of(b"????")
    ('.flac', '')
    """
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return ".wav"
    if head[4:8] == b"ftyp":
        return ".m4a"
    return next((ending for magic, ending in _ENDINGS if head.startswith(magic)), "")


def _text_kind(head: bytes) -> str | None:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) and _is_utf16(head):
        return "plain text"
    body = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if _PLAYLISTS.match(body):
        return "a playlist"
    if _PAGE.match(body):
        return "a web page"
    if body.startswith(b"<?xml") or body.lower().startswith(b"<svg"):
        return "XML"
    if body.startswith(b"#!"):
        return "a program"
    return "plain text" if body and not ending_of(head) and _is_text(head) else None


def _is_text(head: bytes) -> bool:
    """Tell text from sound: valid UTF-8 (but for a letter cut off) without control characters."""
    if any(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head):
        return False
    for cut in range(4 if len(head) >= HEAD_BYTES else 1):
        try:
            head[: len(head) - cut].decode()
        except UnicodeDecodeError:
            continue
        return True
    return False


def _is_utf16(head: bytes) -> bool:
    # MPEG audio may begin with these two bytes as well: text has only printable characters.
    try:
        text = head[: len(head) // 2 * 2].decode("utf-16")
    except UnicodeDecodeError:
        return False
    return all(c.isprintable() or c in "\t\n\r" for c in text)


def _score_endings() -> frozenset[str]:
    from earmark.melody.score import SUFFIXES

    return frozenset(SUFFIXES)
