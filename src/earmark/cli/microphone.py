"""The microphone, through `sounddevice`: the one file that knows it."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from earmark.errors import ExtraMissingError, SourceNotFoundError, SourceUnreadableError

if TYPE_CHECKING:
    import threading
    from types import ModuleType

    from earmark.types import Samples

_STALLED_S = 5.0


@contextmanager
def open_microphone(
    device: str | None, block_s: float, stop: threading.Event
) -> Iterator[tuple[int, Iterator[Samples]]]:
    """Open a microphone; yield its rate and blocks of float32 of shape (n, 1) until ``stop``.

    Parameters
    ----------
    device
        Its number or a part of its name; None is the system's choice.

    Raises
    ------
    ExtraMissingError
        `sounddevice` or the system's PortAudio is not installed.
    SourceNotFoundError
        There is no such microphone.
    SourceUnreadableError
        It cannot be opened.
    """
    sound = _sounddevice()
    number, rate_hz = _chosen(sound, device)
    heard: queue.SimpleQueue[Samples] = queue.SimpleQueue()

    def hear(data: Samples, frames: int, time: object, status: object) -> None:  # noqa: ARG001
        heard.put(data.copy())

    try:
        stream = sound.InputStream(
            samplerate=rate_hz,
            blocksize=round(block_s * rate_hz),
            device=number,
            channels=1,
            dtype="float32",
            callback=hear,
        )
    except sound.PortAudioError as error:
        message = f"the microphone cannot be opened ({error}); is another program using it?"
        raise SourceUnreadableError(message) from error
    with stream:
        yield rate_hz, _blocks(heard, stop)


def _blocks(heard: queue.SimpleQueue[Samples], stop: threading.Event) -> Iterator[Samples]:
    while not stop.is_set():
        try:
            yield heard.get(timeout=_STALLED_S)
        except queue.Empty:
            message = f"the microphone said nothing for {_STALLED_S:g} s; is it still plugged in?"
            raise SourceUnreadableError(message) from None


def _sounddevice() -> ModuleType:
    try:
        import sounddevice
    except ModuleNotFoundError as error:
        message = "the microphone needs an extra: pip install 'earmark[mic]', or name a file"
        raise ExtraMissingError(message) from error
    except OSError as error:  # the package is there, the library below it is not
        message = (
            f"the microphone needs the system's PortAudio ({error}): on Debian and Ubuntu "
            "`apt install libportaudio2`"
        )
        raise ExtraMissingError(message) from error
    module: ModuleType = sounddevice
    return module


def _chosen(sound: ModuleType, device: str | None) -> tuple[int, int]:
    """Return the number and the rate of the microphone that is meant."""
    found: list[dict[str, Any]] = [
        {**one, "index": index}
        for index, one in enumerate(sound.query_devices())
        if one["max_input_channels"] > 0
    ]
    if not found:
        message = "no microphone is there; plug one in, or name a file: earmark listen FILE"
        raise SourceNotFoundError(message)
    if device is None:
        usual = sound.default.device[0]
        meant = [one for one in found if one["index"] == usual] or found
    elif device.isdigit():
        meant = [one for one in found if one["index"] == int(device)]
    else:
        meant = [one for one in found if device.lower() in str(one["name"]).lower()]
    if not meant:
        names = ", ".join(f"{one['index']}: {one['name']}" for one in found)
        message = f"no microphone is called {device!r}; there are {names}"
        raise SourceNotFoundError(message)
    return int(meant[0]["index"]), int(meant[0]["default_samplerate"])
