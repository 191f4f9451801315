"""Engines and what they load are opened before anybody asks: the first question is not slow."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, cast, get_args

from earmark.errors import EarmarkError, ShuttingDownError, StoppedError
from earmark.library import Library
from earmark.types import Mode

if TYPE_CHECKING:
    from earmark.service.context import House

log = logging.getLogger("earmark.service")

_RATE_HZ = 16_000
_SOUND_S = 2.0


async def warm(house: House) -> None:
    """Open every engine and ask each of them once; `/readyz` says when that is over."""
    try:
        await house.work.run(lambda stop: _asked(house.library, stop))
    except (StoppedError, ShuttingDownError):
        return
    except EarmarkError as error:
        log.warning("the engines cannot be opened yet: %s", error.message)


def _asked(library: Library, stop: threading.Event) -> None:
    import numpy as np

    from earmark.audio.wav import wav_bytes
    from earmark.types import Clip

    library.stats()
    time_s = np.arange(round(_SOUND_S * _RATE_HZ)) / _RATE_HZ
    tone = (0.1 * np.sin(2.0 * np.pi * 440.0 * time_s)).astype(np.float32)
    sound = wav_bytes(Clip(tone, _RATE_HZ))
    for name, on in library.engines().items():
        if on and name in get_args(Mode) and not stop.is_set():
            with suppress(EarmarkError):  # too short for it, or its model is not here
                library.identify(sound, cast(Mode, name), stop=stop)
