"""What a watch tells those who look on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from earmark.monitor.timeline import Gap
from earmark.ports import Detection, Entry, Outage, Stream

WatchKind = Literal["opened", "updated", "closed", "gap", "outage", "state", "level"]


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """Something that happened to a stream, ``at`` seconds since 1970.

    Attributes
    ----------
    kind
        ``opened``, ``updated`` and ``closed`` carry the detection, and the entry where it was
        written down at once; ``gap`` a stretch that nothing explains; ``outage`` one that begins or
        (with ``until``) is over; ``state`` how the stream goes; ``level`` how loud it is.
    began_at
        When the detection or the gap began, in seconds since 1970.
    """

    kind: WatchKind
    at: float
    stream: Stream
    began_at: float = 0.0
    detection: Detection | None = None
    entry: Entry | None = None
    gap: Gap | None = None
    outage: Outage | None = None
    level_dbfs: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape."""
        shape: dict[str, Any] = {
            "type": self.kind,
            "at": round(self.at, 3),
            "stream": {"id": self.stream.id, "name": self.stream.name},
        }
        if self.entry is not None:
            shape["detection"] = self.entry.as_dict()
        elif self.detection is not None:
            shape["detection"] = {**self.detection.as_dict(), "began_at": round(self.began_at, 3)}
        if self.gap is not None:
            shape["gap"] = {**self.gap.as_dict(), "began_at": round(self.began_at, 3)}
        if self.outage is not None:
            outage = self.outage
            shape["outage"] = {
                "id": outage.id,
                "since": round(outage.since, 3),
                "until": None if outage.until is None else round(outage.until, 3),
                "reason": outage.reason,
            }
        if self.kind == "state":
            shape["state"], shape["error"] = self.stream.state, self.stream.error
        if self.level_dbfs is not None:
            shape["level_dbfs"] = round(self.level_dbfs, 1)
            shape["heard_s"] = round(self.stream.heard_s, 1)
        return shape
