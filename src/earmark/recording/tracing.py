"""A new line through what is kept of a source, and what is told of a line."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from earmark.ports import Run
from earmark.recording.decide import Found
from earmark.recording.edges import end_frame, start_frame
from earmark.recording.line import AROUND, MISSES, Line, goes_on
from earmark.recording.params import SpectrumParams
from earmark.recording.stream import Chunk
from earmark.recording.verify import Verifier
from earmark.types import Span
from earmark.units import ratio_to_semitones


def line_of(group: Sequence[Found], first: int) -> Line:
    """Return the line of what a window found whose first frame is ``first``.

    The first of the group is the track; the others hold the very same.
    """
    found = group[0]
    return Line(
        number=found.number,
        time=found.time_ratio,
        pitch=found.pitch_ratio,
        middle=float(first),
        reference=found.offset_frames,
        confidence=found.confidence,
        score=found.score,
        alike=tuple(other.number for other in group[1:]),
    )


def traced(
    line: Line, first: int, chunks: Sequence[Chunk], verifier: Callable[[Chunk], Verifier]
) -> bool:
    """Follow a line through the chunks from ``first`` on, then back; return whether it is one."""
    for chunk in chunks:
        if chunk.first >= first:
            line.put(line.look(chunk, verifier(chunk)))
    misses = 0
    for chunk in reversed([chunk for chunk in chunks if chunk.first < first]):
        block = line.look(chunk, verifier(chunk))
        misses = 0 if goes_on(block) else misses + 1
        line.put(block, before=True)
        if misses >= MISSES:
            break
    while len(line.blocks) > AROUND and not any(goes_on(b) for b in line.blocks[: AROUND + 1]):
        del line.blocks[0]
    if not any(goes_on(block) for block in line.blocks):
        return False
    line.put(line.blocks.pop())  # fitted to its newest blocks again
    line.misses = 0
    for block in reversed(line.blocks):
        if goes_on(block):
            break
        line.misses += 1
    return True


def run_of(
    line: Line, key: int, spectrum: SpectrumParams, *, closed: bool, end: float | None = None
) -> Run:
    """Return what is told of a line; ``end`` is the frame at which another takes over."""
    blocks = line.sounding()
    begin = start_frame(blocks) if line.begin is None else line.begin
    end = end_frame(blocks) if end is None else end
    x, y, slope = line.straight()
    begin = max(begin, x - y / slope)  # a track has nothing before its start
    half_s = spectrum.window / spectrum.rate_hz / 2.0
    frames = (begin, max(begin, end), y + (begin - x) * slope, y + (end - x) * slope)
    query_s, end_s, reference_s, until_s = (f * spectrum.frame_s + half_s for f in frames)
    return Run(
        key,
        line.number,
        Span(query_s, end_s),
        Span(reference_s, max(reference_s, until_s)),
        slope,
        ratio_to_semitones(line.pitch),
        line.confidence,
        line.score,
        line.alike,
        closed,
    )
