"""Derived indexes follow the truth: the one rule, at the first use and after every change.

For each engine, numbers that the truth no longer holds are removed and features that the index
does not know are added. Whatever is acknowledged is in the truth, so an index that was lost or is
behind catches up by itself, and one made with other parameters is refused, never searched.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, get_args

import numpy as np

from earmark.bootstrap import Parts
from earmark.errors import LibraryParametersError, StoreError
from earmark.ports import Choosing, Engine, Numbers, Outgrowing
from earmark.types import Kind

CHUNK = 512
"""Numbers whose features are in memory at a time while an index is built."""
FLUSH_EVERY = 2048
"""Additions after which a writer makes the index durable: little is repeated after a kill."""


class Indexes:
    """Every engine of one library, opened when first asked for, kept in step with the truth.

    Searching needs no lock here; changes are made by one thread at a time.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._lock = threading.RLock()
        self._engines: dict[str, Engine[Any]] = {}
        self._revisions: dict[str, int] = {}
        self._unflushed = 0
        self._place = parts.place()

    @property
    def names(self) -> tuple[str, ...]:
        """The engines that are switched on, in the order in which ``auto`` asks them."""
        off = self._parts.off()
        return tuple(name for name in self._parts.plugins if name not in off)

    @property
    def off(self) -> tuple[str, ...]:
        """The engines that are switched off in this library."""
        off = self._parts.off()
        return tuple(name for name in self._parts.plugins if name in off)

    @property
    def all_names(self) -> tuple[str, ...]:
        """Every engine that is installed."""
        return tuple(self._parts.plugins)

    def kind(self, name: str) -> Kind:
        """Return the kind of an engine's matches; built-in engines need not be opened for it."""
        kinds: dict[str, Kind] = {kind: kind for kind in get_args(Kind)}
        return kinds[name] if name in kinds else self.engine(name).kind

    def engine(self, name: str) -> Engine[Any]:
        """Return an engine as it is, perhaps behind the truth."""
        with self._lock:
            if name not in self._engines:
                self._engines[name] = self._parts.open_engine(name)
            return self._engines[name]

    def current(self, name: str) -> Engine[Any]:
        """Return an engine that knows all that the truth holds at this moment.

        Raises
        ------
        LibraryParametersError
            The library's features were made with other parameters; it names the remedy.
        DamagedIndexError
            The index cannot be read; it names the remedy.
        """
        if self._parts.place() != self._place:
            self._move()
        if self._revisions.get(name) != self._parts.tracks.revision():
            with self._lock:
                self._catch_up(name)
        return self.engine(name)

    def follow(self) -> None:
        """Bring every engine up to date after a write; the caller holds the writer's lock."""
        with self._lock:
            self._settle()
            changed = sum(self._catch_up(name, durable=True) for name in self.names)
            self._unflushed += changed
            if self._unflushed >= FLUSH_EVERY:
                self.flush()

    def flush(self) -> None:
        """Make every engine's index durable; the caller holds the writer's lock."""
        with self._lock:
            self._settle()
            for name in self.names:
                # What another process has flushed meanwhile must not be written over.
                self._revisions.pop(name, None)
                self._catch_up(name, durable=True)
                engine = self.engine(name)
                engine.flush()
                if isinstance(engine, Outgrowing) and engine.outgrown():
                    self.rebuild(name)
            self._unflushed = 0
            self._parts.leave()

    def rebuild(self, name: str, progress: Callable[[int], None] | None = None) -> int:
        """Build one index again from the truth alone; the caller holds the writer's lock.

        Returns
        -------
        int
            The number of audios indexed. Features of another digest are left out.
        """
        with self._lock:
            self._settle()
            self._discard(name)
            engine = self.engine(name)
            self._record(name, engine)
            revision = self._parts.tracks.revision()
            done = 0
            for chunk in _chunks(self._parts.tracks.numbers(name)):
                engine.add(self._unpacked(name, engine, chunk, strict=False))
                done += len(chunk)
                gathering = isinstance(engine, Outgrowing) and engine.gathering()
                if done % FLUSH_EVERY < CHUNK and not gathering:
                    engine.flush()
                if progress:
                    progress(len(chunk))
            engine.flush()
            self._revisions[name] = revision
            self._parts.leave()
            return len(engine.known())

    def choices(self) -> dict[str, Mapping[str, str]]:
        """Return the choices of the engines that were opened for any."""
        engines = ((name, self.engine(name)) for name in self.names)
        return {name: engine.choices for name, engine in engines if isinstance(engine, Choosing)}

    def choose(self, name: str, choices: Mapping[str, str]) -> None:
        """Open an engine anew for other choices; its index is to be rebuilt after that.

        The caller holds the writer's lock. What the engine's plug-in or its analysis raises for
        these choices is raised before anything has changed.
        """
        with self._lock:
            self._parts.try_choices(name, choices)
            self._discard(name)
            self._engines.pop(name, None)
            self._parts.choose(name, choices)

    def switch(self, name: str, on: bool) -> int:
        """Switch an engine on or off; the caller holds the writer's lock.

        Off, its index is dropped and its features stay in the truth; on, the index is made again.

        Returns
        -------
        int
            How many audios it cannot find until a rebuild.
        """
        with self._lock:
            self._parts.switch(name, on)
            if not on:
                self._discard(name)
                self._engines.pop(name, None)
                return 0
            audios = int(self._parts.tracks.totals()["audios"])
            try:
                self._catch_up(name, durable=True)
                self.engine(name).flush()
            except LibraryParametersError:
                return audios
            return audios - len(self.engine(name).known())

    def faults(self) -> list[str]:
        """Return one sentence for each thing wrong with an index or its parameters."""
        found: list[str] = []
        for name in self.names:
            try:
                engine = self.current(name)
                found.extend(engine.verify())
                missing = int(self._parts.tracks.totals()["audios"]) - len(engine.known())
                if missing > 0:
                    found.append(
                        f"{missing} recordings have no features of {name!r} that can be searched; "
                        "run `earmark rebuild` where their files can be read"
                    )
            except StoreError as error:
                found.append(error.message)
        return found

    def _settle(self) -> None:
        """Go on where vectors are to be from now on; the caller holds the writer's lock."""
        if self._parts.settle():
            self._move()

    def _move(self) -> None:
        """Open every engine anew: its vectors are elsewhere. What they hold is in the truth."""
        with self._lock:
            self._engines.clear()
            self._revisions.clear()
            self._place = self._parts.place()

    def _discard(self, name: str) -> None:
        try:
            self.engine(name).drop()
        except StoreError:
            self._engines.pop(name, None)
            self._parts.room(name).discard()
        self._revisions.pop(name, None)

    def _catch_up(self, name: str, *, durable: bool = False) -> int:
        """Apply the rule to one engine; return how many numbers changed."""
        tracks = self._parts.tracks
        revision = tracks.revision()
        if self._revisions.get(name) == revision:
            return 0
        engine = self._as_chosen(name)
        strict = self._check_digest(name, engine, record=durable)
        engine.reload()
        live, known = tracks.numbers(name), engine.known()
        gone = np.setdiff1d(known, live, assume_unique=True)
        missing = np.setdiff1d(live, known, assume_unique=True)
        if len(gone):
            engine.remove(gone.tolist())
        for chunk in _chunks(missing):
            engine.add(self._unpacked(name, engine, chunk, strict=strict))
        self._revisions[name] = revision
        return len(gone) + len(missing)

    def _as_chosen(self, name: str) -> Engine[Any]:
        """Return an engine, opened anew if another process has gone over to other choices."""
        engine = self.engine(name)
        chosen = self._parts.manifest().choices.get(name)
        if chosen and isinstance(engine, Choosing) and dict(chosen) != dict(engine.choices):
            self._engines.pop(name)
            engine = self.engine(name)
        return engine

    def _record(self, name: str, engine: Engine[Any]) -> None:
        choices = engine.choices if isinstance(engine, Choosing) else {}
        self._parts.record_digest(name, engine.analysis.digest, choices)

    def _check_digest(self, name: str, engine: Engine[Any], *, record: bool) -> bool:
        """Refuse a library of other parameters; return whether every stored digest must agree.

        Once ``library.json`` names the digest, single features of another one are those that a
        rebuild could not make again; they are left out instead.
        """
        recorded, digest = self._parts.manifest().digests.get(name), engine.analysis.digest
        if recorded is None:
            if record:
                self._record(name, engine)
            return True
        if recorded != digest:
            raise self._other_parameters(name, recorded, digest)
        return False

    def _unpacked(
        self, name: str, engine: Engine[Any], numbers: Sequence[int], *, strict: bool
    ) -> Iterator[tuple[int, Any]]:
        analysis = engine.analysis
        for number, stored in self._parts.tracks.features(name, numbers):
            if stored.digest == analysis.digest:
                yield number, analysis.unpack(stored.data)
            elif strict:
                raise self._other_parameters(name, stored.digest, analysis.digest)

    def _other_parameters(self, name: str, stored: str, own: str) -> LibraryParametersError:
        place = self._parts.address
        return LibraryParametersError(
            f"the library {place} was built with other parameters of {name!r} ({stored}, this "
            f"earmark has {own}); run `earmark --library {place} rebuild`"
        )


def _chunks(numbers: Numbers) -> Iterator[list[int]]:
    for start in range(0, len(numbers), CHUNK):
        yield numbers[start : start + CHUNK].tolist()
