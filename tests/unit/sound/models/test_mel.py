"""The front ends against their definitions, spelled out slowly in float64."""

from __future__ import annotations

import numpy as np
import pytest

from earmark.sound.mel import (
    _BLOCK_FRAMES,
    PANNS_16K,
    PANNS_32K,
    _efficientat_bank,
    efficientat_mel,
    panns_bank,
    panns_mel,
)

RATE_HZ = 32_000


def noise(count, seed=0):
    return np.random.default_rng(seed).normal(0, 0.1, count).astype(np.float32)


def power(samples, n_fft, window, hop):
    """|STFT|^2 (frames, bins) by a matrix of complex exponentials."""
    padded = np.pad(samples.astype(float), n_fft // 2, mode="reflect")
    frames = np.stack([padded[a : a + n_fft] for a in range(0, len(padded) - n_fft + 1, hop)])
    bins = np.exp(-2j * np.pi * np.outer(np.arange(n_fft), np.arange(n_fft // 2 + 1)) / n_fft)
    return np.abs((frames * window) @ bins) ** 2


def hann(length, periodic):
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / (length - (not periodic)))


def test_the_mel_of_efficientat_is_its_definition():
    samples = noise(9000)
    sharpened = samples[1:].astype(float) - 0.97 * samples[:-1].astype(float)
    window = np.pad(hann(800, periodic=False), 112)
    spectrum = power(sharpened, 1024, window, 320)

    def mel(hz):
        return 1127.0 * np.log(1.0 + hz / 700.0)

    edges = np.linspace(mel(0.0), mel(15_000.0), 130)
    bank = np.zeros((513, 128))
    for band in range(128):
        for k in range(512):
            at, (left, centre, right) = mel(k * 31.25), edges[band : band + 3]
            rise, fall = (at - left) / (centre - left), (right - at) / (right - centre)
            bank[k, band] = max(0.0, min(rise, fall))
    wanted = ((np.log(spectrum @ bank + 1e-5) + 4.5) / 5.0).T
    found = efficientat_mel(samples)
    assert found.dtype == np.float32
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() < 1e-4
    assert np.abs(_efficientat_bank() - bank).max() < 1e-6


def test_a_hop_twice_as_long_gives_every_second_frame():
    samples = noise(50_000)
    assert np.allclose(efficientat_mel(samples, 640), efficientat_mel(samples)[:, ::2], atol=1e-5)


@pytest.mark.parametrize("params", [PANNS_32K, PANNS_16K], ids=["32k", "16k"])
def test_the_log_mel_of_panns_is_its_definition(params):
    samples = noise(9000)
    spectrum = power(samples, params.n_fft, hann(params.n_fft, periodic=True), params.hop)
    wanted = 10 * np.log10(np.maximum(spectrum @ panns_bank(params).astype(float), 1e-10))
    found = panns_mel(samples, params)
    assert found.shape == wanted.shape == (1 + 9000 // params.hop, 64)
    assert np.abs(found - wanted).max() < 1e-3


@pytest.mark.parametrize("params", [PANNS_32K, PANNS_16K], ids=["32k", "16k"])
def test_the_mel_matrix_is_librosa_s(params):
    librosa = pytest.importorskip("librosa")
    theirs = librosa.filters.mel(
        sr=params.rate_hz,
        n_fft=params.n_fft,
        n_mels=params.bands,
        fmin=params.low_hz,
        fmax=params.high_hz,
    )
    assert np.abs(panns_bank(params) - theirs.T).max() < 1e-6


def test_blocks_leave_no_trace():
    hop = PANNS_32K.hop
    samples = noise(hop * (2 * _BLOCK_FRAMES + 3))
    whole = panns_mel(samples, PANNS_32K)
    start = hop * (_BLOCK_FRAMES - 5)
    part = panns_mel(samples[start : start + hop * 10], PANNS_32K)
    assert np.allclose(part[2:-2], whole[_BLOCK_FRAMES - 3 : _BLOCK_FRAMES + 4], atol=1e-3)


@pytest.mark.parametrize("count", [2, 3, 100, 511, 512, 513, 1024])
def test_clips_shorter_than_a_frame_are_mirrored(count):
    assert np.isfinite(efficientat_mel(noise(count))).all()
    assert np.isfinite(panns_mel(noise(count - 1), PANNS_32K)).all()


def test_silence_is_the_floor():
    silence = np.zeros(3200, np.float32)
    assert np.allclose(efficientat_mel(silence), (np.log(1e-5) + 4.5) / 5)
    assert np.allclose(panns_mel(silence, PANNS_32K), -100.0)
