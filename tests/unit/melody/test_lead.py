"""The lead extractor on sounds made here; how well it hears real mixes is measured elsewhere."""

import numpy as np
import pytest

from earmark.melody.analysis import MelodyAnalysis
from earmark.melody.encoder import DIMENSION, checksum, embed, weights
from earmark.melody.lead import BLOCK_FRAMES, CONTEXT_FRAMES, LeadAnalyser, decode
from earmark.melody.params import RATE_HZ, LeadParams
from earmark.melody.spectrum import BINS, HOP, LOWEST_SEMITONE, PER_SEMITONE, log_spectrum

PITCHES = (62, 65, 69, 67, 64, 60, 62, 69)


def tone(semitones, seconds, harmonics=8, level=0.2):
    time_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    hz = 440 * 2 ** ((semitones - 69) / 12)
    fade = np.minimum(1, np.minimum(time_s, time_s[::-1]) / 0.02)
    return level * fade * sum(np.sin(2 * np.pi * k * hz * time_s) / k for k in range(1, harmonics))


def song(seconds=16.0):
    """A lead over a quiet bass and noise."""
    lead = np.concatenate([tone(p, 0.8) for p in PITCHES * 3])[: int(seconds * RATE_HZ)]
    bass = np.concatenate([tone(p - 24, 1.6, level=0.05) for p in PITCHES * 2])[: len(lead)]
    noise = np.random.default_rng(0).normal(0, 2e-3, len(lead))
    lead[: len(bass)] += bass
    return (lead + noise).astype(np.float32)


def heard(samples, chunk=1 << 16):
    analyser = LeadAnalyser(LeadParams())
    for at in range(0, len(samples), chunk):
        analyser.feed(samples[at : at + chunk])
    return analyser.finish()


def test_a_plain_lead_is_heard_at_its_pitch_and_time():
    tune = heard(song())
    expected = [PITCHES[int(at / 0.8) % 8] for at in np.arange(0.4, 15.6, 0.8)]
    note = [np.searchsorted(tune.onset_s, at, "right") - 1 for at in np.arange(0.4, 15.6, 0.8)]
    error = (tune.semitones[note] - expected) % 12
    assert (np.minimum(error, 12 - error) < 0.6).mean() > 0.85


def test_how_the_audio_is_cut_changes_nothing():
    samples = np.tile(song(), 4)
    whole = heard(samples, len(samples))
    for chunk in (997, 16000, 250_000):
        again = heard(samples, chunk)
        assert (again.onset_s == whole.onset_s).all()
        assert (again.semitones == whole.semitones).all()


def test_memory_does_not_grow_with_the_recording():
    analyser, samples = LeadAnalyser(LeadParams()), song()
    for _ in range(12):
        analyser.feed(samples)
        assert sum(len(piece) for piece in analyser._held) < (BLOCK_FRAMES + 50) * HOP + len(
            samples
        )
        assert sum(len(s) for s in analyser._spectra) < 2 * BLOCK_FRAMES + 3 * CONTEXT_FRAMES


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(0, np.float32),
        np.zeros(100, np.float32),
        np.zeros(20 * RATE_HZ, np.float32),
        np.full(5 * RATE_HZ, 1e-6, np.float32),
    ],
)
def test_silence_has_no_tune(samples):
    assert len(heard(samples)) == 0


def test_drums_alone_have_hardly_a_tune():
    rng = np.random.default_rng(2)
    samples = np.zeros(12 * RATE_HZ)
    for at in range(0, len(samples) - 3200, 4000):
        samples[at : at + 3200] += rng.normal(0, 1, 3200) * np.exp(-np.arange(3200) / 300)
    tune = heard((0.3 * samples).astype(np.float32))
    assert tune.voiced_s < 3.0


def test_level_does_not_matter():
    loud, quiet = heard(song()), heard(song() * 0.01)
    assert len(loud) == pytest.approx(len(quiet), abs=3)


def test_the_path_prefers_to_stay():
    logits = np.full((30, 156), -8.0, np.float32)
    logits[:, 60] = -0.5
    logits[15, 60] = -4.0
    logits[15, 96] = -0.1  # one frame says an octave above
    pitch = decode(logits, np.ones(30, np.float32))
    assert pitch == pytest.approx(np.full(30, 36 + 20.0))
    voice = np.ones(30, np.float32)
    voice[10:20] = -1
    assert np.isnan(decode(logits, voice)).sum() == 10


def test_a_tone_lies_on_its_bin():
    for semitones in (45, 60, 81):
        spectrum = log_spectrum(tone(semitones, 2.0, harmonics=2).astype(np.float32))
        assert spectrum.shape == (40, BINS)
        peak = LOWEST_SEMITONE + np.median(spectrum[5:35].argmax(1)) / PER_SEMITONE
        assert peak == pytest.approx(semitones, abs=0.4)


def test_networks_are_the_released_ones_and_give_unit_vectors():
    for name in ("encoder", "lead"):
        assert len(checksum(name)) == 64
        assert len(weights(name)) > 100_000
    vectors = embed(np.random.default_rng(0).normal(0, 3, (300, 80)).astype(np.float32))
    assert vectors.shape == (300, DIMENSION)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(300), abs=1e-4)
    with pytest.raises(ValueError, match="80 values"):
        embed(np.zeros((3, 79), np.float32))


def test_the_analysis_travels_to_workers_and_hears_nothing_in_nothing():
    import pickle

    analysis = pickle.loads(pickle.dumps(MelodyAnalysis()))
    assert analysis.digest == MelodyAnalysis().digest
    analyser = analysis.analyser()
    analyser.feed(np.zeros(0, np.float32))
    assert len(analysis.unpack(analysis.pack(analyser.finish())).tune) == 0
