"""Each condition does to the sound what its name says, measured on a synthetic tune."""

import itertools

import numpy as np
import pytest
import soundfile

from earmark.errors import AudioTooShortError, SourceNotFoundError, UsageError
from earmark.evaluation import codec, degrade, noise

RATE_HZ = noise.RATE_HZ
LENGTH_S = 3.0
N = int(LENGTH_S * RATE_HZ)


def tune(seconds: float, seed: int = 5) -> np.ndarray:
    """Plucked, slightly noisy notes at irregular times: sharp onsets and a clear spectrum."""
    rng = np.random.default_rng(seed)
    samples = np.zeros(int(seconds * RATE_HZ))
    at = 0
    while at < len(samples):
        t = np.arange(int(rng.uniform(0.3, 0.7) * RATE_HZ)) / RATE_HZ
        pitch_hz = 220.0 * 2.0 ** (rng.integers(0, 25) / 12.0)
        note = sum(np.sin(2 * np.pi * pitch_hz * k * t) / k for k in range(1, 7))
        note = (note + 0.3 * rng.standard_normal(len(t))) * np.exp(-7.0 * t)
        stop = min(len(samples), at + len(t))
        samples[at:stop] += note[: stop - at]
        at += int(rng.uniform(0.08, 0.25) * RATE_HZ)
    return (0.3 * samples / np.abs(samples).max()).astype(np.float32)


@pytest.fixture(scope="module")
def source():
    return tune(degrade.source_length_s(LENGTH_S))


@pytest.fixture(scope="module")
def bank():
    return noise.NoiseBank.synthetic(np.random.default_rng(1))


def spoil(source, condition, bank, seed=3):
    return degrade.degrade(source, condition, LENGTH_S, bank, np.random.default_rng(seed))


def lag_s(delayed: np.ndarray, reference: np.ndarray) -> float:
    """How much later ``delayed`` is, by cross-correlation."""
    n = 1 << (len(delayed) + len(reference)).bit_length()
    product = np.fft.rfft(delayed, n) * np.conj(np.fft.rfft(reference, n))
    peak = int(np.argmax(np.fft.irfft(product, n)))
    return (peak if peak < n // 2 else peak - n) / RATE_HZ


def onsets(samples: np.ndarray, hop: int = 64) -> np.ndarray:
    """Rise of log energy every 4 ms, mean removed."""
    framed = samples[: len(samples) // hop * hop].reshape(-1, hop)
    smooth = np.convolve((framed.astype(np.float64) ** 2).mean(1), np.hanning(7), mode="same")
    rise = np.maximum(0.0, np.diff(np.log(smooth + 1e-7)))
    return rise - rise.mean()


def spectrum(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    return np.fft.rfftfreq(len(samples), 1 / RATE_HZ), power


def shift_in_semitones(query: np.ndarray, reference: np.ndarray) -> float:
    """The interval by which the query's long-term spectrum is moved."""
    grid = np.arange(0.0, 12 * 4.5, 0.05)  # semitones above 200 Hz
    curves = []
    for samples in (query, reference):
        frequency_hz, power = spectrum(samples)
        power = np.convolve(power, np.hanning(9), mode="same")
        log_power = np.log(np.interp(200.0 * 2 ** (grid / 12), frequency_hz, power) + 1e-9)
        trend = np.convolve(log_power, np.ones(81) / 81, mode="same")
        curves.append((log_power - trend)[80:-80])
    size = len(curves[0])
    lags = range(-40, 41)
    fits = [
        np.dot(
            curves[0][max(0, lag) : size + min(0, lag)],
            curves[1][max(0, -lag) : size + min(0, -lag)],
        )
        for lag in lags
    ]
    return 0.05 * list(lags)[int(np.argmax(fits))]


def test_there_are_twenty_six_conditions():
    assert len(degrade.CONDITIONS) == len(set(degrade.CONDITIONS)) == 26
    assert degrade.CONDITIONS[0] == "clean"
    assert {"pink-5", "babble10", "ambient0", "mp3_32k", "speed+5", "pitch-1", "phone"} <= set(
        degrade.CONDITIONS
    )


@pytest.mark.parametrize("condition", degrade.CONDITIONS)
def test_every_query_is_finite_reproducible_and_of_the_asked_length(condition, source, bank):
    query = spoil(source, condition, bank)
    assert query.dtype == np.float32
    assert query.shape == (N,)
    assert np.isfinite(query).all()
    peak = float(np.abs(query).max())
    assert 0.9 * 10 ** (-12 / 20) - 1e-3 < peak < 0.9 + 1e-3
    assert np.abs(query[-RATE_HZ // 4 :]).max() > 0.01 * peak  # not padded with silence
    np.testing.assert_array_equal(query, spoil(source, condition, bank))


@pytest.mark.parametrize(
    ("kind", "snr_db"), list(itertools.product(("pink", "babble", "ambient"), degrade.SNRS_DB))
)
def test_noise_lies_at_the_named_level(kind, snr_db, source, bank):
    query = spoil(source, f"{kind}{snr_db}", bank).astype(np.float64)
    signal = source[:N].astype(np.float64)
    gain = np.dot(query, signal) / np.dot(signal, signal)
    rest = query - gain * signal
    measured = 10 * np.log10(gain**2 * np.mean(signal**2) / np.mean(rest**2))
    assert measured == pytest.approx(snr_db, abs=0.6)  # chance correlation of noise and signal


def test_the_mix_is_exact(source, bank):
    signal, disturbance = source[:N], bank.ambient[0][:N]
    added = degrade.mix(signal, disturbance, 5.0) - signal
    assert 20 * np.log10(np.std(signal) / np.std(added)) == pytest.approx(5.0, abs=0.02)


@pytest.mark.parametrize("condition", ["clean", "mp3_32k", "telephone", "reverb", "clipping"])
def test_the_offset_holds_within_five_milliseconds(condition, source, bank):
    assert abs(lag_s(spoil(source, condition, bank), source[:N])) < 0.005


def test_the_codec_keeps_each_sample_in_its_place(source):
    for n in (N, 1000, 12_345):
        decoded = codec.mp3_round_trip(source[:n], RATE_HZ)
        assert decoded.shape == (n,)
        assert lag_s(decoded, source[:n]) == 0.0
    assert not np.array_equal(decoded, source[:n])


@pytest.mark.parametrize(
    "condition", [c for c in degrade.CONDITIONS if c[:5] in ("speed", "tempo", "pitch")]
)
def test_time_runs_at_the_named_ratio_from_the_true_offset(condition, source, bank):
    hop_s = 64 / RATE_HZ
    reference, query = onsets(source), onsets(spoil(source, condition, bank))
    at = np.arange(len(query)) * hop_s

    def fit(ratio: float, offset_s: float) -> float:
        position = (at * ratio + offset_s) / hop_s
        return float(np.dot(query, np.interp(position, np.arange(len(reference)), reference)))

    ratios = np.arange(0.93, 1.0701, 0.0025)
    offsets_s = np.arange(-0.06, 0.0601, 0.004)
    grid = np.array([[fit(ratio, offset) for offset in offsets_s] for ratio in ratios])
    best = np.unravel_index(int(np.argmax(grid)), grid.shape)
    assert ratios[best[0]] == pytest.approx(degrade.time_ratio(condition), abs=0.0051)
    assert abs(offsets_s[best[1]]) <= 0.0121


@pytest.mark.parametrize(
    "condition", [c for c in degrade.CONDITIONS if c[:5] in ("speed", "tempo", "pitch")]
)
def test_pitch_moves_by_the_named_interval(condition, source, bank):
    heard = source[: int(N * degrade.time_ratio(condition))]
    shift = shift_in_semitones(spoil(source, condition, bank), heard)
    assert shift == pytest.approx(degrade.pitch_shift_semitones(condition), abs=0.1)


@pytest.mark.parametrize("condition", ["telephone", "phone"])
def test_the_telephone_passes_its_band_only(condition, source, bank):
    frequency_hz, after = spectrum(spoil(source, condition, bank))
    outside = after[(frequency_hz < 150) | (frequency_hz > 5000)].sum()
    inside = after[(frequency_hz > 300) & (frequency_hz < 3400)].sum()
    assert outside < 1e-3 * inside


def test_the_band_pass_has_its_corners_where_it_says():
    impulse = np.zeros(RATE_HZ, np.float32)
    impulse[RATE_HZ // 2] = 1.0
    response = np.abs(np.fft.rfft(degrade.band_pass(impulse, 300.0, 3400.0)))
    assert response[300] == pytest.approx(0.707, abs=0.01)
    assert response[3400] == pytest.approx(0.707, abs=0.01)
    assert response[1000] == pytest.approx(1.0, abs=0.01)
    assert response[6800] < 0.06


def test_clipping_cuts_the_peaks_off_and_stays_loud(source, bank):
    query = spoil(source, "clipping", bank)
    flat = np.mean(np.abs(query) > 0.9 - 1e-4)
    assert 0.01 < flat < 0.6


def test_reverberation_keeps_the_direct_sound_at_time_zero(bank):
    click = np.zeros(RATE_HZ, np.float32)
    click[100] = 1.0
    for impulse in bank.impulses:
        assert np.argmax(np.abs(degrade.reverberate(click, impulse))) == 100
        assert np.sum(impulse.astype(np.float64) ** 2) == pytest.approx(1.0, abs=1e-3)


def test_leading_delay_of_an_impulse_is_cut():
    impulse = np.array([0.0, 0.01, 0.0, -2.0, 1.0], np.float32)
    np.testing.assert_allclose(
        noise.direct_first(impulse), np.array([-2, 1]) / np.sqrt(5), rtol=1e-6
    )


def test_pink_noise_falls_by_three_decibels_an_octave():
    frequency_hz, power = spectrum(noise.coloured_noise(1 << 17, 1.0, np.random.default_rng(2)))
    low = power[(frequency_hz > 250) & (frequency_hz < 500)].mean()
    high = power[(frequency_hz > 2000) & (frequency_hz < 4000)].mean()
    assert 10 * np.log10(low / high) == pytest.approx(9.03, abs=0.6)


def test_recordings_are_sorted_into_kinds_and_resampled(tmp_path):
    noises, rooms, talk = (tmp_path / name for name in ("noise", "rooms", "talk"))
    for folder in (noises, rooms, talk):
        folder.mkdir()
    hiss = np.random.default_rng(4).standard_normal(8000) * 0.1
    for path in (noises / "tap.wav", noises / "two_Voices.wav", talk / "any.wav"):
        soundfile.write(path, hiss, 8000)
    (noises / "README.txt").write_text("no audio")
    room = np.zeros((4410, 2))
    room[400, 1], room[800, 1], room[420, 0] = 0.9, 0.3, 0.2
    soundfile.write(rooms / "hall.wav", room, 44100)
    bank = noise.NoiseBank.load(noises, rooms, talk)
    assert [len(kind) for kind in (bank.babble, bank.ambient, bank.impulses)] == [2, 1, 1]
    assert len(bank.ambient[0]) == pytest.approx(16_000, abs=2)
    assert np.argmax(np.abs(bank.impulses[0])) == 0
    assert np.abs(bank.impulses[0][100:]).max() == pytest.approx(
        abs(bank.impulses[0][0]) / 3, rel=0.2
    )


def test_a_bank_without_recordings_is_synthetic():
    bank = noise.NoiseBank.load()
    assert all(len(kind) == 3 for kind in (bank.babble, bank.ambient, bank.impulses))


def test_a_short_recording_is_looped():
    piece = np.arange(5, dtype=np.float32)
    long = noise.excerpt([piece], 12, np.random.default_rng(0))
    assert len(long) == 12
    assert set(np.diff(long)) <= {1.0, -4.0}


def test_senseless_requests_are_refused(source, bank, tmp_path):
    with pytest.raises(UsageError, match="'underwater'"):
        spoil(source, "underwater", bank)
    with pytest.raises(UsageError, match="underwater"):
        degrade.time_ratio("underwater")
    with pytest.raises(AudioTooShortError, match="needs"):
        spoil(source[:N], "clean", bank)
    with pytest.raises(UsageError, match="tempo"):
        codec.change_tempo(source, RATE_HZ, 3.0)
    with pytest.raises(SourceNotFoundError, match="nowhere"):
        noise.NoiseBank.load(tmp_path / "nowhere")
