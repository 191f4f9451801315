"""Stands in for `sounddevice`: one microphone that hears the WAV file ``EARMARK_MIC`` names.

It is silent after the file's end, as a microphone is. ``EARMARK_MIC_BUSY`` and
``EARMARK_MIC_BROKEN`` are what can go wrong with a real one.
"""

from __future__ import annotations

import os
import threading
import time
import wave
from types import SimpleNamespace

import numpy as np

if os.environ.get("EARMARK_MIC_BROKEN"):
    raise OSError("PortAudio library not found")

FILE = os.environ.get("EARMARK_MIC")
default = SimpleNamespace(device=(-1, -1))
unplugged = threading.Event()


class PortAudioError(Exception):
    pass


def query_devices():
    speaker = {"name": "Speakers", "max_input_channels": 0, "default_samplerate": 48_000.0}
    if FILE is None:
        return [speaker]
    with wave.open(FILE) as sound:
        rate_hz = float(sound.getframerate())
    return [
        {"name": "USB microphone", "max_input_channels": 1, "default_samplerate": rate_hz},
        speaker,
    ]


class InputStream:
    def __init__(self, *, samplerate, blocksize, device, channels, dtype, callback):
        if os.environ.get("EARMARK_MIC_BUSY"):
            raise PortAudioError("Device unavailable [PaErrorCode -9985]")
        assert (device, channels, dtype) == (0, 1, "float32")
        with wave.open(FILE) as sound:
            assert sound.getframerate() == samplerate
            data = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
        self._samples = (data / np.float32(32768)).astype(np.float32)[:, np.newaxis]
        self._length = blocksize
        self._callback = callback
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._play)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._over.set()
        self._thread.join()

    def _play(self):
        at = 0
        while not self._over.is_set() and not unplugged.is_set():
            block = np.zeros((self._length, 1), np.float32)
            heard = self._samples[at : at + self._length]
            block[: len(heard)] = heard
            self._callback(block, self._length, None, None)
            at += self._length
            time.sleep(0.01)  # a good deal faster than a real one
