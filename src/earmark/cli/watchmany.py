"""``earmark watch --all`` and ``earmark watch NAME...``: kept streams, in one process."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from earmark.cli.errors import DONE, NO_MATCH, complain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earmark.config import Settings
    from earmark.library import Library
    from earmark.monitor.desk import Desk
    from earmark.ports import Stream
    from earmark.service.tasks.leases import StreamLeases

_LOOK_S = 0.5
_GRACE_S = 10.0
_LOCK_WAIT_S = 5.0
"""A log that is locked is tried again later; the stream does not wait."""
_OVER = ("ended", "failed")


def watch_kept(
    library: Library,
    in_force: Settings,
    words: Sequence[str],
    stop: threading.Event,
    *,
    as_json: bool,
) -> int:
    """Watch kept streams until ``stop`` is set, or all that were named are over.

    What another process watches is left to it, and taken over where that process ends.

    Parameters
    ----------
    words
        Names or ids; none: every stream that is switched on, as they change.
    """
    from earmark.audio.fetch import FetchLimits
    from earmark.bootstrap import open_ledger
    from earmark.cli.watching import Board
    from earmark.monitor.desk import Desk
    from earmark.monitor.housekeeping import Housekeeper
    from earmark.monitor.streambook import MOST_STREAMS, options_of
    from earmark.monitor.watch import Watch
    from earmark.monitor.webhooks import Courier
    from earmark.service.tasks.leases import leases_for
    from earmark.service.tasks.streams import StreamRunner

    limits = FetchLimits(public_only=in_force.fetch_public_only)
    board = Board(None, as_json=as_json, named=True)
    with ExitStack() as stack:
        desk = stack.enter_context(Desk.open(library, impatient(in_force)))
        named = [_begun_anew(desk, desk.find_stream(word)) for word in words]
        ledger = open_ledger(in_force.library, in_force)
        stack.callback(ledger.close)
        stack.enter_context(Courier(desk))
        stack.enter_context(Housekeeper(desk))

        def run(stream: Stream, stop: threading.Event) -> None:
            asked = options_of(stream.options)
            watch = Watch(library, desk, stream, asked, limits=limits, listeners=(board.show,))
            desk.stream(stream.id)  # a watch keeps what is not known: not what was just forgotten
            watch.run(stop)

        leases = _Told(desk, leases_for(library, ledger))
        only = frozenset(named) if named else None
        runner = StreamRunner(lambda: desk.store, run, leases, most=MOST_STREAMS, only=only)
        runner.start()
        try:
            while not stop.wait(_LOOK_S):
                if named and not runner.running and _over(desk, named):
                    break
        finally:
            runner.stop(_GRACE_S)
    return DONE if board.detected else NO_MATCH


def impatient(in_force: Settings) -> Settings:
    """Return settings under which a log that is locked holds up no stream."""
    return replace(in_force, lock_wait_s=min(in_force.lock_wait_s, _LOCK_WAIT_S))


class _Told:
    """Leases that tell a person, once, of a stream that another process has."""

    def __init__(self, desk: Desk, leases: StreamLeases) -> None:
        self._desk = desk
        self._leases = leases
        self._told: set[str] = set()

    def hold(self, stream_id: str) -> bool:
        """Take a stream, or keep it; False where another process has it."""
        held = self._leases.hold(stream_id)
        if not held and stream_id not in self._told:
            self._told.add(stream_id)
            name = self._desk.stream(stream_id).name
            complain(f"{name} is watched by another process; it is taken over when that ends")
        return held

    def let_go(self, stream_id: str) -> None:
        """Give a stream back."""
        self._leases.let_go(stream_id)


def _begun_anew(desk: Desk, stream: Stream) -> str:
    """Let a stream that is over begin again; return its id."""
    if stream.state in _OVER:
        desk.store.tell_stream(replace(stream, state="stopped", state_at=desk.clock(), error=""))
    return stream.id


def _over(desk: Desk, named: Sequence[str]) -> bool:
    """Return whether no stream goes on: all have ended, failed, or were removed."""
    kept = {stream.id: stream.state for stream in desk.streams()}
    return all(kept.get(one, "ended") in _OVER for one in named)
