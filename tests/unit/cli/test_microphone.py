from __future__ import annotations

import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from earmark import ExtraMissingError, SourceNotFoundError, SourceUnreadableError
from earmark.cli.microphone import open_microphone

MIC = Path(__file__).parents[2] / "plugins_mic"
RATE_HZ = 16000


@pytest.fixture
def plugged(monkeypatch, write, song):
    """Put a stand-in for `sounddevice` in place that hears a song; set what goes wrong with it."""

    def plug(folder=MIC, **trouble):
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
        monkeypatch.setenv("EARMARK_MIC", str(write("song.wav", song(1))))
        for name, value in trouble.items():
            if value is None:
                monkeypatch.delenv(name)
            else:
                monkeypatch.setenv(name, value)

    yield plug
    sys.modules.pop("sounddevice", None)


@pytest.mark.parametrize("device", [None, "0", "usb"])
def test_blocks_come_until_it_is_told_to_stop(plugged, song, device):
    plugged()
    stop = threading.Event()
    with open_microphone(device, 0.25, stop) as (rate_hz, blocks):
        assert rate_hz == RATE_HZ
        heard = [next(blocks) for _ in range(4)]
        stop.set()
        assert list(blocks) == []
    assert [block.shape for block in heard] == [(RATE_HZ // 4, 1)] * 4
    assert np.abs(np.concatenate(heard)[:, 0] - song(1)[:RATE_HZ]).max() < 1e-4


@pytest.mark.parametrize(
    ("trouble", "device", "error", "words"),
    [
        ({}, "choir", SourceNotFoundError, "called 'choir'; there are 0: USB microphone"),
        ({}, "7", SourceNotFoundError, "called '7'"),
        ({"EARMARK_MIC": None}, None, SourceNotFoundError, "no microphone is there"),
        ({"EARMARK_MIC_BUSY": "1"}, None, SourceUnreadableError, "is another program using it"),
        ({"EARMARK_MIC_BROKEN": "1"}, None, ExtraMissingError, "apt install libportaudio2"),
    ],
)
def test_what_can_go_wrong_is_said_with_what_to_do(plugged, trouble, device, error, words):
    plugged(**trouble)
    with (
        pytest.raises(error, match=words),
        open_microphone(device, 0.25, threading.Event()),
    ):
        pass


def test_without_the_extra_the_command_that_adds_it_is_told(plugged):
    plugged(MIC / "missing")
    with (
        pytest.raises(ExtraMissingError, match=r"pip install 'earmark\[mic\]'"),
        open_microphone(None, 0.25, threading.Event()),
    ):
        pass


def test_one_that_falls_silent_altogether_is_told(plugged, monkeypatch):
    plugged()
    monkeypatch.setattr("earmark.cli.microphone._STALLED_S", 0.05)
    with (
        open_microphone(None, 1.0, threading.Event()) as (_, blocks),
        pytest.raises(SourceUnreadableError, match="still plugged in"),
    ):
        sys.modules["sounddevice"].unplugged.set()
        for _ in blocks:
            pass
