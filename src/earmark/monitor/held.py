"""The detections that are open, as they were last written down."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace

from earmark.ports import Detection, Entry

MOST_HELD = 10_000
"""Open detections that are remembered; one that is forgotten is written a little sooner."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry as it was written at a time; None for a detection that is not to be told."""

    entry: Entry | None
    at: float

    def with_detection(self, detection: Detection, zero_at: float) -> Entry | None:
        """Return the entry with its detection as it is now."""
        if self.entry is None:
            return None
        return replace(self.entry, detection=detection, began_at=zero_at + detection.start_s)


class Held:
    """Remembers for each open detection when it was written, and as what; for any thread.

    Parameters
    ----------
    every_s
        How long ``lately`` lasts.
    """

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, Kept] = OrderedDict()

    def put(self, detection_id: str, entry: Entry | None, now: float) -> None:
        """Remember an entry that was written, or None for one that is not to be told."""
        with self._lock:
            self._entries[detection_id] = Kept(entry, now)
            self._entries.move_to_end(detection_id)
            while len(self._entries) > MOST_HELD:
                self._entries.popitem(last=False)

    def drop(self, detection_id: str) -> None:
        """Forget a detection that is over."""
        with self._lock:
            self._entries.pop(detection_id, None)

    def lately(self, detection_id: str, now: float) -> Kept | None:
        """Return what was written of a detection a moment ago, or None."""
        with self._lock:
            kept = self._entries.get(detection_id)
        return kept if kept is not None and 0.0 <= now - kept.at < self._every_s else None
