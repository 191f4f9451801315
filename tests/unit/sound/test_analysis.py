"""Audio in, features out: any pieces, any length, one model for each process."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

from earmark.errors import ModelUnavailableError
from earmark.ports import Preparing
from earmark.sound.analysis import Chosen, SoundAnalysis
from earmark.sound.catalogue import model_plugin
from earmark.sound.params import SoundParams, WindowParams


def features(analysis, *parts):
    analyser = analysis.analyser()
    for part in parts:
        analyser.feed(part)
    return analyser.finish()


@pytest.fixture
def analysis(chosen):
    return SoundAnalysis(chosen)


def test_a_row_for_each_window(analysis, sound):
    found = features(analysis, sound(1, 21.0))
    assert found.start_s.tolist() == [0, 5, 10, 15]
    assert found.length_s.tolist() == [10, 10, 10, 6]
    assert found.vectors.shape == (4, 32)
    assert found.timbres.shape == (4, 60)
    assert found.labels.shape == (4, 3)


def test_the_pieces_do_not_matter(analysis, sound):
    samples = sound(2, 17.0)
    whole = analysis.pack(features(analysis, samples))
    for size in (999, 8000, 100_000):
        pieces = [samples[at : at + size] for at in range(0, len(samples), size)]
        assert analysis.pack(features(analysis, *pieces, samples[:0])) == whole


@pytest.mark.parametrize("fed", [[], [np.zeros(0, np.float32)], [np.zeros(90_000, np.float32)]])
def test_hearing_nothing_has_no_windows(analysis, fed):
    found = features(analysis, *fed)
    assert found.vectors.shape == (0, 32)
    assert analysis.unpack(analysis.pack(found)).vectors.shape == (0, 32)


@pytest.mark.parametrize("count", [1, 400, 1600])
def test_a_click_is_one_window(analysis, sound, count):
    found = features(analysis, sound(1)[:count])
    assert len(found.vectors) == 1
    assert found.length_s[0] == pytest.approx(count / 8000)
    assert np.isfinite(found.vectors).all()


def test_a_label_s_name_is_that_of_what_sounds(analysis):
    time_s = np.arange(16000) / 8000
    names = analysis.chosen.open().label_names()
    for hz, name in ((60, "Hum"), (3000, "Dog whistle")):
        found = features(analysis, (0.3 * np.sin(2 * np.pi * hz * time_s)).astype("f4"))
        assert names[found.labels[0, 0]] == name
        assert found.likely[0, 0] > 0.8


def test_it_travels_to_another_process(analysis, sound):
    copy = pickle.loads(pickle.dumps(analysis))
    assert copy.digest == analysis.digest
    assert copy.pack(features(copy, sound(3))) == analysis.pack(features(analysis, sound(3)))


def test_the_digest_is_of_all_that_changes_vectors(analysis, chosen):
    info = chosen.info
    others = [
        SoundAnalysis(Chosen(replace(info, **{name: "other"})))
        for name in ("name", "sha256", "front_end")
    ]
    others.append(SoundAnalysis(chosen, SoundParams(windows=WindowParams(hop_s=2.5))))
    digests = {analysis.digest, *(other.digest for other in others)}
    assert len(digests) == 5
    assert SoundAnalysis(Chosen(replace(info, summary="x", rank=3))).digest == analysis.digest


def test_missing_weights_are_told_before_the_first_file(ears):
    analysis = SoundAnalysis(Chosen(model_plugin("far-ears").info))
    assert isinstance(analysis, Preparing)
    with pytest.raises(ModelUnavailableError, match=r"far_ears\.bin"):
        analysis.prepare()
    with pytest.raises(ModelUnavailableError):
        analysis.analyser()


def test_one_network_for_a_process(chosen):
    assert chosen.open() is chosen.open()
