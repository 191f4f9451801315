from __future__ import annotations

import threading

import numpy as np
import pytest

from earmark.audio.profile import CELL_S, measure_profile
from earmark.errors import NotAudioError, SourceNotFoundError, StoppedError

RATE_HZ = 16000


def tone(hz, seconds, level=0.5):
    return level * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE_HZ)) / RATE_HZ)


def test_level_along_time_and_the_format(write):
    samples = np.concatenate([tone(440, 2.0), tone(440, 2.0, 0.05)])
    profile = measure_profile(write("a.wav", np.stack([samples, samples], 1)))
    assert (profile.rate_hz, profile.channels, profile.duration_s) == (RATE_HZ, 2, 4.0)
    assert (profile.codec, profile.container) == ("pcm_s16le", "wav")
    assert profile.bytes_per_s == pytest.approx(4 * RATE_HZ, rel=0.01)
    assert len(profile.power) == round(4.0 / CELL_S) == len(profile.low)
    assert profile.level_dbfs(0.0, 2.0) == pytest.approx(-9.03, abs=0.05)
    assert profile.level_dbfs(2.5, 3.25) == pytest.approx(-29.03, abs=0.05)
    assert profile.high[:20].max() == pytest.approx(0.5, abs=0.01)


def test_cells_across_the_blocks_of_the_decoder(write):
    samples = np.linspace(0.0, 0.9, 10 * RATE_HZ)  # 160,000: two blocks and a half
    profile = measure_profile(write("a.wav", samples))
    cells = samples.reshape(-1, round(CELL_S * RATE_HZ))
    np.testing.assert_allclose(profile.high, cells.max(axis=1), atol=1e-4)
    np.testing.assert_allclose(profile.low, cells.min(axis=1), atol=1e-4)


@pytest.mark.parametrize("hz", [500.0, 3000.0, 7000.0])
def test_how_high_the_spectrum_reaches(write, hz):
    assert measure_profile(write("a.wav", tone(hz, 3.0))).highest_hz == pytest.approx(hz, abs=60)


def test_bytes_and_another_codec(write):
    path = write("a.ogg", tone(440, 3.0), format="OGG", subtype="VORBIS")
    profile = measure_profile(path.read_bytes(), name="clip")
    assert (profile.codec, profile.container) == ("vorbis", "ogg")
    assert profile.duration_s == pytest.approx(3.0, abs=0.05)


def test_silence_reaches_no_height(write):
    profile = measure_profile(write("a.wav", np.zeros(RATE_HZ)))
    assert profile.highest_hz == 0.0
    assert profile.level_dbfs(0.0, 1.0) == -120.0


def test_what_is_no_audio_and_what_is_stopped(write, tmp_path):
    (tmp_path / "text.wav").write_text("no audio" * 100)
    with pytest.raises(NotAudioError):
        measure_profile(tmp_path / "text.wav")
    with pytest.raises(SourceNotFoundError):
        measure_profile(tmp_path / "missing.wav")
    stop = threading.Event()
    stop.set()
    with pytest.raises(StoppedError):
        measure_profile(write("a.wav", tone(440, 1.0)), stop=stop)
