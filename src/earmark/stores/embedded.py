"""The door of every vector store: what may be indexed and asked, checked once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from earmark.ports import Embedded, Float32, Neighbours, Numbers

TICK_S = 0.01
_MOST_TICKS = 2**32 - 1
_OFF_UNIT = 0.01
"""How far from 1 a length may be: a vector read back from 8 bits may be added again."""

Ticks = npt.NDArray[np.uint32]


def checked(item: Embedded, dimension: int) -> Embedded:
    """Return the item with contiguous arrays of the right types and times in whole ticks.

    Raises
    ------
    ValueError
        Shapes do not fit, a vector is not of unit length, or a time is not one.
    """
    vectors = np.ascontiguousarray(item.vectors, np.float32)
    shape = (len(vectors), dimension)
    times = {"start_s": item.start_s, "length_s": item.length_s}
    shapes = [vectors.shape, *((*np.shape(seconds), dimension) for seconds in times.values())]
    if any(got != shape for got in shapes):
        message = f"number {item.number}: shapes {shapes} instead of {shape} each"
        raise ValueError(message)
    lengths = np.linalg.norm(vectors, axis=1)
    if not (np.abs(lengths - 1) <= _OFF_UNIT).all():
        worst = lengths[np.argmax(np.abs(lengths - 1))]
        message = f"number {item.number}: a vector has length {worst:g}, not 1"
        raise ValueError(message)
    ticks = {name: ticks_of(np.asarray(seconds)) for name, seconds in times.items()}
    start_s, length_s = (seconds_of(column) for column in ticks.values())
    return replace(
        item,
        number=int(item.number),
        vectors=vectors,
        start_s=start_s,
        length_s=length_s,
        payload=bytes(item.payload),
    )


def ticks_of(seconds: npt.NDArray[np.floating]) -> Ticks:
    """Return seconds in ticks; raises `ValueError` for what 32 bits of them cannot tell."""
    ticks = np.rint(seconds.astype(np.float64) / TICK_S)
    if not ((ticks >= 0) & (ticks <= _MOST_TICKS)).all():
        message = f"a time must lie in 0 to {_MOST_TICKS * TICK_S:.0f} s, got {seconds!r}"
        raise ValueError(message)
    return ticks.astype(np.uint32)


def seconds_of(ticks: Ticks) -> Float32:
    """Return ticks in seconds."""
    return (ticks * TICK_S).astype(np.float32)


def queries_of(queries: npt.ArrayLike, k: int, dimension: int) -> Float32:
    """Return queries as the stores take them.

    Raises
    ------
    ValueError
        They are not finite or not (q, dimension), or ``k`` is negative.
    """
    rows = np.ascontiguousarray(queries, np.float32)
    if rows.ndim != 2 or rows.shape[1] != dimension or k < 0:
        message = f"queries of shape {rows.shape} and k = {k}, expected (q, {dimension}) and k >= 0"
        raise ValueError(message)
    if not np.isfinite(rows).all():
        message = "a query holds a value that is not finite"
        raise ValueError(message)
    return rows


def none_found(asked: int, k: int) -> Neighbours:
    """Return the answer that holds nothing yet; its arrays are to be written into."""
    shape = (asked, k)
    times = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    return Neighbours(np.full(shape, -1), *times, np.full(shape, -np.inf, np.float32))


def numbers_of(values: npt.ArrayLike) -> Numbers:
    """Return numbers as an int64 array."""
    return np.asarray(values, np.int64).reshape(-1)
