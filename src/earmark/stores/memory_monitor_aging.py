"""How monitoring that is kept in memory forgets."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from earmark.ports import Entry, KeptClip
from earmark.stores.monitor_aging import clip_of, is_old, without_clip


class MemoryMonitorAging:
    """Forgets entries of a `MemoryMonitorStore`, and their clips."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._entries: dict[str, Entry] = {}

    def forget_entries(self, before: float, *, confirmed: bool = False) -> int:
        """Forget closed entries that aged from earlier than a time; return how many."""
        with self._lock:
            entries = self._entries.values()
            old = [entry.id for entry in entries if is_old(entry, before, confirmed=confirmed)]
            for entry_id in old:
                del self._entries[entry_id]
            return len(old)

    def clips(self) -> Iterator[KeptClip]:
        """Yield every clip that an entry names and that was not given up, latest entry first."""
        with self._lock:
            kept = sorted(self._entries.values(), key=lambda entry: (entry.began_at, entry.id))
        found = [clip_of(entry) for entry in reversed(kept)]
        yield from (clip for clip in found if clip is not None)

    def drop_clips(self, clips: Sequence[KeptClip], at: float) -> list[KeptClip]:
        """Note at their entries that clips were given up; return those."""
        gone = []
        with self._lock:
            for clip in clips:
                entry = self._entries.get(clip.entry_id)
                told = None if entry is None else without_clip(entry, clip, at)
                if told is not None:
                    self._entries[clip.entry_id] = told
                    gone.append(clip)
        return gone
