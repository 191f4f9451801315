"""The use cases: add, identify, list, change, remove, rebuild, carry away. Faces stand on this."""

from __future__ import annotations

import os
from dataclasses import replace
from types import TracebackType

from earmark.bootstrap import open_parts
from earmark.config import Settings, load_settings
from earmark.library.changes import Changes
from earmark.library.questions import PAGE, Questions
from earmark.library.sounds import Sounds
from earmark.library.twins import Twins
from earmark.library.upkeep import Upkeep

__all__ = ["PAGE", "Library"]


class Library(Questions, Sounds, Twins, Changes, Upkeep):
    """A library of recordings; open one with `Library.open`, use it in a ``with`` block.

    Any number of threads may use one library, and searches go on while another thread adds. Any
    number of processes may open one folder; writers take turns.
    """

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str] | None = None,
        *,
        create: bool = False,
        repair: bool = False,
        settings: Settings | None = None,
    ) -> Library:
        """Open a library.

        Parameters
        ----------
        path
            Its folder; None is the one the settings name.
        create
            Make it if it is not there.
        repair
            Accept a damaged ``library.json`` (for `rebuild` and `check`).
        settings
            None loads them from the environment and ``earmark.toml``.

        Raises
        ------
        LibraryNotFoundError, LibraryVersionError, DamagedIndexError, StoreError
            It cannot be opened; the message names the remedy. That its parameters are others is
            found, and raised as `LibraryParametersError`, at the first search or change.
        """
        settings = settings or load_settings()
        place = settings.library if path is None else os.fspath(path)
        parts = open_parts(place, settings, create=create, repair=repair)
        return cls(parts, replace(settings, library=place))

    def __enter__(self) -> Library:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
