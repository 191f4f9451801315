"""The lead melody of an ordinary recording: our own network over a mix (training/lead makes it).

The audio comes in pieces of any length; the network sees blocks of `BLOCK_FRAMES` with
`CONTEXT_FRAMES` to each side, so memory does not grow with the recording.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from earmark.melody.encoder import session
from earmark.melody.notes import notes_of
from earmark.melody.params import LeadParams
from earmark.melody.spectrum import HOP, LONG, PER_SEMITONE, log_spectrum, normalised
from earmark.melody.tune import Tune

Floats = npt.NDArray[np.float32]

BLOCK_FRAMES: Final = 400
CONTEXT_FRAMES: Final = 40
LOWEST_PITCH: Final = 36.0
_MARGIN = LONG  # samples kept around a block, so that its edge frames see what is there


class LeadAnalyser:
    """Feed a recording at 16 kHz; `finish` returns the melody as notes."""

    def __init__(self, params: LeadParams) -> None:
        self._params = params
        self._held: list[Floats] = []
        self._count = 0
        self._frames = 0  # frames whose spectrum is made
        self._dropped = 0  # samples let go
        self._spectra: list[Floats] = []
        self._waiting = 0
        self._lines: list[Floats] = []
        self._done = 0

    def feed(self, samples: Floats) -> None:
        """Take the next samples, float32 mono, any length."""
        if not len(samples):
            return
        self._held.append(np.array(samples, np.float32))
        self._count += len(samples)
        while self._count - (self._frames + BLOCK_FRAMES) * HOP >= _MARGIN:
            self._transform(BLOCK_FRAMES)

    def finish(self) -> Tune:
        """Return the tune; one of no notes where nothing sings."""
        rest = self._count // HOP - self._frames
        if rest > 0:
            self._transform(rest)
        self._listen(last=True)
        return notes_of(np.concatenate(self._lines) if self._lines else np.zeros(0, np.float32))

    def _transform(self, frames: int) -> None:
        """Make the spectrum of the next frames from the samples around them."""
        joined = np.concatenate(self._held)
        begin = self._frames * HOP - self._dropped
        before = min(begin, _MARGIN // HOP * HOP)
        piece = joined[begin - before : begin + frames * HOP + _MARGIN]
        spectrum = log_spectrum(np.pad(piece, (0, HOP)))[before // HOP :][:frames]
        self._spectra.append(spectrum)
        self._frames += frames
        self._waiting += frames
        keep = max(0, self._frames * HOP - _MARGIN - self._dropped)
        self._held = [joined[keep:]]
        self._dropped += keep
        if self._waiting >= BLOCK_FRAMES + 2 * CONTEXT_FRAMES:
            self._listen(last=False)

    def _listen(self, *, last: bool) -> None:
        """Run the network over the spectra that wait; keep context for the next block."""
        if not self._spectra:
            return
        spectrum = np.concatenate(self._spectra)
        skip = self._done - (self._frames - len(spectrum))
        stop = len(spectrum) if last else len(spectrum) - CONTEXT_FRAMES
        if stop <= skip:
            return
        line = np.full(len(spectrum), np.nan, np.float32)
        if spectrum.max() > self._params.least_log_power:
            logits, voiced = session("lead").run(None, {"spectrum": normalised(spectrum)[None]})
            # Where a block is near silence its normalised noise must not sing.
            loud = spectrum.max(1) > spectrum.max() - self._params.range_bels
            line = decode(_log_softmax(logits[0]), np.where(loud, voiced[0], -np.inf))
        self._lines.append(line[skip:stop])
        self._done += stop - skip
        keep = max(0, stop - CONTEXT_FRAMES)
        self._spectra = [spectrum[keep:]]
        self._waiting = len(spectrum) - keep


def decode(logits: Floats, voice: Floats) -> Floats:
    """Return the most probable pitch path in semitones, NaN where nothing sings.

    Parameters
    ----------
    logits
        (frames, pitches) log probabilities; pitch p is MIDI note 36 + p / 3.
    voice
        (frames,) log odds that a melody sounds.

    Notes
    -----
    Viterbi: a step costs in proportion to its size up to that of a free leap.
    """
    frames, pitches = logits.shape
    back = np.empty((frames, pitches), np.int16)
    score = logits[0].astype(np.float32)
    index = np.arange(pitches)
    step, leap, reach = 0.35, 3.0, 6
    for frame in range(1, frames):
        best = np.full(pitches, score.max() - leap, np.float32)
        source = np.full(pitches, int(score.argmax()))
        for move in range(-reach, reach + 1):
            low, high = max(0, move), pitches + min(0, move)
            value = score[low - move : high - move] - step * abs(move)
            better = value > best[low:high]
            best[low:high][better] = value[better]
            source[low:high][better] = (index[low:high] - move)[better]
        back[frame] = source
        score = best + logits[frame]
        score -= score.max()
    path = np.empty(frames, np.int64)
    path[-1] = int(score.argmax())
    for frame in range(frames - 1, 0, -1):
        path[frame - 1] = back[frame, path[frame]]
    pitch = (LOWEST_PITCH + path / PER_SEMITONE).astype(np.float32)
    return np.where(voice > 0.0, pitch, np.nan).astype(np.float32)


def _log_softmax(logits: Floats) -> Floats:
    shifted = logits - logits.max(-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(-1, keepdims=True)))
