"""Sound files in folders, zips and other bytes; windows cut from them; mixes made of those."""

from __future__ import annotations

import io
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest

soundfile = pytest.importorskip("soundfile")
pytest.importorskip("soxr")
pytest.importorskip("scipy")

from training.sound import mix, pool, synth
from training.sound.sources import Source, carve, find


def _wav(hz: float, seconds: float, rate: int = 16_000, form: str = "WAV") -> bytes:
    wave = 0.5 * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)
    file = io.BytesIO()
    soundfile.write(file, wave, rate, format=form)
    return file.getvalue()


def test_whole_files_are_carved_out_of_other_bytes_and_cut_ones_are_not():
    first, second = _wav(440, 0.2), _wav(880, 0.3, form="OGG")
    data = b"junkOggSjunk" + first + b"RIFF\xff\xff\xff\x7fWAVE" + second + first[:-9]
    parts = [data[start:stop] for start, stop in carve(data)]
    assert parts == [first, second]


def test_finds_files_in_folders_zips_and_resources(tmp_path: Path):
    package = tmp_path / "barn-data"
    (package / "music").mkdir(parents=True)
    (package / "music" / "a.wav").write_bytes(_wav(440, 0.2))
    with zipfile.ZipFile(package / "b.pk3", "w") as archive:
        archive.writestr("sound/cow.wav", _wav(220, 0.2))
        archive.writestr("sound/cow.txt", "moo")
    (package / "c.rcc").write_bytes(b"qres" + _wav(330, 0.2))
    found = list(find(tmp_path))
    assert [source.kind for source in found] == ["effect", "effect", "music"]
    assert {source.package for source in found} == {"barn-data"}
    assert [round(soundfile.info(source.read()).duration, 2) for source in found] == [0.2] * 3


def test_the_pool_holds_each_sound_once_at_32_khz_and_no_silence(tmp_path: Path):
    folder = tmp_path / "root" / "barn-data"
    folder.mkdir(parents=True)
    for name in ("a.wav", "copy.wav"):
        (folder / name).write_bytes(_wav(440, 1.0))
    (folder / "long.wav").write_bytes(_wav(660, 20.0))
    soundfile.write(folder / "silent.wav", np.zeros(16_000), 16_000)
    (folder / "broken.wav").write_bytes(b"RIFF no")
    rng = random.Random(1)
    pool.write(
        tmp_path / "pool", pool.decoded(pool.chosen(list(find(tmp_path / "root")), rng), rng)
    )
    held = pool.Pool(tmp_path / "pool")
    lengths = sorted(round(window.length_s, 2) for window in held.windows)
    assert lengths[0] == 1.0
    assert len(lengths) == 4
    assert lengths[1:] == [6.0] * 3
    for number, window in enumerate(held.windows):
        audio = held.audio(number)
        peak = np.argmax(np.abs(np.fft.rfft(audio))) * pool.RATE_HZ / len(audio)
        assert peak == pytest.approx(440 if "long" not in window.source else 660, abs=2)


def test_one_package_gives_no_more_than_its_share():
    sources = [Source("x", Path(f"/x/{n}.wav")) for n in range(2000)]
    assert len(pool.chosen(sources, random.Random(0))) == pool.MOST_FILES["effect"]


def test_the_first_window_of_a_mix_is_heard_above_the_quietest_level():
    rng = np.random.default_rng(3)
    t = np.arange(32_000) / 32_000
    tones = [np.sin(2 * np.pi * hz * t).astype(np.float32) for hz in (500, 3000)]
    mixes = [mix.mixed(tones, 32_000, rng) for _ in range(20)]
    assert all(len(part) == 32_000 and np.isfinite(part).all() for part in mixes)
    again = mix.mixed(tones, 32_000, np.random.default_rng(3))
    assert np.array_equal(mixes[0], again)


def test_levels_are_within_25_db_and_silence_is_refused():
    rng = np.random.default_rng(1)
    peaks = [np.abs(mix.levelled(np.ones(100, np.float32), rng)).max() for _ in range(50)]
    assert min(peaks) >= 10 ** (-25 / 20) - 1e-6
    assert max(peaks) <= 1.0
    assert mix.levelled(np.zeros(100, np.float32), rng) is None


@pytest.mark.parametrize("maker", range(len(synth._MAKERS)))
def test_every_synthetic_sound_sounds_at_every_draw(maker: int):
    for seed in range(4):
        audio = synth._MAKERS[maker](32_000, np.random.default_rng(seed)).astype(np.float32)
        assert len(audio) == 32_000
        assert np.isfinite(audio).all()
        assert np.abs(audio).max() > 1e-3
