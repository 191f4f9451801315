"""Following a long source: the engine that does it, through all that happens to the library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from earmark.errors import StoreError, UsageError
from earmark.indexes import Indexes
from earmark.ports import Follower, Following, Run, Sheet
from earmark.types import Kind, Samples

_PURPOSE = "monitoring needs an engine that names recordings"


class Follow:
    """A `Follower` that stays in step with a library whose tracks come and go.

    Attributes
    ----------
    rate_hz : int
        The rate of the mono samples to feed.
    """

    def __init__(self, indexes: Indexes, effort: float) -> None:
        self._indexes = indexes
        self._effort = effort
        self._name = require(
            indexes, "recording", "monitoring needs an engine that names recordings"
        )
        self._engine: object = None
        self._follower: Follower | None = None
        self._shift_s = 0.0  # what was fed before the follower at work began
        self._key = 0
        self._next_key = 0
        self._fed = 0
        self._sheets: list[Sheet] = []
        self.rate_hz = indexes.engine(self._name).analysis.rate_hz

    def feed(self, samples: Samples) -> list[Run]:
        """Take the next mono samples; return runs that are new or changed.

        Raises
        ------
        StoreError
            The library is away. Time goes on: what is fed after that is heard anew.
        """
        self._fed += len(samples)
        try:
            told, follower = self._current(len(samples))
            runs = follower.feed(samples)
        except StoreError:
            self._engine = None
            raise
        return [*told, *self._told(runs)]

    def finish(self) -> list[Run]:
        """Close every run."""
        return [] if self._follower is None else self._told(self._follower.finish())

    def restart(self) -> None:
        """Begin a new source at second 0."""
        self._engine, self._follower = None, None
        self._key = self._next_key
        self._fed, self._shift_s = 0, 0.0
        self._sheets.clear()

    def sheets(self, zero_s: float = 0.0) -> list[Sheet]:
        """Return the spectra made since the last call, ``zero_s`` later than what was fed."""
        self._collect()
        found, self._sheets = self._sheets, []
        return [replace(sheet, start_s=sheet.start_s + zero_s) for sheet in found]

    @property
    def settled_s(self) -> float:
        """Up to here of what was fed no new run will begin."""
        return 0.0 if self._follower is None else self._shift_s + self._follower.settled_s

    def _current(self, newest: int) -> tuple[list[Run], Follower]:
        """Return the follower of the engine as it is now, and what an older one still tells."""
        engine = self._indexes.current(self._name)
        if self._follower is not None and engine is self._engine:
            return [], self._follower
        if not isinstance(engine, Following):
            message = f"the engine {self._name!r} cannot follow a source"
            raise UsageError(message)
        told = self.finish()
        self._collect()
        self._engine = engine
        self._key = self._next_key
        self._shift_s = (self._fed - newest) / self.rate_hz
        self._follower = engine.follower(effort=self._effort)
        return told, self._follower

    def _told(self, runs: Sequence[Run]) -> list[Run]:
        told = []
        for run in runs:
            key = self._key + run.key
            self._next_key = max(self._next_key, key + 1)
            told.append(replace(run, key=key, query=run.query.shifted(self._shift_s)))
        return told

    def _collect(self) -> None:
        if self._follower is not None:
            self._sheets += [
                replace(sheet, start_s=sheet.start_s + self._shift_s)
                for sheet in self._follower.sheets()
            ]


def require(indexes: Indexes, kind: Kind, purpose: str) -> str:
    """Return the name of the engine of a kind; raises `UsageError` where it is not on."""
    for name in indexes.names:
        if indexes.kind(name) == kind:
            return name
    off = [name for name in indexes.off if indexes.kind(name) == kind]
    remedy = f"; switch it on with `earmark engines --on {off[0]}`" if off else ""
    message = f"{purpose}, and none is on{remedy}"
    raise UsageError(message)
