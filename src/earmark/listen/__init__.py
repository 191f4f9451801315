"""Listens to sound as it comes and says what it is as soon as it is certain."""

from __future__ import annotations

from earmark.listen.container import ContainerFeed
from earmark.listen.events import EndReason, Event
from earmark.listen.levels import Verdict
from earmark.listen.session import Listening

__all__ = ["ContainerFeed", "EndReason", "Event", "Listening", "Verdict"]
