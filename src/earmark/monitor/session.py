"""One long source, fed bit by bit: what it plays, as soon as it is known and when it is over."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from earmark.errors import StoreError
from earmark.monitor.gaps import Gaps
from earmark.monitor.going import Going
from earmark.monitor.opinions import WINDOW_S, Opinions
from earmark.monitor.options import MonitorOptions
from earmark.monitor.tape import Tape
from earmark.monitor.timeline import Gap, Happening
from earmark.ports import Detection, Run
from earmark.types import Clip, Samples, Span, Track

if TYPE_CHECKING:
    from earmark.library import Library
    from earmark.monitor.repeats import Repeats

LAG_S = 15.0
"""A detection closes when its runs have ended and this much more was heard."""
TAPE_S = 105.0
"""How much of the source is kept: a run may be found as late as that after its start."""


class Monitor:
    """Hears one source from its start, in memory that does not grow with it.

    Parameters
    ----------
    library
        What to look for.
    start_s
        What second of the source the first sample is (an interrupted scan goes on).
    growing_gap
        What is known of a gap that goes on there.
    new_id
        Makes the ids of detections.
    repeats, name
        Where unknown music is kept, to be compared later, and what the source is called there.

    Attributes
    ----------
    rate_hz : int
        The rate of the mono samples to feed.
    """

    def __init__(
        self,
        library: Library,
        options: MonitorOptions | None = None,
        *,
        start_s: float = 0.0,
        growing_gap: Gap | None = None,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
        repeats: Repeats | None = None,
        name: str = "",
    ) -> None:
        self._library = library
        self._options = options or MonitorOptions()
        self._follow = library.follow(effort=self._options.effort, also=self._options.also)
        self.rate_hz = self._follow.rate_hz
        self._new_id = new_id
        self._repeats = repeats
        self._name = name
        self._fed = 0  # samples
        self._zero_s = start_s  # source second of the first sample fed since the last outage
        self._going: list[Going] = []
        waits_s = TAPE_S + (2 * WINDOW_S if self._options.also else 0.0)
        self._tape = Tape(self.rate_hz, waits_s)
        self._opinions = Opinions(
            library, self._options.also, start_s, new_id, self._options.evidence_s
        )
        self._gaps = Gaps(self._options.gap_s, start_s, growing_gap)
        self._settled_s = start_s

    def feed(self, samples: Samples) -> list[Happening]:
        """Take the next mono float32 samples, any number; return what is found out by now.

        NaN and infinity count as 0.

        Raises
        ------
        StoreError
            The library is the trouble; what was fed is heard, and more may be fed later.
        """
        if not np.isfinite(samples).all():
            samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
        self._tape.record(samples, self.heard_s)
        self._fed += len(samples)
        runs = self._follow.feed(samples)
        return self._heard(runs)

    def outage(self, duration_s: float, *, outlasted: bool = False) -> list[Happening]:
        """Take it that the source was away for so long: time goes on, what is open closes.

        Parameters
        ----------
        outlasted
            Leave open what may go on after so long (`resuming.waits_s`); what has not, closes 20 s
            after sound is back.
        """
        try:
            runs = self._follow.finish()
        except StoreError:
            runs = []
        told = self._heard(runs, ended=True, away_s=duration_s if outlasted else None)
        start_s = self.heard_s
        self._zero_s = start_s + duration_s
        self._fed = 0
        self._follow.restart()
        self._gaps.skip(self._zero_s)
        self._opinions.skip(self._zero_s)
        self._settled_s = self._zero_s
        return [*told, Happening("outage", self._zero_s, outage=Span(start_s, self._zero_s))]

    def still_away(self, away_s: float) -> list[Happening]:
        """Close what no outage of so long, counted from the last call of `outage`, leaves open."""
        waiting = self._outlasting(away_s)
        return list(self._closings([going for going in self._going if going not in waiting]))

    def newest(self, most: int) -> Samples:
        """Return the last samples that were heard, no more than ``most``, back to an outage."""
        return self._tape.newest(most)

    def finish(self) -> list[Happening]:
        """Take the source as ended; close everything and tell the last gap."""
        return self._heard(self._follow.finish(), ended=True)

    def give_up(self) -> list[Happening]:
        """Close everything as it was last known: where `finish` fails, for the library is away."""
        return self._heard([], ended=True)

    @property
    def heard_s(self) -> float:
        """How far it has heard, outages included."""
        return self._zero_s + self._fed / self.rate_hz

    @property
    def open(self) -> tuple[Detection, ...]:
        """The detections that go on."""
        return tuple(going.detection(open_=True) for going in self._going if going.told)

    @property
    def settled_s(self) -> float:
        """Everything before this is told: a scan that is interrupted may go on from here.

        Every detection that was told as closed ends before it, or begins after it and will be told
        again; none that is open begins before it.
        """
        if not self._options.also:
            return self._settled_s
        return min(self._settled_s, self._opinions.settled_s)

    @property
    def growing_gap(self) -> Gap | None:
        """The gap that goes on at `settled_s`, as far as it is known: it is not told yet."""
        return self._gaps.growing

    def _heard(
        self, runs: list[Run], *, ended: bool = False, away_s: float | None = None
    ) -> list[Happening]:
        """Take new runs; where it has ``ended``, what outlasts ``away_s`` more waits."""
        self._listen()
        changed: list[Going] = []
        for run in runs:
            going = self._place(run)
            if going is not None and going not in changed:
                changed.append(going)
        told = list(self._changes(changed))
        waiting = [] if away_s is None else self._outlasting(away_s)
        told += self._waits(waiting, away_s or 0.0)
        if ended:
            over = [going for going in self._going if going not in waiting]
        else:
            over = [going for going in self._going if self._over(going)]
        told += self._closings(over)
        self._settle(ended=ended)
        return [*told, *self._second(ended=ended), *self._told_gaps(ended=ended)]

    def _listen(self) -> None:
        for sheet in self._follow.sheets(self._zero_s):
            self._gaps.take(sheet)
            if self._repeats is not None:
                self._repeats.take(self._name, sheet)

    def _place(self, run: Run) -> Going | None:
        """Give a run to the detection that it belongs to, perhaps a new one."""
        for going in self._candidates(run):
            if going.takes(run, self._zero_s, self._options.join_s):
                going.put(run, self._zero_s)
                return going
        tracks = self._tracks(run)
        if not tracks:  # removed from the library a moment ago
            return None
        going = Going(self._new_id(), run.number, tracks)
        going.put(run, self._zero_s)
        self._going.append(going)
        return going

    def _candidates(self, run: Run) -> list[Going]:
        """Return what may take a run: the one that has it, else the latest play first."""
        latest = self._going[::-1]
        return sorted(latest, key=lambda going: not going.has(run))

    def _tracks(self, run: Run) -> list[Track]:
        return self._library.holding((run.number, *run.alike))

    def _changes(self, changed: list[Going]) -> Iterator[Happening]:
        options = self._options
        for going in changed:
            detection = going.detection(open_=True)
            if not going.told:
                enough = options.enough(detection.played_s)
                if not enough or detection.confidence < options.least_confidence:
                    continue
                going.told = True
                yield Happening("open", self.heard_s, detection)
            else:
                yield Happening("update", self.heard_s, detection)
            if going.clip is None and 0.0 < options.evidence_s <= going.end_s - going.start_s:
                clip = self._tape.cut(going.start_s, options.evidence_s)
                if clip is not None and clip.duration_s >= options.evidence_s - 0.5:
                    going.clip = clip

    def _outlasting(self, away_s: float) -> list[Going]:
        return [going for going in self._going if going.told and going.outlasts(away_s)]

    def _waits(self, waiting: list[Going], away_s: float) -> Iterator[Happening]:
        """Let what may go on after an outage wait; all of it is told as far as it is known."""
        for going in waiting:
            going.wait(away_s)
            detection = going.detection(open_=True)
            self._explained(detection)
            going.clip = going.clip or self._cut(detection)
            yield Happening("update", self.heard_s, detection)

    def _over(self, going: Going) -> bool:
        """Return whether a detection has not gone on for so long that it is over."""
        quiet_s = self.heard_s - max(going.end_s, self._zero_s)
        return going.closed and quiet_s >= self._options.join_s + LAG_S

    def _closings(self, over: list[Going]) -> Iterator[Happening]:
        for going in over:
            self._going.remove(going)
            if not going.told:
                continue
            detection = going.detection(open_=False)
            going.clip = going.clip or self._cut(detection)
            self._explained(detection)
            yield Happening("close", self.heard_s, detection, clip=going.clip)

    def _cut(self, detection: Detection) -> Clip | None:
        length_s = min(self._options.evidence_s, detection.end_s - detection.start_s)
        return self._tape.cut(detection.start_s, length_s) if length_s > 0.0 else None

    def _explained(self, detection: Detection) -> None:
        for piece in detection.pieces:
            self._gaps.explained(piece.query)
            if self._options.also:
                self._opinions.explained(piece.query)
            if self._repeats is not None:
                self._repeats.explained(self._name, piece.query)

    def _settle(self, *, ended: bool) -> None:
        settled_s = self.heard_s if ended else self._zero_s + self._follow.settled_s
        starts = [going.fresh_start_s for going in self._going]
        self._settled_s = max(self._settled_s, min([settled_s, *starts]))

    def _second(self, *, ended: bool) -> Iterator[Happening]:
        if not self._options.also:
            return
        # A track that goes on where the settled time ends closes the hole before it.
        closed = any(going.fresh_start_s <= self._settled_s for going in self._going if going.told)
        for opinion in self._opinions.until(
            self._settled_s, self._tape, closed=closed, ended=ended
        ):
            yield Happening("close", self.heard_s, opinion.detection, clip=opinion.clip)

    def _told_gaps(self, *, ended: bool) -> Iterator[Happening]:
        for gap in self._gaps.until(self._settled_s, ended=ended):
            yield Happening("gap", self.heard_s, gap=gap)
