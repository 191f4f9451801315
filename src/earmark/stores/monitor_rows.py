"""Records of monitoring as JSON, the same in SQLite and in Redis; nothing is rounded or left out.

A record may lie in several texts: what changes often, or is large, apart from the rest. A field
that a text lacks has its default: an older earmark did not know it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from earmark.errors import DamagedIndexError
from earmark.ports import Decision, Entry, Scan, Stream

T = TypeVar("T")
Text = str | bytes
NONSENSE = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What reading a text that holds no record may raise."""


def packed(record: object, *names: str) -> str:
    """Return the JSON of a record, or of the named fields of it; the same record, the same text.

    Plain ASCII, in which names that are no text survive as lone surrogates.

    >>> packed(Decision("reject", "Ann", 5.5), "ruling", "at")
    '{"ruling":"reject","at":5.5}'
    """
    told = {name: getattr(record, name) for name in names or _names(type(record))}
    return json.dumps(told, default=_shape, separators=(",", ":"))


def unpacked(place: object, kind: type[T], *texts: Text) -> T:
    """Return the record that the texts hold together.

    Raises
    ------
    DamagedIndexError
        They hold none; ``place`` says where they lie.
    """
    try:
        shape: dict[str, Any] = {}
        for text in texts:
            shape |= json.loads(text)
        return _record(kind, shape)
    except NONSENSE as error:
        raise damaged_log(place, f"{kind.__name__}: {error}") from error


def _fields(kind: Any) -> tuple[str, ...]:  # noqa: ANN401 - the class of a record
    return tuple(field.name for field in fields(kind))


# For mypy some classes are not hashable.
_names: Callable[[Any], tuple[str, ...]] = cache(_fields)


def rest(kind: type, *apart: str) -> tuple[str, ...]:
    """Return the names of a record's fields without those that are kept apart."""
    return tuple(name for name in _names(kind) if name not in apart)


ENTRY = rest(Entry, "decisions")
"""What the text of an entry holds; its decisions lie beside it, a line each."""
STREAM_GOING = ("state", "state_at", "heard_s", "reconnects", "error")
STREAM = rest(Stream, *STREAM_GOING)
"""What was asked for of a stream; how it goes lies beside it."""
SCAN_LARGE = ("checkpoint", "timeline")
SCAN = rest(Scan, *SCAN_LARGE)
"""What is told of a scan in a list; the large rest lies beside it."""


def decision_line(decision: Decision) -> str:
    """Return the line of a decision in an entry's trail."""
    return packed(decision) + "\n"


def trail_of(decisions: Sequence[Decision]) -> str:
    """Return the lines of an entry's decisions."""
    return "".join(map(decision_line, decisions))


def entry_of(place: object, text: Text, trail: Text) -> Entry:
    """Return an entry; whatever stands before a decision in its line is the store's own."""
    lines = (trail if isinstance(trail, str) else trail.decode("ascii", "replace")).split("\n")
    try:
        shape = json.loads(text)
        shape["decisions"] = [json.loads(line[line.index("{") :]) for line in lines if line]
        return _record(Entry, shape)
    except NONSENSE as error:
        raise damaged_log(place, f"Entry: {error}") from error


def damaged_log(place: object, what: object) -> DamagedIndexError:
    """Return the error for a monitoring log that cannot be read."""
    message = (
        f"{place} holds what this earmark cannot read ({what}); it is damaged, or a newer earmark "
        "wrote it"
    )
    return DamagedIndexError(message)


def _shape(value: Any) -> Any:  # noqa: ANN401 - whatever JSON does not know
    if is_dataclass(value):
        return {name: getattr(value, name) for name in _names(type(value))}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Iterable):
        return list(value)
    message = f"{type(value).__name__} is no part of a record"
    raise TypeError(message)


def _reader(hint: Any) -> Callable[[Any], Any] | None:  # noqa: ANN401 - an annotation
    """Return what makes the value of a field out of what JSON gives, None if that is it."""
    origin, inner = get_origin(hint), [one for one in get_args(hint) if one is not type(None)]
    if isinstance(hint, type) and is_dataclass(hint):
        return lambda shape: _record(hint, shape)
    if origin is tuple:
        read = _reader(inner[0])
        return tuple if read is None else lambda values: tuple(map(read, values))
    if origin in (Union, UnionType) and len(inner) == 1 and (one := _reader(inner[0])):
        return lambda value: None if value is None else one(value)
    return None


def _read_fields(kind: Any) -> Mapping[str, Callable[[Any], Any] | None]:  # noqa: ANN401
    return {name: _reader(hint) for name, hint in get_type_hints(kind).items()}


_readers: Callable[[Any], Mapping[str, Callable[[Any], Any] | None]] = cache(_read_fields)


def _record(kind: type[T], shape: Mapping[str, Any]) -> T:
    readers, values = _readers(kind), {}
    for name, value in shape.items():
        # A newer earmark beside the same Redis may have written more.
        if name in readers:
            read = readers[name]
            values[name] = value if read is None else read(value)
    return kind(**values)
