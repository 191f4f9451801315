"""JSON taken by its kinds: a value of another kind than expected is a `TypeError`, never passed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from earmark.errors import ServiceError


@contextmanager
def readable(what: str) -> Iterator[None]:
    """Turn what reading foreign JSON raises into one `ServiceError` about ``what``."""
    try:
        yield
    except (LookupError, TypeError, ValueError, OverflowError, RecursionError) as error:
        why = f"{type(error).__name__}: {error}"[:200].replace("\n", " ")
        message = f"{what} is not what an earmark service of this version sends ({why})"
        raise ServiceError(message) from error


def table(json: Any) -> Mapping[str, Any]:  # noqa: ANN401 - whatever JSON holds
    """Return an object."""
    return json if isinstance(json, dict) else _refuse("an object", json)


def seq(json: Any) -> Sequence[Any]:  # noqa: ANN401
    """Return an array."""
    return json if isinstance(json, list) else _refuse("an array", json)


def text(json: Any) -> str:  # noqa: ANN401
    """Return a text."""
    return json if isinstance(json, str) else _refuse("a text", json)


def text_or_none(json: Any) -> str | None:  # noqa: ANN401
    """Return a text, or None for null."""
    return None if json is None else text(json)


def texts(json: Any) -> tuple[str, ...]:  # noqa: ANN401
    """Return an array of texts."""
    return tuple(text(one) for one in seq(json))


def number(json: Any) -> float:  # noqa: ANN401
    """Return a number."""
    if isinstance(json, int | float) and not isinstance(json, bool):
        return float(json)
    return _refuse("a number", json)


def numbers(json: Any, missing: float) -> list[float]:  # noqa: ANN401
    """Return an array of numbers in which null stands for ``missing``."""
    return [missing if one is None else number(one) for one in seq(json)]


def whole(json: Any) -> int:  # noqa: ANN401
    """Return a whole number."""
    if isinstance(json, int) and not isinstance(json, bool):
        return json
    return _refuse("a whole number", json)


def truth(json: Any) -> bool:  # noqa: ANN401
    """Return true or false."""
    return json if isinstance(json, bool) else _refuse("true or false", json)


def _refuse(wanted: str, json: object) -> NoReturn:
    message = f"{wanted} was expected, not {type(json).__name__}"
    raise TypeError(message)
