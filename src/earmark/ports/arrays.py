"""The arrays that cross ports, by what they hold."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint32]
Frames = npt.NDArray[np.uint32]
Payload = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
