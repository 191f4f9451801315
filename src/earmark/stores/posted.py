"""The door of every posting store: what may be indexed, checked once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from earmark.ports import Hashes, Posted


def checked(item: Posted, hash_bits: int) -> Posted:
    """Return the item with contiguous arrays of the right types.

    Raises
    ------
    ValueError
        Hashes and frames differ in length, a hash has more than ``hash_bits`` bits, or a frame
        lies outside the span.
    """
    hashes, frames = as_uint32(item.hashes), as_uint32(item.frames)
    if len(hashes) != len(frames):
        message = f"number {item.number}: {len(hashes)} hashes but {len(frames)} frames"
        raise ValueError(message)
    if len(hashes) and int(hashes.max()) >> hash_bits:
        message = f"number {item.number}: hash {hashes.max()} has more than {hash_bits} bits"
        raise ValueError(message)
    if len(frames) and int(frames.max()) >= item.span_frames:
        message = f"number {item.number}: frame {frames.max()} is beyond {item.span_frames}"
        raise ValueError(message)
    payload = np.ascontiguousarray(item.payload, np.uint8)
    return replace(item, hashes=hashes, frames=frames, payload=payload)


def as_uint32(values: npt.ArrayLike) -> Hashes:
    """Return values as the kernels take them; copies only where it must."""
    return np.ascontiguousarray(values, np.uint32)
