"""The names of the sounds that the models know."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def audioset_labels() -> tuple[str, ...]:
    """Return the 527 names of AudioSet, in the order of every network trained on all of it."""
    return _lines("audioset_527.txt")


@cache
def yamnet_labels() -> tuple[str, ...]:
    """Return the 521 names that YAMNet knows, in its order."""
    return _lines("yamnet_521.txt")


def _lines(name: str) -> tuple[str, ...]:
    text = (files("earmark.sound") / "data" / name).read_text(encoding="utf-8")
    return tuple(text.splitlines())
