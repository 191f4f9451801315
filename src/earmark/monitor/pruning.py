"""What has grown old is given up: rows first, then the files that no row names."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from earmark.monitor.retention import DAY_S, GB_BYTES, Pruned, Retention
from earmark.monitor.sweeping import GRACE_S, sweep
from earmark.monitor.tenants import FILE_NAME
from earmark.ports import Entry, KeptClip, MonitorStore, Wanted

if TYPE_CHECKING:
    from earmark.monitor.evidence import EvidenceRoom

log = logging.getLogger("earmark.monitor")

_AT_ONCE = 200
_PAGE = 500


def prune(
    store: MonitorStore,
    room: EvidenceRoom,
    retention: Retention,
    now: float,
    *,
    dry_run: bool = False,
) -> Pruned:
    """Forget and delete what is older than a retention allows.

    A kill in the midst of it leaves files that nothing names, never a row that names a missing
    file without saying so; the next time they are deleted.

    Parameters
    ----------
    now
        Seconds since 1970.
    dry_run
        Count only.
    """
    since = None if retention.keep_days is None else now - retention.keep_days * DAY_S
    forgotten = set[str]()
    gone = 0
    if since is not None and dry_run:
        forgotten = {entry.id for entry in _old(store, since, confirmed=retention.confirmed)}
        gone = len(forgotten)
    elif since is not None:
        gone = store.forget_entries(since, confirmed=retention.confirmed)
    clips = [clip for clip in store.clips() if clip.entry_id not in forgotten]
    given_up = _given_up(clips, retention, now)
    if not dry_run:
        given_up = _dropped(store, given_up, now)
    named = {clip.entry_id for clip in given_up}
    in_use = {clip.sha256 for clip in clips if clip.entry_id not in named}
    files = size = 0
    if others := room.others():
        message = "no clip is deleted: %s keep theirs in %s too; strike out in %s what is gone"
        log.warning(message, ", ".join(sorted(others)), room.folder, room.folder / FILE_NAME)
    else:
        files, size = sweep(room.folder, in_use, now - GRACE_S, dry_run=dry_run)
    return Pruned(gone, len(given_up), files, size, dry_run)


def _given_up(clips: Sequence[KeptClip], retention: Retention, now: float) -> list[KeptClip]:
    """Return the clips that are too old, or beyond the room for them."""
    oldest = None if retention.evidence_days is None else now - retention.evidence_days * DAY_S
    room = None if retention.evidence_max_gb is None else retention.evidence_max_gb * GB_BYTES
    stay, may = list[KeptClip](), list[KeptClip]()
    for clip in clips:
        kept = clip.open or (clip.ruling == "confirm" and not retention.confirmed)
        (stay if kept else may).append(clip)
    # One clip may be that of several detections; it takes its room once.
    held = {clip.sha256: clip.bytes for clip in stay}
    size = sum(held.values())
    found = []
    for clip in sorted(may, key=lambda one: -one.aged_from):
        more = 0 if clip.sha256 in held else clip.bytes
        old = oldest is not None and clip.aged_from < oldest
        if old or (room is not None and more and size + more > room):
            found.append(clip)
            room = room if old else 0.0  # what is older than one that found no room finds none
        else:
            held[clip.sha256], size = clip.bytes, size + more
    return found


def _old(store: MonitorStore, since: float, *, confirmed: bool) -> Iterator[Entry]:
    """Yield what `MonitorStore.forget_entries` would forget."""
    before: str | None = None
    wanted = Wanted(until=since, open=False)
    while page := store.entries(wanted, before=before, limit=_PAGE):
        for entry in page:
            if entry.aged_from < since and (confirmed or entry.ruling != "confirm"):
                yield entry
        before = page[-1].id


def _dropped(store: MonitorStore, clips: Sequence[KeptClip], now: float) -> list[KeptClip]:
    """Note at their entries that clips are given up, some at a time; return those."""
    gone = list[KeptClip]()
    for at in range(0, len(clips), _AT_ONCE):
        gone += store.drop_clips(clips[at : at + _AT_ONCE], now)
    return gone
