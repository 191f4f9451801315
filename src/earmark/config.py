"""Settings: flags over environment (``EARMARK_*``) over a TOML file over defaults."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from earmark.errors import UsageError

DEFAULT_LIBRARY = "earmark-library"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a deployment may want to set.

    ``library`` is a folder; ``workers`` the number of analysis processes (0: one per core);
    ``lock_wait_s`` how long a writer waits for another; ``fetch_limit_bytes`` and
    ``fetch_timeout_s`` bound the download of a URL. ``model`` is the sound model of new libraries
    (``auto``: the best that is here). ``vectors`` is where vectors are: ``embedded``, the path of
    a Milvus Lite file (``.db``) or a Milvus' URL; empty: where the library remembers.
    ``milvus_token`` is ``user:password`` or a key for it.
    """

    library: str = DEFAULT_LIBRARY
    workers: int = 0
    lock_wait_s: float = 60.0
    fetch_limit_bytes: int = 2_000_000_000
    fetch_timeout_s: float = 30.0
    model: str = "auto"
    vectors: str = field(default="", repr=False)
    milvus_token: str = field(default="", repr=False)

    @property
    def worker_count(self) -> int:
        """The number of analysis processes to start."""
        if self.workers > 0:
            return self.workers
        return (
            len(os.sched_getaffinity(0))
            if hasattr(os, "sched_getaffinity")
            else os.cpu_count() or 1
        )


def load_settings(
    environment: Mapping[str, str] | None = None, **flags: str | float | None
) -> Settings:
    """Return the settings in force.

    Parameters
    ----------
    environment
        Where ``EARMARK_*`` is looked up; None is the process environment. ``EARMARK_CONFIG`` names
        the TOML file; without it ``earmark.toml`` in the working folder is read if it is there.
    flags
        Fields of `Settings` that a caller gave; None means not given.

    Raises
    ------
    UsageError
        A name or value that `Settings` does not have; the message names where it came from.
    """
    environment = os.environ if environment is None else environment
    values: dict[str, str | int | float] = {}
    known = {f.name: type(f.default) for f in fields(Settings)}
    for name, value in _toml(environment).items():
        values[name] = _typed(name, value, known, "the TOML file")
    for name in known:
        variable = f"EARMARK_{name.upper()}"
        if environment.get(variable):
            values[name] = _typed(name, environment[variable], known, variable)
    for name, flag in flags.items():
        if flag is not None:
            values[name] = _typed(name, flag, known, f"--{name.replace('_', '-')}")
    return Settings(**values)  # type: ignore[arg-type]


def _toml(environment: Mapping[str, str]) -> dict[str, object]:
    named = environment.get("EARMARK_CONFIG")
    path = Path(named or "earmark.toml")
    if not path.is_file():
        if named:
            message = f"EARMARK_CONFIG names {named!r}, which is not a file"
            raise UsageError(message)
        return {}
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except tomllib.TOMLDecodeError as error:
        message = f"{path} is not valid TOML: {error}"
        raise UsageError(message) from error


def _typed(name: str, value: object, known: Mapping[str, type], where: str) -> str | int | float:
    if name not in known:
        message = f"unknown setting {name!r} in {where}; known: {', '.join(sorted(known))}"
        raise UsageError(message)
    kind = known[name]
    try:
        if kind is str:
            return str(value)
        return int(str(value)) if kind is int else float(str(value))
    except ValueError as error:
        message = f"setting {name} wants {kind.__name__}, got {value!r} from {where}"
        raise UsageError(message) from error
