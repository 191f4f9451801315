"""The desk's side of rules: made, shown, taken away."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from earmark.monitor.rules import made_rule
from earmark.monitor.telling import Telling
from earmark.ports import MonitorStore, Rule

if TYPE_CHECKING:
    from earmark.library import Library


class Rulebook(Telling):
    """The rules by which detections are logged from now on; what is logged stays as it is.

    Attributes
    ----------
    library : Library | None
        What rules of tracks are about.
    """

    def __init__(
        self,
        store: MonitorStore,
        clock: Callable[[], float],
        *,
        library: Library | None,
        public_only: bool,
    ) -> None:
        super().__init__(store, clock, public_only=public_only)
        self.library = library

    def add_rule(
        self,
        action: str,
        *,
        track_id: str | None = None,
        tag: str | None = None,
        least_s: float = 0.0,
        least_confidence: float = 0.0,
        note: str = "",
    ) -> Rule:
        """Keep a new rule and return it; see `rules.rule_for` for which one says.

        Raises
        ------
        UsageError
            No such action, a track and a tag at once, or a bound that makes no sense.
        TrackNotFoundError
            The library holds no such track.
        """
        rule = made_rule(
            action,
            track_id=track_id,
            tag=tag,
            least_s=least_s,
            least_confidence=least_confidence,
            note=note,
            now=self.clock(),
        )
        if self.library is not None and track_id is not None:
            self.library.get(track_id)
        self.store.put_rule(rule)
        return rule

    def rules(self) -> list[Rule]:
        """Return every rule, oldest first."""
        return self.store.rules()

    def remove_rule(self, rule_id: str) -> None:
        """Forget a rule; raises `RuleNotFoundError`."""
        self.store.delete_rule(rule_id)
