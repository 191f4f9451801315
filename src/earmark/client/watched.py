"""JSON of what a service keeps of monitoring: scans, streams, outages, rules, webhooks, sums."""

from __future__ import annotations

import json as text_json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from earmark.client.found import read_timeline
from earmark.client.shapes import number, seq, table, text, text_or_none, texts, truth, whole
from earmark.client.values import JobFailure
from earmark.errors import TimedOutError
from earmark.monitor.retention import Pruned
from earmark.monitor.timeline import Timeline
from earmark.ports import (
    Action,
    Delivery,
    DeliveryState,
    Outage,
    Rule,
    Stream,
    StreamState,
    Total,
    Webhook,
)

ShownScan = Literal["queued", "running", "done", "failed", "stopped"]


@dataclass(frozen=True, slots=True)
class HeldScan:
    """A scan at a service: how far it is, and its timeline once it is done.

    Times are seconds since 1970; ``left_s`` is how long it will still take, where that is known.
    In lists the timeline is always None.
    """

    id: str
    source: str
    station: str
    began_at: float
    created_at: float
    state: ShownScan
    done_s: float = 0.0
    duration_s: float | None = None
    left_s: float | None = None
    timeline: Timeline | None = None
    error: JobFailure | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in {"done", "failed", "stopped"}


def scan(json: Any) -> HeldScan:  # noqa: ANN401 - whatever JSON holds, here and below
    """Return a scan."""
    shape = table(json)
    progress = table(shape["progress"])
    timeline, error = shape.get("timeline"), shape.get("error")
    failure = None
    if error is not None:
        failure = JobFailure(text(table(error)["code"]), text(table(error)["message"]))
    return HeldScan(
        id=text(shape["id"]),
        source=text(shape["source"]),
        station=text(shape["station"]),
        began_at=number(shape["began_at"]),
        created_at=number(shape["created_at"]),
        state=cast(ShownScan, text(shape["state"])),
        done_s=number(progress["done_s"]),
        duration_s=_number_or_none(progress.get("duration_s")),
        left_s=_number_or_none(progress.get("left_s")),
        timeline=None if timeline is None else read_timeline(timeline),
        error=failure,
    )


def stream(json: Any) -> Stream:  # noqa: ANN401
    """Return a stream."""
    shape = table(json)
    return Stream(
        id=text(shape["id"]),
        name=text(shape["name"]),
        url=text(shape["url"]),
        wanted=truth(shape["wanted"]),
        created_at=number(shape["created_at"]),
        options=table(shape["options"]),
        state=cast(StreamState, text(shape["state"])),
        state_at=number(shape["state_at"]),
        heard_s=number(shape["heard_s"]),
        reconnects=whole(shape["reconnects"]),
        error=text(shape["error"]),
    )


def outage(json: Any) -> Outage:  # noqa: ANN401
    """Return an outage."""
    shape = table(json)
    return Outage(
        id=text(shape["id"]),
        stream_id=text(shape["stream_id"]),
        since=number(shape["since"]),
        until=_number_or_none(shape.get("until")),
        reason=text(shape["reason"]),
    )


def pruned(json: Any) -> Pruned:  # noqa: ANN401
    """Return what was given up."""
    shape = table(json)
    return Pruned(
        detections=whole(shape["detections"]),
        clips=whole(shape["clips"]),
        files=whole(shape["files"]),
        bytes=whole(shape["bytes"]),
        dry_run=truth(shape["dry_run"]),
    )


def rule(json: Any) -> Rule:  # noqa: ANN401
    """Return a rule."""
    shape = table(json)
    return Rule(
        id=text(shape["id"]),
        action=cast(Action, text(shape["action"])),
        track_id=text_or_none(shape.get("track_id")),
        tag=text_or_none(shape.get("tag")),
        least_s=number(shape["least_s"]),
        least_confidence=number(shape["least_confidence"]),
        note=text(shape["note"]),
        created_at=number(shape["created_at"]),
    )


def webhook(json: Any) -> Webhook:  # noqa: ANN401
    """Return a webhook; its secret is empty but for a new one."""
    shape = table(json)
    return Webhook(
        id=text(shape["id"]),
        url=text(shape["url"]),
        secret=text(shape.get("secret", "")),
        events=texts(shape["events"]),
        actions=cast(tuple[Action, ...], texts(shape["actions"])),
        active=truth(shape["active"]),
        note=text(shape["note"]),
        created_at=number(shape["created_at"]),
    )


def delivery(json: Any) -> Delivery:  # noqa: ANN401
    """Return a delivery; its body is JSON again, not the very text that was signed."""
    shape = table(json)
    return Delivery(
        id=text(shape["id"]),
        webhook_id=text(shape["webhook_id"]),
        event=text(shape["event"]),
        body=text_json.dumps(table(shape["body"])),
        created_at=number(shape["created_at"]),
        state=cast(DeliveryState, text(shape["state"])),
        attempts=whole(shape["attempts"]),
        next_at=_number_or_none(shape.get("next_at")) or 0.0,
        status=whole(shape["status"]),
        error=text(shape["error"]),
    )


def totals(json: Any) -> tuple[Total, ...]:  # noqa: ANN401
    """Return sums."""
    return tuple(_total(table(one)) for one in seq(table(json)["totals"]))


def unfinished(scan: HeldScan, timeout_s: float) -> TimedOutError:
    """Return the error for a scan that was waited for in vain."""
    return TimedOutError(
        f"scan {scan.id} is still {scan.state} after {timeout_s:g} s; it goes on, wait for it again"
    )


def _total(shape: Mapping[str, Any]) -> Total:
    return Total(
        text(shape["key"]), text(shape["label"]), whole(shape["count"]), number(shape["played_s"])
    )


def _number_or_none(json: Any) -> float | None:  # noqa: ANN401
    return None if json is None else number(json)
