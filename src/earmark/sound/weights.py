"""Where a model's weights lie on this machine, and whether they are the right ones."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from earmark.errors import CheckpointError, ModelUnavailableError
from earmark.sound.model import ModelInfo

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Places:
    """Where weights are looked for, in this order, and where they come from.

    ``weights`` is a file that somebody named; ``models`` a folder in which weights lie under their
    upstream names, which may be read-only; ``cache`` the folder that `fetch` fills; ``mirror`` the
    base of the addresses to fetch from instead of upstream's.
    """

    cache: Path
    weights: Path | None = None
    models: Path | None = None
    mirror: str = ""

    @classmethod
    def told(
        cls, environment: Mapping[str, str] | None = None, weights: Path | None = None
    ) -> Places:
        """Return the places that the environment tells of; ``weights`` goes before its own."""
        environment = os.environ if environment is None else environment
        named = environment.get("EARMARK_WEIGHTS")
        models = environment.get("EARMARK_MODELS")
        return cls(
            cache=_caches(environment) / "earmark" / "models",
            weights=weights or (Path(named) if named else None),
            models=Path(models) if models else None,
            mirror=environment.get("EARMARK_MODELS_MIRROR", ""),
        )


def _caches(environment: Mapping[str, str]) -> Path:
    """Return the user's folder for caches; a user without a home has the system's."""
    if named := environment.get("XDG_CACHE_HOME"):
        return Path(named)
    try:
        return Path(environment.get("HOME") or Path.home()) / ".cache"
    except RuntimeError:  # a container's number without a name
        return Path(tempfile.gettempdir())


def found(info: ModelInfo, places: Places) -> Path | None:
    """Return the file of a model's weights, unread, or None where it is not here."""
    if not info.file_name:
        return None
    if places.weights is not None:
        return places.weights
    folders = [places.cache] if places.models is None else [places.models, places.cache]
    candidates = [folder / info.file_name for folder in folders]
    return next((path for path in candidates if path.is_file()), None)


def is_here(info: ModelInfo, places: Places) -> bool:
    """Return whether a model needs no fetching; a file's content is only checked when it opens."""
    path = found(info, places)
    return not info.file_name or (path is not None and path.is_file())


def verified(info: ModelInfo, path: Path) -> Path:
    """Return ``path`` after comparing its sha256 with the one that the model declares.

    Raises
    ------
    CheckpointError
        Another file lies there.
    ModelUnavailableError
        No file lies there, or it cannot be read.
    """
    try:
        status = path.stat()
        digest = _digest(path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        message = f"the weights of {info.name} cannot be read from {path} ({error.strerror})"
        raise ModelUnavailableError(f"{message}; {remedy(info)}") from error
    if digest != info.sha256:
        message = (
            f"{path} is not the file of weights that {info.name} was released with: "
            f"sha256 {info.sha256} was expected, {digest} found; take it away, then {remedy(info)}"
        )
        raise CheckpointError(message)
    return path


def remedy(info: ModelInfo) -> str:
    """Return what helps where a model's weights are not here."""
    if not info.source:
        return f"put {info.file_name} into the folder that EARMARK_MODELS names"
    return (
        f"run `earmark models fetch {info.name}`, or put {info.file_name} into the folder that "
        "EARMARK_MODELS names"
    )


def missing(info: ModelInfo) -> ModelUnavailableError:
    """Return the error for a model whose weights are not here."""
    return ModelUnavailableError(f"the weights of {info.name} are not here; {remedy(info)}")


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file; raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


@cache
def _digest(path: Path, size: int, mtime_ns: int) -> str:  # noqa: ARG001 - they make it fresh
    return sha256_of(path)
