"""One line for each thing that happened, as JSON or text, with nothing secret in it."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from typing import Any, TextIO

FORMATS = ("json", "text")
_LOGGERS = ("earmark", "uvicorn.error")

_SECRETS = (
    (re.compile(r"ek_([a-z2-7]{1,10})_[A-Za-z0-9_-]+"), r"ek_\1_***"),
    (re.compile(r"(?i)(authorization\W{1,4})((?:bearer|basic)\s+)?[^\s\"',}]+"), r"\1***"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{8,}"), r"\1 ***"),
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/@\"']+@"), r"\1***@"),
    (
        re.compile(
            r"(?i)([?&](?:[\w.-]*(?:key|token|secret|password|signature|credential|auth)[\w.-]*|sig)=)"
            r"[^&#\s\"']+"
        ),
        r"\1***",
    ),
)


def redacted(text: str) -> str:
    """Return a text without keys, passwords and the secrets in addresses.

    >>> redacted("GET https://me:hunter2@host/a.wav?token=abc&x=1")
    'GET https://***@host/a.wav?token=***&x=1'
    >>> redacted("Authorization: Bearer ek_abcdefgh23_q8")
    'Authorization: ***'
    """
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as a line."""
        line: dict[str, Any] = {
            "time": _moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        fields = getattr(record, "earmark", None)
        if fields is None:
            line["message"] = record.getMessage()
        else:
            line |= fields
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        safe = {
            key: redacted(value) if isinstance(value, str) else value for key, value in line.items()
        }
        return json.dumps(safe, ensure_ascii=False, default=str)


class TextLines(logging.Formatter):
    """For people: time, level, message, then ``name=value``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as a line; a trace comes on lines of its own."""
        fields = getattr(record, "earmark", {})
        told = " ".join(f"{key}={json.dumps(value)}" for key, value in fields.items())
        said = record.getMessage().replace("\n", "\\n")
        line = f"{_moment(record)} {record.levelname.lower()} {said} {told}"
        if record.exc_info:
            line = f"{line}\n{self.formatException(record.exc_info)}"
        return redacted(line.rstrip())


def configure(kind: str, stream: TextIO | None = None) -> None:
    """Send what the service and its server say to a stream (None: stderr), one line each."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if kind == "json" else TextLines())
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(logging.INFO)
        logger.propagate = False
    # Its start and stop are told by `serve` itself.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)


def _moment(record: logging.LogRecord) -> str:
    return (
        f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{record.msecs:03.0f}Z"
    )
