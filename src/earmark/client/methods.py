"""What makes methods of both clients out of the functions in `calls`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any


def signature_with_self(make: Callable[..., Any]) -> inspect.Signature:
    """Return a function's signature as a method's, for `help`: what its ``Call`` holds comes back.

    >>> def get(track_id: str) -> Call[Track]: ...
    >>> str(signature_with_self(get))
    "(self, /, track_id: 'str') -> 'Track'"
    """
    plain = inspect.signature(make)
    this = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    held = str(plain.return_annotation).removeprefix("Call[").removesuffix("]")
    return plain.replace(parameters=[this, *plain.parameters.values()], return_annotation=held)
