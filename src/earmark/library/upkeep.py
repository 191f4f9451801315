"""What keeps a library well: engines off and on, indexes built again, carrying it away."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from earmark.errors import ArchiveError, UsageError
from earmark.library.opened import Opened
from earmark.ports import NewTrack
from earmark.reports import CopyReport, ProgressCallback, RebuildReport


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
        with self._tracks.writing():
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
        with self._tracks.writing():
            if model is not None:
                self._indexes.choose("sound", {"model": model})
            return Rebuild(self._tracks, self._indexes, self._analyst(), count, progress).run()

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
        from earmark.bootstrap import store_errors

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
