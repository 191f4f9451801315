"""What keeps a library well: engines off and on, indexes built again, carrying it away."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path

from earmark.errors import ArchiveError, UsageError
from earmark.library.opened import Opened
from earmark.ports import NewTrack
from earmark.reports import CopyReport, ProgressCallback, RebuildReport, RepairReport


class Upkeep(Opened):
    """What concerns the library as a whole."""

    def switch(self, name: str, on: bool) -> int:
        """Switch an engine on or off in this library, for every process.

        An engine that is off is not asked and costs nothing when tracks are added. Its index is
        dropped; its features stay, so that switching it on again needs no audio.

        Returns
        -------
        int
            How many different audios need `rebuild` before the engine finds them.

        Raises
        ------
        UsageError
            No such engine, or the last one that is on.
        """
        known = self._indexes.all_names
        if name not in known:
            message = f"no engine {name!r} is installed; there are: {', '.join(known)}"
            raise UsageError(message)
        if not on and set(self._indexes.names) <= {name}:
            message = f"{name!r} is the only engine that is on; switch another one on first"
            raise UsageError(message)
        with self._alone():
            return self._indexes.switch(name, on)

    def rebuild(
        self,
        *,
        model: str | None = None,
        workers: int | None = None,
        progress: ProgressCallback | None = None,
    ) -> RebuildReport:
        """Build every derived index again from the truth.

        Features made with other parameters than this earmark's are first made again from their
        sources; those whose source is missing are reported and cannot be found until it is back.

        Parameters
        ----------
        model
            The sound model to go over to (see `earmark models list`); None keeps the library's.

        Raises
        ------
        UsageError
            No such model; nothing has changed then.
        ModelUnavailableError, CheckpointError
            It cannot be opened here; nothing has changed then.
        """
        from earmark.rebuild import Rebuild

        count = workers or self._settings.worker_count
        with self._alone():
            if model is not None:
                self._indexes.choose("sound", {"model": model})
            return Rebuild(self._tracks, self._indexes, self._analyst(), count, progress).run()

    def check(self) -> list[str]:
        """Return one sentence for each fault found in the truth or an index; reads everything."""
        return [*self._parts.home.faults(), *self._tracks.check(), *self._indexes.faults()]

    def repair(self, *, progress: ProgressCallback | None = None) -> RepairReport:
        """Mend what the truth suffices to mend, without any audio; tell what is wrong still.

        What writers that were killed have left is cleared away, indexes get what they lack and
        lose what no track has, and damaged ones are built again. It reads everything, twice.
        """
        from earmark.drift import repair

        with self._alone():
            return repair(self._tracks, self._indexes, self.check, progress)

    def export_to(
        self,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        progress: ProgressCallback | None = None,
    ) -> CopyReport:
        """Write the whole library, without audio, to one portable file.

        Raises
        ------
        UsageError
            The file exists and may not be overwritten.
        StoreError, DiskFullError
            It cannot be written.
        """
        from earmark.archive.write import export
        from earmark.homes import store_errors

        with store_errors(path):
            return export(
                self._tracks,
                self._indexes.all_names,
                Path(path),
                overwrite=overwrite,
                progress=progress,
            )

    def import_from(
        self, path: str | os.PathLike[str], *, progress: ProgressCallback | None = None
    ) -> CopyReport:
        """Add every track of an archive under its old id; what is here already is left alone.

        Raises
        ------
        ArchiveError
            Not an archive, or damaged.
        LibraryVersionError, LibraryParametersError
            Made by an earmark whose features this one cannot search.
        """
        from earmark.archive.read import import_into

        for name in self._indexes.names:
            self._indexes.current(name)
        digests = {name: self._indexes.engine(name).analysis.digest for name in self._indexes.names}

        def commit(batch: Sequence[NewTrack]) -> None:
            self._require_readable(batch, path)
            self._commit(batch)

        report = import_into(self._tracks, commit, digests, Path(path), progress)
        self._settle()
        return report

    def copy_to(
        self,
        target: Upkeep,
        *,
        progress: ProgressCallback | None = None,
        stop: threading.Event | None = None,
    ) -> CopyReport:
        """Copy every track into another library, of whatever kind, and compare both at the end.

        Tracks keep their ids, metadata, covers, the day they were added and every engine's
        features; the audio files stay where they are. A target that holds nothing takes over the
        models and the engines that are off. What the target holds besides stays; where it has
        another content under the same id, this library's is written. A copy that was cut off,
        even by a kill, goes on when it is run again.

        Parameters
        ----------
        progress
            Called with how far it is; every track counts twice, copied and compared.
        stop
            Once set, the batch in hand is committed and `StoppedError` raised.

        Raises
        ------
        UsageError
            The target is this library.
        LibraryParametersError
            The target's features were made with other parameters or another model.
        DamagedIndexError
            A track cannot be made the same on both sides.
        StoreError
            One of the libraries is the trouble; what was committed stays.
        """
        from earmark.copying.beginnings import (
            require_another,
            require_same_parameters,
            take_over,
        )
        from earmark.copying.run import Copy
        from earmark.copying.whole import Side

        require_another(self._parts, target._parts)
        if not len(target):
            with target._alone():
                if not len(target):  # another may have begun meanwhile
                    take_over(self._parts, target._parts, target._indexes)
        for name in target._indexes.names:
            target._indexes.current(name)  # a library that cannot be searched takes nothing in
        require_same_parameters(self._parts, target._parts)
        engines = sorted({*self._indexes.all_names, *self._parts.manifest().digests})
        copy = Copy(
            Side(self._tracks, self._parts.address, engines),
            Side(target._tracks, target._parts.address, engines),
            target._commit,
            lock_wait_s=target._settings.lock_wait_s,
            progress=progress,
            stop=stop,
        )
        return copy.run(target._settle)

    def _require_readable(self, batch: Sequence[NewTrack], path: str | os.PathLike[str]) -> None:
        """Refuse features that no index can be made of: no search would work any more."""
        for name in self._indexes.names:
            analysis = self._indexes.engine(name).analysis
            for new in batch:
                stored = new.features.get(name)
                if stored is None or stored.digest != analysis.digest:
                    continue
                try:
                    analysis.unpack(stored.data)
                except Exception as error:  # bytes of no shape may break an unpacker in any way
                    message = f"{os.fspath(path)!r} is damaged (features of {new.source!r})"
                    raise ArchiveError(message) from error
