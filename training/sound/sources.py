"""Finds sound files below a folder of unpacked packages, also inside archives, and reads them.

A package is a folder of its own below the root; its name stands for its licence.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

AUDIO = {".ogg", ".oga", ".wav", ".flac", ".mp3", ".opus", ".aif", ".aiff", ".au", ".snd"}
ZIPS = {".pk3", ".zip", ".wz", ".jar", ".sb"}
CARVED = {".rcc", ".cat", ".dat", ".pak", ".wad", ".ocs", ".ocd", ".ocg"}
MOST_CARVED_BYTES = 400_000_000

_MUSIC = re.compile(r"music|/songs?/|soundtrack|/loops/|/moh|background_theme|/bgm")
_VOICE = re.compile(
    r"asterisk|festvox|voice|speech|klettres|alphabet|/words|/lang|dialog|talk|taunt|chatter"
    r"|_desc|unitsounds|acknowledge|/soundswav/|ktuberling|tuxtype|kdm_|/phrases|spoken|numbers"
)


@dataclass(frozen=True, slots=True)
class Source:
    """One sound file: its package, a path that tells it apart, and where its bytes lie.

    ``inner`` is a name inside a zip, or ``start:stop`` of bytes inside another file.
    """

    package: str
    path: Path
    inner: str = ""

    @property
    def name(self) -> str:
        """What tells this file from all others."""
        return f"{self.path}!{self.inner}" if self.inner else str(self.path)

    @property
    def kind(self) -> str:
        """`music`, `voice` or `effect`, told by the words in its path from its package on."""
        words = self.name[max(0, self.name.find(f"/{self.package}/")) :].lower()
        if _MUSIC.search(words):
            return "music"
        return "voice" if _VOICE.search(words) else "effect"

    def read(self) -> io.BytesIO:
        """Return the file's bytes."""
        if not self.inner:
            return io.BytesIO(self.path.read_bytes())
        if self.path.suffix.lower() in ZIPS:
            with zipfile.ZipFile(self.path) as archive:
                return io.BytesIO(archive.read(self.inner))
        start, stop = (int(part) for part in self.inner.split(":"))
        with self.path.open("rb") as file:
            file.seek(start)
            return io.BytesIO(file.read(stop - start))


def find(root: Path) -> Iterator[Source]:
    """Yield the sound files of every package below the root, in the order of their paths."""
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        for path in sorted(folder.rglob("*")):
            suffix = path.suffix.lower()
            if path.is_symlink() or not path.is_file():
                continue
            if suffix in AUDIO:
                yield Source(folder.name, path)
            elif suffix in ZIPS and zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    names = [n for n in archive.namelist() if Path(n).suffix.lower() in AUDIO]
                yield from (Source(folder.name, path, name) for name in names)
            elif suffix in CARVED and path.stat().st_size < MOST_CARVED_BYTES:
                for start, stop in carve(path.read_bytes()):
                    yield Source(folder.name, path, f"{start}:{stop}")


def carve(data: bytes) -> list[tuple[int, int]]:
    """Return where whole WAV and Ogg files begin and end inside other bytes."""
    found = []
    at = 0
    while True:
        wav, ogg = data.find(b"RIFF", at), data.find(b"OggS", at)
        if wav < 0 and ogg < 0:
            return found
        if ogg < 0 or 0 <= wav < ogg:
            stop = wav + 8 + int.from_bytes(data[wav + 4 : wav + 8], "little")
            whole = data[wav + 8 : wav + 12] == b"WAVE" and stop <= len(data)
            start = wav
        else:
            start, stop = ogg, _ogg_end(data, ogg)
            whole = stop > start
        if whole:
            found.append((start, stop))
        at = stop if whole else start + 4


def _ogg_end(data: bytes, at: int) -> int:
    """Return where the stream that begins here ends, or its beginning where it is cut off."""
    start = at
    while data[at : at + 5] == b"OggS\0" and at + 27 <= len(data):
        segments = data[at + 26]
        last = bool(data[at + 5] & 4)
        at += 27 + segments + sum(data[at + 27 : at + 27 + segments])
        if last:
            return at if at <= len(data) else start
    return start
