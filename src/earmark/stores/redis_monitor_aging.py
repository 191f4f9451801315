"""What grows old in Redis: entries that are forgotten, clips that are given up."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence

from earmark.ports import KeptClip, Wanted
from earmark.stores import redis_monitor_log_scripts as scripts
from earmark.stores.monitor_aging import CONFIRMED, read_clip, without_clip
from earmark.stores.monitor_briefs import Brief, plainly
from earmark.stores.monitor_rows import ENTRY, NONSENSE, damaged_log, entry_of, packed
from earmark.stores.redis_monitor_log import PAGE, RedisMonitorLog
from earmark.stores.rows import plain


class RedisMonitorAging(RedisMonitorLog):
    """The log of a `RedisMonitorStore`, and how it forgets."""

    def forget_entries(self, before: float, *, confirmed: bool = False) -> int:
        """Forget closed entries that aged from earlier than a time; return how many."""
        gone = 0
        for page in self._pages(plainly(Wanted(until=before)), None, PAGE):
            asked = [
                brief
                for brief in page
                if not brief.open and (confirmed or brief.ruling != CONFIRMED)
            ]
            for brief, record in self._records(asked):
                if self._logged_at(record) < before:
                    words = (brief.id, uuid.uuid4().hex, int(confirmed))
                    gone += self._client.run(scripts.FORGET_ENTRY, self._keys, *words)
        return gone

    def clips(self) -> Iterator[KeptClip]:
        """Yield every clip that an entry names and that was not given up, latest entry first."""
        for page in self._pages(plainly(Wanted()), None, PAGE):
            for brief, record in self._records(page):
                clip = read_clip(self._place, brief.id, record, brief.ruling, opened=brief.open)
                if clip is not None:
                    yield clip

    def drop_clips(self, clips: Sequence[KeptClip], at: float) -> list[KeptClip]:
        """Note at their entries that clips were given up; return those."""
        gone = []
        for clip in clips:
            key = self._one(plain(clip.entry_id))
            record, trail = self._client.call("HMGET", key, "record", "trail")
            if record is None:
                continue
            told = without_clip(entry_of(self._place, record, trail), clip, at)
            if told is not None:
                words = (plain(clip.entry_id), record, packed(told, *ENTRY))
                if self._client.run(scripts.SWAP_RECORD, self._keys, *words):
                    gone.append(clip)
        return gone

    def _records(self, briefs: Sequence[Brief]) -> Iterator[tuple[Brief, bytes]]:
        """Yield the text of each entry that is still there."""
        commands = [["HGET", self._one(brief.id), "record"] for brief in briefs]
        for brief, record in zip(briefs, self._client.calls(commands), strict=True):
            if record is not None:
                yield brief, record

    def _logged_at(self, record: bytes) -> float:
        try:
            return float(json.loads(record).get("logged_at", 0.0))
        except NONSENSE as error:
            raise damaged_log(self._place, f"Entry: {error}") from error
