"""How entries and their clips grow old, the same in every store."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import cast

from earmark.ports import Entry, KeptClip, Ruling
from earmark.stores.monitor_briefs import UNDECIDED
from earmark.stores.monitor_rows import NONSENSE, Text, damaged_log

CONFIRMED = "confirm"


def is_old(entry: Entry, before: float, *, confirmed: bool) -> bool:
    """Return whether an entry may be forgotten; ``confirmed`` lets confirmed ones go too."""
    over = not entry.detection.open and entry.aged_from < before
    return over and (confirmed or entry.ruling != CONFIRMED)


def clip_of(entry: Entry) -> KeptClip | None:
    """Return the clip that an entry names and that is to be there, or None."""
    evidence = entry.evidence
    if evidence is None or evidence.pruned_at is not None:
        return None
    return KeptClip(
        entry.id,
        evidence.sha256,
        evidence.bytes,
        entry.aged_from,
        entry.ruling,
        entry.detection.open,
    )


def without_clip(entry: Entry, clip: KeptClip, at: float) -> Entry | None:
    """Return an entry whose clip was given up, or None where it names no such clip."""
    named = clip_of(entry)
    if named is None or (named.sha256, named.ruling) != (clip.sha256, clip.ruling):
        return None
    assert entry.evidence is not None  # noqa: S101 - it names a clip
    return replace(entry, evidence=replace(entry.evidence, pruned_at=at))


def read_clip(
    place: object, entry_id: str, text: Text, ruling: str, *, opened: bool
) -> KeptClip | None:
    """Return the clip that the text of an entry names; far quicker than reading all of it.

    Raises
    ------
    DamagedIndexError
        The text holds no entry; ``place`` says where it lies.
    """
    try:
        shape = json.loads(text)
        evidence = shape["evidence"]
        if evidence is None or evidence.get("pruned_at") is not None:
            return None
        aged_from = max(shape["began_at"], shape.get("logged_at", 0.0))
        sha256, count = evidence["sha256"], evidence["bytes"]
    except NONSENSE as error:
        raise damaged_log(place, f"Entry: {error}") from error
    return KeptClip(entry_id, sha256, count, aged_from, ruling_of(ruling), opened)


def ruling_of(text: str) -> Ruling | None:
    """Return a ruling as entries have it."""
    return None if text == UNDECIDED else cast(Ruling, text)
