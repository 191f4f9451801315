"""What a shared vector index holds, asked of Redis in one round trip with what is wanted of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from earmark.errors import DamagedIndexError
from earmark.stores.redis_client import RedisClient
from earmark.stores.redis_roster import Roster, RosterView
from earmark.stores.shared_vector_records import Record, Records
from earmark.stores.shared_vector_windows import SharedWindows


class SharedLook:
    """Questions about one index; any thread.

    Keys carry the epoch, which is what the answer tells: so the last epoch that was seen is asked
    for, and asked again in the rare case that the index was begun anew.
    """

    def __init__(
        self, client: RedisClient, roster: Roster, records: Records, windows: SharedWindows
    ) -> None:
        self._client = client
        self._roster, self._records, self._windows = roster, records, windows
        self._epoch = 0

    def view(self) -> RosterView:
        """Return which numbers are held."""
        return self._roster.view()

    def kind(self) -> tuple[RosterView, str | None]:
        """Return what is held, and the windows' kind of index: None while they do not answer."""
        while True:
            epoch = self._epoch
            asked = [self._roster.question(), ["GET", self._windows.kind_key(epoch)]]
            told, kind = self._client.calls(asked)
            view = self._roster.view(told)
            if view.epoch == epoch:
                return view, None if kind is None else kind.decode()
            self._epoch = view.epoch

    def kept(self, numbers: Sequence[int]) -> tuple[RosterView, dict[int, Record]]:
        """Return what is held, and the record of each of ``numbers`` that has one."""
        while True:
            epoch = self._epoch
            asked = [self._roster.question(), *self._records.question(epoch, numbers)]
            told, *answers = self._client.calls(asked)
            view = self._roster.view(told)
            if view.epoch == epoch:
                return view, self._records.told(numbers, answers)
            self._epoch = view.epoch

    def records(self, numbers: Sequence[int]) -> tuple[int, list[Record]]:
        """Return the epoch and the records of numbers; raises `KeyError` unless all are held."""
        view, kept = self.kept(numbers)
        held = view.has(np.array(numbers, np.int64))
        if not held.all():
            raise KeyError(numbers[int(np.argmin(held))])
        missing = [number for number in numbers if number not in kept]
        if missing:
            raise self.lost(missing)
        return view.epoch, [kept[number] for number in numbers]

    def lost(self, numbers: Sequence[int]) -> Exception:
        """Return what to raise where something of numbers that were held was not found."""
        held = self._roster.view().has(np.array(numbers, np.int64))
        if not held.all():  # removed meanwhile
            return KeyError(numbers[int(np.argmin(held))])
        return DamagedIndexError(
            f"parts of {len(numbers)} tracks in {self._windows.where(self._epoch)} are missing; "
            "run `earmark doctor --repair`"
        )
