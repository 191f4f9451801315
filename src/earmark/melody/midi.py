"""A MIDI file as parts in seconds: every tempo of every track counts, drums are left out."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from earmark.errors import NotAScoreError
from earmark.melody.part import Part, Sheet, part_of

SUFFIXES = frozenset({".mid", ".midi", ".kar", ".rmi"})
DRUMS = 9
"""The channel of General MIDI's percussion, counted from 0."""
_DEFAULT_TEMPO = 500_000  # microseconds a quarter note: 120 a minute
_BREAKS = "\\/"  # karaoke files begin a syllable that opens a line or a verse with one of these

Note = tuple[float, float, float]

_NO_TITLES = frozenset({"untitled", "new song", "track 1", "midi"})
"""What sequencers write where nobody named the song: the file's name says more."""


@dataclass(slots=True)
class _Track:
    """One track, or one channel of a file with a single track; times in ticks."""

    name: str = ""
    notes: list[tuple[int, int, int]] = field(default_factory=list)
    program: int = -1


@dataclass(slots=True)
class _Events:
    """All that a file says, times in ticks."""

    tracks: dict[tuple[int, int], _Track] = field(default_factory=lambda: defaultdict(_Track))
    names: dict[int, str] = field(default_factory=dict)
    tempi: list[tuple[int, int]] = field(default_factory=list)
    lyrics: list[int] = field(default_factory=list)
    texts: list[tuple[int, str]] = field(default_factory=list)
    drum_notes: int = 0


def read_midi(data: bytes, name: str) -> Sheet:
    """Return the parts of a MIDI file: one a track, or one a channel where one track has all.

    Parameters
    ----------
    data
        A standard MIDI file of type 0, 1 or 2, bare or in a RIFF container.
    name
        What error messages call it.

    Raises
    ------
    NotAScoreError
        The bytes are no MIDI file, or damaged.
    """
    import mido

    try:
        file = mido.MidiFile(file=io.BytesIO(_unwrapped(data)), clip=True)
    except Exception as error:  # mido raises whatever damaged bytes lead it to
        message = f"{name} is not a MIDI file, or is damaged; export it again"
        raise NotAScoreError(message) from error
    events = _Events()
    for index, track in enumerate(file.tracks):
        _gather(index, track, events)
    clock = _Clock(events.tempi, file.ticks_per_beat, name)
    return Sheet(
        tuple(_parts(events, clock)),
        title=_title(events),
        composer=_told(events, 1),
        sung_s=clock.seconds(_syllables(events)),
        unpitched=events.drum_notes,
    )


def _unwrapped(data: bytes) -> bytes:
    """Return the MIDI file inside a RIFF container (.rmi), or the data as they are."""
    if data[:4] != b"RIFF" or data[8:12] != b"RMID":
        return data
    begin = data.find(b"MThd")
    return data[begin:] if begin >= 0 else data


def _gather(index: int, messages: Iterable[Any], events: _Events) -> None:
    """Sort one track's messages into ``events``; a note that never ends lasts to the end."""
    tick = 0
    sounding: dict[tuple[int, int], list[int]] = defaultdict(list)
    for message in messages:
        tick += message.time
        kind = message.type
        if kind == "note_on" and message.velocity > 0:
            sounding[message.channel, message.note].append(tick)
        elif kind in ("note_on", "note_off"):
            begun = sounding[message.channel, message.note]
            if begun:
                _note(events, index, message.channel, message.note, begun.pop(0), tick)
        elif kind == "program_change":
            track = events.tracks[index, message.channel]
            track.program = message.program if track.program < 0 else track.program
        elif kind == "set_tempo" and message.tempo > 0:
            events.tempi.append((tick, message.tempo))
        elif kind == "track_name":
            events.names.setdefault(index, _text(message.name))
        elif kind == "lyrics" and message.text.strip():
            events.lyrics.append(tick)
        elif kind == "text":
            events.texts.append((tick, _text(message.text)))
    for (channel, pitch), begun in sounding.items():
        for start in begun:
            _note(events, index, channel, pitch, start, tick)


def _note(events: _Events, index: int, channel: int, pitch: int, start: int, end: int) -> None:
    if channel == DRUMS:
        events.drum_notes += 1
    else:
        events.tracks[index, channel].notes.append((start, end, pitch))


def _parts(events: _Events, clock: _Clock) -> Iterable[Part]:
    """Yield a part for each track with notes; for each channel where one track has them all."""
    held = {key: track for key, track in sorted(events.tracks.items()) if track.notes}
    tracks = {index for index, _ in held}
    for index in sorted(tracks):
        channels = {channel: track for (own, channel), track in held.items() if own == index}
        if len(tracks) == 1 and len(channels) > 1:
            for channel, track in channels.items():
                yield _part(channel, f"channel {channel + 1}", track.notes, track.program, clock)
        else:
            notes = [note for track in channels.values() for note in track.notes]
            program = max(track.program for track in channels.values())
            yield _part(index, events.names.get(index, ""), notes, program, clock)


def _part(
    index: int, name: str, notes: list[tuple[int, int, int]], program: int, clock: _Clock
) -> Part:
    ticks = np.array(notes, np.int64)
    start_s, end_s = clock.seconds(ticks[:, 0]), clock.seconds(ticks[:, 1])
    pitches = ticks[:, 2].tolist()
    return part_of(index, name, list(zip(start_s, end_s, pitches, strict=True)), program)


class _Clock:
    """Ticks to seconds, by the tempi of all tracks, or by an SMPTE division."""

    def __init__(self, tempi: list[tuple[int, int]], division: int, name: str) -> None:
        if division == 0:
            message = f"{name} is damaged: its quarter note has no ticks; export it again"
            raise NotAScoreError(message)
        if division < 0:  # SMPTE: frames a second in the high byte, ticks a frame in the low one
            frames, ticks = 256 - ((division & 0xFFFF) >> 8), division & 0xFF
            rate_hz = 30000 / 1001 if frames == 29 else float(frames)
            tempi, a_tick_s = [], 1.0 / (rate_hz * max(1, ticks))
        else:
            a_tick_s = _DEFAULT_TEMPO / 1e6 / division
        changes = dict(sorted(tempi, key=lambda change: change[0]))
        self._ticks = np.array([0, *changes], np.float64)
        self._a_tick_s = np.array([a_tick_s, *(t / 1e6 / division for t in changes.values())])
        passed_s = np.diff(self._ticks) * self._a_tick_s[:-1]
        self._since_s = np.concatenate(([0.0], np.cumsum(passed_s)))

    def seconds(self, ticks: np.ndarray) -> np.ndarray:
        at = np.maximum(0, np.searchsorted(self._ticks, ticks, "right") - 1)
        return np.asarray(self._since_s[at] + (ticks - self._ticks[at]) * self._a_tick_s[at])


def _syllables(events: _Events) -> np.ndarray:
    """Return the ticks of sung syllables: lyric events, else the texts of a karaoke file."""
    ticks = events.lyrics
    if not ticks and any(text.startswith("@K") for _, text in events.texts):
        ticks = [tick for tick, text in events.texts if text.strip(_BREAKS + " ") and tick > 0]
    return np.array(sorted(set(ticks)), np.int64)


def _title(events: _Events) -> str:
    """Return a karaoke file's title, else the name of a first track that plays nothing itself."""
    plays = {index for index, _ in (key for key, track in events.tracks.items() if track.notes)}
    own = "" if 0 in plays and len(plays) > 1 else events.names.get(0, "")
    title = _told(events, 0) or own
    return "" if title.casefold() in _NO_TITLES else title


def _told(events: _Events, place: int) -> str:
    """Return the ``@T`` text at a place of a karaoke file: its title, then its artist."""
    told = [text[2:].strip() for _, text in events.texts if text.startswith("@T")]
    return told[place] if place < len(told) else ""


def _text(raw: str) -> str:
    """Return text that mido has read as Latin-1, where it is UTF-8 in truth."""
    try:
        return raw.encode("latin-1").decode("utf-8").strip("\0 \r\n")
    except UnicodeError:
        return raw.strip("\0 \r\n")
