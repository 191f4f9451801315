"""A new track's metadata as forms and JSON bring it, checked the same way."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from earmark.errors import InvalidRequestError
from earmark.ingest.scores import SCORE
from earmark.service.answering.schemas import Changes
from earmark.service.bodies.uploads import validated
from earmark.types import Track

FIELDS = frozenset(Changes.model_fields)


def from_form(fields: Mapping[str, Sequence[str]]) -> Changes:
    """Return a form's fields: tags separated by commas or repeated, ``extra`` a JSON object."""
    document: dict[str, Any] = {}
    for name, values in fields.items():
        if name == "tags":
            words = [word.strip() for value in values for word in value.split(",")]
            document[name] = [word for word in words if word]
        elif len(values) > 1:
            message = f"the field {name!r} came {len(values)} times; send it once"
            raise InvalidRequestError(message)
        elif name == "extra":
            document[name] = _object(values[0]) if values[0].strip() else None
        else:
            document[name] = values[0]
    return validated(Changes, document)


def checked_extra(changes: Changes, old: Track | None = None) -> Mapping[str, str] | None:
    """Return the extra fields to write: the one that names an attached score is not the caller's.

    Raises
    ------
    InvalidRequestError
        They name another score than the track has.
    """
    if changes.extra is None:
        return None
    score = old.extra.get(SCORE) if old is not None else None
    if changes.extra.get(SCORE, score) != score:
        message = f"extra.{SCORE} is earmark's own; attach a score with PUT /v1/tracks/ID/score"
        raise InvalidRequestError(message)
    return changes.extra if score is None else {**changes.extra, SCORE: score}


def _object(text: str) -> Any:  # noqa: ANN401 - the model looks at it
    try:
        document = json.loads(text)
        json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        message = f"the field 'extra' is not JSON: {error}"
        raise InvalidRequestError(message) from error
    return document
