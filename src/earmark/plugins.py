"""Engines come through one door: entry points of the group ``earmark.engines``.

Built-in engines stand in this project's own entry points (pyproject.toml), so that a plug-in
package and a built-in room are found, named and opened alike.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from earmark.errors import UsageError
from earmark.ports import EnginePlugin

GROUP = "earmark.engines"
ORDER = ("recording", "melody", "sound")

# A checkout that is not installed has no metadata; these mirror pyproject.toml (tested).
BUILT_IN = (
    EntryPoint("recording", "earmark.recording.engine:plugin", GROUP),
    EntryPoint("melody", "earmark.melody.engine:plugin", GROUP),
    EntryPoint("sound", "earmark.sound.engine:plugin", GROUP),
)
_OWN = frozenset(entry.value for entry in BUILT_IN)


@dataclass(frozen=True, slots=True)
class Declared:
    """One engine that some installed package declares; nothing of it is imported yet."""

    entry: EntryPoint

    @property
    def name(self) -> str:
        """The engine's name: the key of its features and the name of its index folder."""
        return self.entry.name

    def load(self) -> EnginePlugin:
        """Import the plug-in; whatever the import raises escapes."""
        plugin = self.entry.load()
        if not callable(plugin):
            message = f"{self.entry.value} is not callable"
            raise TypeError(message)
        return cast("EnginePlugin", plugin)


def declared_engines() -> tuple[Declared, ...]:
    """Return every declared engine, built-in kinds first, without importing any of them.

    A package that declares an engine under a built-in one's name replaces it.
    """
    found = {entry.name: entry for entry in BUILT_IN}
    for entry in entry_points(group=GROUP):
        if entry.value not in _OWN:
            found[entry.name] = entry
    ranked = sorted(found, key=lambda name: (_rank(name), name))
    return tuple(Declared(found[name]) for name in ranked)


def load_engines(declared: tuple[Declared, ...]) -> dict[str, EnginePlugin]:
    """Import the plug-ins; a broken one is left out with one warning that names it."""
    plugins: dict[str, EnginePlugin] = {}
    for candidate in declared:
        try:
            plugins[candidate.name] = candidate.load()
        except Exception as error:  # a foreign package may raise anything at import
            warnings.warn(
                f"the engine {candidate.name!r} ({candidate.entry.value}) is left out: "
                f"{type(error).__name__}: {error}",
                RuntimeWarning,
                stacklevel=2,
            )
    if not plugins:
        message = "no engine could be loaded; install earmark again (`pip install earmark`)"
        raise UsageError(message)
    return plugins


def _rank(name: str) -> int:
    return ORDER.index(name) if name in ORDER else len(ORDER)
