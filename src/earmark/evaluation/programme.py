"""Generated programmes of any length - a station's hours, a DJ's mix - with what they play.

Everything is drawn from one seed and made as it is asked for: at most a few songs are in memory.
`programme_truth` says what counts as played.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from earmark.errors import UsageError
from earmark.evaluation import programme_mix as mix
from earmark.evaluation.noise import RATE_HZ, NoiseBank, placed_excerpt
from earmark.evaluation.programme_jingles import LEAST_RMS, Jingles, decoded
from earmark.evaluation.programme_mix import Layer, Mixer
from earmark.evaluation.programme_sound import EFFECTS, FASTEST, levelled
from earmark.evaluation.programme_style import STYLES, Style
from earmark.evaluation.programme_truth import Stretch, Truth
from earmark.types import Samples, Span

_SONG_DBFS, _SPEECH_DBFS, _NOISE_DBFS = -20.0, -20.0, -30.0
_SPREAD_DB = 2.0
_LEAST_S = 20.0
_EDGE_S = 3.0  # nobody talks over the first and last seconds of a song
_ATTEMPTS = 50


@dataclass(frozen=True, slots=True)
class Sources:
    """What a programme is made of: ``known`` are the library's tracks, ``unknown`` are not.

    ``jingles`` are files to cut jingles from (none: some of ``unknown`` are set aside); speech and
    noises are the bank's.
    """

    known: tuple[Path, ...]
    unknown: tuple[Path, ...] = ()
    jingles: tuple[Path, ...] = ()
    bank: NoiseBank = field(default_factory=lambda: NoiseBank.synthetic(np.random.default_rng(0)))


class Programme:
    """An iterator of blocks, mono float32 at 16 kHz; ``truth`` is there when it has ended.

    Parameters
    ----------
    sources
        What to play.
    style
        ``radio``; ``speed``: every song within 4 % of its speed, most of them cross-faded; ``dj``:
        every song bent to match, cross-fades of 8 to 16 s, two songs at once; ``unknown``: radio
        that plays nothing of ``known``.
    duration_s
        Its length.
    seed
        Decides everything.

    Raises
    ------
    UsageError
        No such style, or nothing to play.
    """

    def __init__(
        self, sources: Sources, style: str = "radio", *, duration_s: float = 7200.0, seed: int = 0
    ) -> None:
        if style not in STYLES:
            message = f"no style of programme {style!r}; there are {', '.join(STYLES)}"
            raise UsageError(message)
        self.style, self.seed = style, seed
        self._style: Style = STYLES[style]
        self._total = int(duration_s * RATE_HZ)
        self._rng = np.random.default_rng([seed, len(style), self._total])
        self._bank = sources.bank
        unknown, jingles = self._shuffled(sources.unknown), self._shuffled(sources.jingles)
        count = math.ceil(duration_s / 3600.0 * self._style.jingles_an_hour)
        if not jingles:
            aside = min(len(unknown) // 2, count)
            jingles, unknown = unknown[:aside], unknown[aside:]
        self._unknown = unknown
        self._known = [] if style == "unknown" else self._shuffled(sources.known)
        self._turn = 0
        if not (self._known or self._unknown):
            raise UsageError("a programme needs music to play; none was given")
        self._mixer = Mixer(self._total)
        self._jingles = Jingles(jingles, count, self._total, self._rng)
        self._truth: Truth | None = None

    def __iter__(self) -> Iterator[Samples]:
        """Make it; once."""
        at, crossing_s = 0, 0.0  # where the next item may begin, what the last one fades over it
        just_was = False  # a jingle; two in a row would sound like one
        while at < self._total:
            yield from self._mixer.mixed(at)
            jingle = self._jingles.next(at) if crossing_s == 0.0 and not just_was else None
            just_was = jingle is not None
            if jingle is not None:
                self._mixer.place(jingle)
                at = jingle.end
                continue
            what = str(self._rng.choice(list(self._style.items), p=self._style.shares))
            if what == "song" or crossing_s > 0.0:
                at, crossing_s = self._song(at, crossing_s)
            else:
                at = self._other(what, at)
        yield from self._mixer.mixed(self._total)
        self._finish()

    @property
    def truth(self) -> Truth:
        """What it played; only after the last block."""
        if self._truth is None:
            raise UsageError("what a programme plays is known when its last block was made")
        return self._truth

    def write(self, path: Path) -> Truth:
        """Write it as a WAV, FLAC or Ogg file, by the name; return what it plays."""
        import soundfile

        with soundfile.SoundFile(path, "w", RATE_HZ, 1) as file:
            for block in self:
                file.write(block)
        return self.truth

    def _song(self, at: int, crossing_s: float) -> tuple[int, float]:
        """Place a song; return where the next may begin and how long the two cross."""
        style, rng = self._style, self._rng
        effect = str(rng.choice(list(style.effects), p=style.effect_shares))
        next_s = float(rng.uniform(*style.cross_s)) if rng.random() < style.crossing else 0.0
        layer = self._drawn(at, effect, (crossing_s, next_s))
        self._mixer.place(layer)
        if crossing_s > 0.0:
            self._crossed(layer, Span(at / RATE_HZ, at / RATE_HZ + crossing_s))
        free = Span(layer.span.start_s + crossing_s, layer.span.end_s - layer.fade_out_s)
        self._over(layer, free)
        return layer.end - int(layer.fade_out_s * RATE_HZ), layer.fade_out_s

    def _crossed(self, layer: Layer, span: Span) -> None:
        """Note a cross-fade on both of its songs."""
        for one in self._mixer.layers[-8:]:
            if one.role in ("song", "unknown") and (one is layer or one.span.end_s > span.start_s):
                name = {"speed": "speed_crossfade", "dj": "dj_crossfade"}.get(one.effect)
                one.over.append(Stretch(span, name or "crossfade"))

    def _over(self, layer: Layer, free: Span) -> None:
        """Talk over a song, or play a second one with it."""
        style, rng = self._style, self._rng
        free = Span(free.start_s + _EDGE_S, free.end_s - _EDGE_S)
        if free.duration_s < 2 * _LEAST_S or layer.effect == "loop":
            return
        if rng.random() < style.two_at_once:
            length_s = float(rng.uniform(_LEAST_S, min(45.0, free.duration_s)))
            start_s = float(rng.uniform(free.start_s, free.end_s - length_s))
            below_db = float(rng.uniform(0.0, 6.0))
            second = self._drawn(
                int(start_s * RATE_HZ), layer.effect, (1.0, 1.0), length_s, _SONG_DBFS - below_db
            )
            self._mixer.place(second)
            for one in (layer, second):
                one.over.append(Stretch(second.span, "dj_two"))
        elif rng.random() < style.talking:
            length_s = float(rng.uniform(5.0, min(25.0, free.duration_s)))
            start_s = float(rng.uniform(free.start_s, free.end_s - length_s))
            ratio_db = int(rng.choice([0, 3, 6, 9, 12]))
            n, start = int(length_s * RATE_HZ), int(start_s * RATE_HZ)
            under = layer.samples[start - layer.start :][:n]
            rms = float(np.sqrt(np.mean(np.square(under))) + 1e-6)
            voice = self._noise("speech", start, n, 20 * np.log10(rms) - ratio_db, 0.02)
            name = "speed_talkover" if layer.effect == "speed" else f"talkover_{ratio_db}db"
            layer.over.append(Stretch(voice.span, name))

    def _drawn(
        self,
        at: int,
        effect: str,
        fades_s: tuple[float, float],
        length_s: float | None = None,
        level_dbfs: float = _SONG_DBFS,
    ) -> Layer:
        """Cut a piece from the next song, or from one that nobody knows."""
        rng = self._rng
        strange = bool(self._unknown) and rng.random() < self._style.unknown
        strange = (strange and effect != "loop") or not self._known
        role: mix.Role = "unknown" if strange else "song"
        for _ in range(_ATTEMPTS):
            if strange and not self._unknown:
                break
            path = self._next(strange)
            heard = decoded(path)
            longest_s = 60.0 if effect == "loop" else 240.0
            wanted_s = length_s or float(np.exp(rng.uniform(np.log(_LEAST_S), np.log(longest_s))))
            n = int(min(wanted_s, len(heard) / RATE_HZ / FASTEST - 0.1) * RATE_HZ)
            if n < _LEAST_S * RATE_HZ:
                continue
            spare = len(heard) - int(n * FASTEST) - 16
            start = 0 if rng.random() < 0.2 else int(rng.integers(max(1, spare)))
            piece = heard[start : start + int(n * FASTEST) + 16]
            if float(np.sqrt(np.mean(np.square(piece[:n])))) < LEAST_RMS:
                continue
            level = level_dbfs + float(rng.uniform(-_SPREAD_DB, _SPREAD_DB))
            cut = EFFECTS[effect](levelled(piece, level), n, rng)
            lines = tuple(
                tuple((at_s, start / RATE_HZ + track_s) for at_s, track_s in line)
                for line in cut.lines
            )
            rising_s, falling_s = fades_s
            if n < 3 * falling_s * RATE_HZ:
                falling_s = 0.0
            source = str(path)
            return Layer(role, at, cut.samples, rising_s, falling_s, source, effect, lines)
        raise UsageError(f"none of the music is readable, {_LEAST_S:g} s long and not silent")

    def _next(self, strange: bool) -> Path:
        """Return the next track: each once, then again in the same order (`Style.unknown`)."""
        if strange and self._known:
            return self._unknown.pop(0)  # unknown music may not come back: it would be a jingle
        tracks = self._unknown if strange else self._known
        self._turn += 1
        return tracks[(self._turn - 1) % len(tracks)]

    def _other(self, what: str, at: int) -> int:
        """Place speech, noise or nothing; return where it ends."""
        rng = self._rng
        n = int(
            rng.uniform(*{"silence": (3.0, 12.0), "noise": (5.0, 20.0)}.get(what, (8.0, 60.0)))
            * RATE_HZ
        )
        if what == "speech":
            self._noise("speech", at, n, _SPEECH_DBFS, 0.02)
        elif what == "noise":
            self._noise("noise", at, n, _NOISE_DBFS, 0.5)
        return at + n

    def _noise(
        self, role: Literal["speech", "noise"], at: int, n: int, level_dbfs: float, fade_s: float
    ) -> Layer:
        """Place an excerpt of the bank; the same seconds of it may come again."""
        of = self._bank.babble if role == "speech" else self._bank.ambient
        cut = placed_excerpt(of, n, self._rng)
        samples = levelled(cut.samples, level_dbfs)
        source = f"{role} {cut.number}"
        layer = Layer(role, at, samples, fade_s, fade_s, source, "clean", cut.lines)
        self._mixer.place(layer)
        return layer

    def _finish(self) -> None:
        layers = self._mixer.layers
        self._truth = Truth(
            self.style,
            self.seed,
            self._total / RATE_HZ,
            tuple(mix.played(layers, self._total)),
            self._jingles.played(),
            tuple(mix.alone(layers, self._total)),
            tuple(mix.beside(layers, self._total)),
        )

    def _shuffled(self, paths: Sequence[Path]) -> list[Path]:
        return [paths[index] for index in self._rng.permutation(len(paths))]
