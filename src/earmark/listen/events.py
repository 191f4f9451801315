"""What a listening says, and how it looks on the wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from earmark.listen.levels import Verdict
from earmark.types import Answer, Levels

EventKind = Literal["level", "partial", "match", "no_match", "end"]
EndReason = Literal["certain", "limit", "stopped", "error"]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that was heard, ``at_s`` seconds into the sound.

    A ``level`` has ``levels`` and ``verdict``; ``partial``, ``match`` and ``no_match`` an
    ``answer``; the ``end`` a ``reason``. Nothing follows the end.
    """

    kind: EventKind
    at_s: float
    levels: Levels | None = None
    verdict: Verdict | None = None
    answer: Answer | None = None
    reason: EndReason | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape of ``WS /v1/listen`` and of ``earmark listen --json``.

        >>> Event("end", 3.0, reason="certain").as_dict()
        {'type': 'end', 'at_s': 3.0, 'reason': 'certain'}
        """
        shape: dict[str, Any] = {"type": self.kind, "at_s": round(self.at_s, 3)}
        if self.levels is not None:
            shape["level_dbfs"] = round(self.levels.level_dbfs, 1)
            shape["peak_dbfs"] = round(self.levels.peak_dbfs, 1)
        if self.verdict is not None:
            shape["verdict"] = self.verdict
        if self.answer is not None:
            shape["answer"] = self.answer.as_dict()
        if self.reason is not None:
            shape["reason"] = self.reason
        return shape
