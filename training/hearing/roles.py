"""Which packages teach what, and which are kept to be asked: split by package, voice, language."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import soundfile

from training.sound.sources import Source, find

HELD_MUSIC = {
    "drascula-music",
    "fretsonfire-songs-sectoid",
    "hedgewars-data",
    "immich-memories-music",
    "supertux-data",
    "warzone2100-music",
    "wesnoth-1.16-music",
}
HELD_VOICES = {
    "asterisk-core-sounds-it-wav",
    "asterisk-core-sounds-ru-wav",
    "asterisk-prompt-it-menardi-wav",
    "fillets-ng-data-nl",
}
"""No Italian and no Dutch teaches; of Russian another voice does."""
HELD_EFFECTS = {"0ad-data", "flightgear-data-base", "warmux-data", "widelands-data", "cube2-data"}
VOICES = re.compile(r"asterisk|festvox-ru|fillets-ng-data-(cs|nl)|tuxpaint.*_desc|klettres")
_NO_VOICE = re.compile(r"beep|tone|silence|music|/moh|ring|transparent")
_INSTRUMENTS = re.compile(r"soundfont|hydrogen|lmms|sonic-pi|ardour|fluid|abgate|drum|music|song")
_HELD_DESCRIPTIONS = re.compile(r"_desc_(it|nl)")
LEAST_MUSIC_S = 30.0
LONGEST_EFFECT_S = 25.0


@dataclass(slots=True)
class Pool:
    """Files of each kind, by package."""

    music: dict[str, list[Source]] = field(default_factory=dict)
    speech: dict[str, list[Source]] = field(default_factory=dict)
    other: dict[str, list[Source]] = field(default_factory=dict)

    def of(self, kind: str) -> dict[str, list[Source]]:
        """Return the packages of a kind."""
        return {"music": self.music, "speech": self.speech, "other": self.other}[kind]


def pools(roots: Iterable[Path]) -> tuple[Pool, Pool]:
    """Return what teaches and what asks, of folders that hold an unpacked package a folder."""
    teach, ask = Pool(), Pool()
    for kind, source, held in _told(roots):
        pool = ask if held else teach
        pool.of(kind).setdefault(source.package, []).append(source)
    return teach, ask


def _told(roots: Iterable[Path]) -> Iterator[tuple[str, Source, bool]]:
    seen: set[str] = set()
    for root in roots:
        known = set(seen)
        for source in find(root):
            if source.package in known or source.inner:
                continue
            seen.add(source.package)
            package, name = source.package, source.name.lower()
            if VOICES.search(name):
                if not _NO_VOICE.search(source.path.name.lower()):
                    held = package in HELD_VOICES or bool(_HELD_DESCRIPTIONS.search(name))
                    yield "speech", source, held
            elif source.kind == "music":
                if _length_s(source) >= LEAST_MUSIC_S:
                    yield "music", source, package in HELD_MUSIC
            elif (
                source.kind == "effect"
                and not _INSTRUMENTS.search(name)
                and 0.05 < _length_s(source) < LONGEST_EFFECT_S
            ):
                yield "other", source, package in HELD_EFFECTS


def _length_s(source: Source) -> float:
    try:
        return float(soundfile.info(source.read()).duration)
    except (soundfile.LibsndfileError, OSError, RuntimeError):
        return 0.0
