"""A whole source in memory: mono samples, levels, and what was wrong with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from earmark.audio.fetch import DEFAULT_LIMITS, FetchLimits
from earmark.audio.stream import Source, open_blocks
from earmark.errors import AudioTooLongError
from earmark.types import Clip, Levels, Samples


@dataclass(frozen=True, slots=True)
class Decoded:
    """The audio, the levels of its raw channels, and a sentence for each trouble read past."""

    clip: Clip
    levels: Levels
    warnings: tuple[str, ...] = ()


def decode(
    source: Source,
    rate_hz: int,
    max_s: float | None = None,
    *,
    start_s: float = 0.0,
    duration_s: float | None = None,
    name: str | None = None,
    limits: FetchLimits = DEFAULT_LIMITS,
) -> Decoded:
    """Decode a source to mono at a rate.

    Parameters
    ----------
    source
        A path, an http(s) URL, bytes, or a binary file object.
    rate_hz
        The rate to deliver.
    max_s
        The most audio to take, in seconds; None takes all.
    start_s, duration_s
        Which stretch of the source; None is to its end.
    name
        What to call the source in messages.
    limits
        What a download or a spooled pipe may take.

    Raises
    ------
    SourceNotFoundError
        Nothing is there.
    SourceUnreadableError
        A folder, or it may not be read.
    NotAudioError
        No decoder knows it.
    EmptyAudioError
        Zero bytes, or zero samples.
    AudioTooLongError
        More than ``max_s``; nothing past it was decoded.
    FetchError
        The URL did not give a media file.

    Silence and shortness are the caller's to judge: see `Levels.silent` and `Clip.duration_s`.
    """
    parts: list[Samples] = []
    count = 0
    with open_blocks(
        source, rate_hz, start_s=start_s, duration_s=duration_s, name=name, limits=limits
    ) as stream:
        for block in stream:
            parts.append(block.samples)
            count += len(block.samples)
            if max_s is not None and count > max_s * rate_hz + 1:
                raise AudioTooLongError(
                    f"{stream.name} is longer than {max_s:g} s; cut it, or scan it instead"
                )
        samples = (
            parts[0] if len(parts) == 1 else np.concatenate(parts or [np.zeros(0, np.float32)])
        )
        return Decoded(Clip(samples, rate_hz, start_s), stream.levels, stream.warnings)
