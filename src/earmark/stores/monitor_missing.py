"""What is said of a record of monitoring that is not there, the same by every store."""

from __future__ import annotations

from earmark.errors import (
    DeliveryNotFoundError,
    DetectionNotFoundError,
    RuleNotFoundError,
    ScanNotFoundError,
    StreamNotFoundError,
    WebhookNotFoundError,
)


def no_entry(entry_id: str) -> DetectionNotFoundError:
    """Return the error for a detection that the log does not hold."""
    message = f"no detection {entry_id!r} is in the log; `earmark detections` lists them"
    return DetectionNotFoundError(message)


def no_rule(rule_id: str) -> RuleNotFoundError:
    """Return the error for a rule that is not there."""
    return RuleNotFoundError(f"no rule {rule_id!r}; `earmark rules list` shows them")


def no_stream(stream_id: str) -> StreamNotFoundError:
    """Return the error for a stream that is not there."""
    return StreamNotFoundError(f"no stream {stream_id!r}; it never was, or was removed")


def no_scan(scan_id: str) -> ScanNotFoundError:
    """Return the error for a scan that is not there."""
    return ScanNotFoundError(f"no scan {scan_id!r}; it never was, or was removed")


def no_webhook(webhook_id: str) -> WebhookNotFoundError:
    """Return the error for a webhook that is not there."""
    return WebhookNotFoundError(f"no webhook {webhook_id!r}; `earmark webhooks list` shows them")


def no_delivery(delivery_id: str) -> DeliveryNotFoundError:
    """Return the error for a delivery that is not there."""
    message = (
        f"no delivery {delivery_id!r}; it never was, or is forgotten; "
        "`earmark webhooks deliveries` lists them"
    )
    return DeliveryNotFoundError(message)
