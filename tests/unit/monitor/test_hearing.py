"""Every second of a source gets one label; music, speech, noise and silence are told apart."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from made_up_speech import made_up_speech
from sheets import RATE_HZ, cut, sheet

from earmark.errors import DamagedIndexError
from earmark.monitor import hearing_model
from earmark.monitor.hearing import LEAST_S, STATES, Hearing, _path
from earmark.monitor.hearing_model import Network, pooled, shipped
from earmark.ports.following import Sheet


def heard(*sheets: Sheet) -> Hearing:
    hearing = Hearing()
    for part in sheets:
        hearing.take(part)
    return hearing


def noise(seconds: float, dbfs: float = -20.0) -> np.ndarray:
    rng = np.random.default_rng(3)
    samples = rng.standard_normal(int(seconds * RATE_HZ)) * 10.0 ** (dbfs / 20.0)
    return samples.astype(np.float32)


@pytest.fixture(scope="module")
def mixed(music):
    """Twelve seconds each of music, nothing, noise and talk."""
    length = 12 * RATE_HZ
    parts = (music(11, 12.0)[:length], np.zeros(length), noise(12.0), made_up_speech(1, 12.0))
    return sheet(np.concatenate(parts))


def test_silence_is_digital_or_below_60_dbfs():
    for samples in (np.zeros(8 * RATE_HZ, np.float32), noise(8.0, -66.0)):
        ((kind, span),) = heard(sheet(samples)).labelled(0.0, 7.0)
        assert (kind, span.start_s, span.end_s) == ("silence", 0.0, 7.0)
    assert heard(sheet(noise(8.0, -50.0))).labelled(0.0, 7.0)[0][0] != "silence"


def test_kinds_are_told_apart(mixed):
    told = heard(mixed).labelled(0.0, 48.0)
    assert [kind for kind, _ in told] == ["music", "silence", "other", "speech"]
    assert [span.end_s for _, span in told] == pytest.approx([12.0, 24.0, 36.0, 48.0], abs=2.0)


@pytest.mark.parametrize(
    ("start_s", "end_s"), [(0.0, 48.0), (5.3, 30.1), (11.0, 11.5), (40.0, 90.0)]
)
def test_labels_cover_what_was_asked_and_nothing_else(mixed, start_s, end_s):
    told = heard(mixed).labelled(start_s, end_s)
    assert told[0][1].start_s == start_s
    assert told[-1][1].end_s == end_s
    for (kind, span), (later_kind, later) in itertools.pairwise(told):
        assert span.end_s == later.start_s
        assert kind != later_kind
        assert min(span.duration_s, later.duration_s) >= LEAST_S


def test_labels_do_not_depend_on_how_sheets_are_cut(mixed):
    frames = [1, 2, 40, 41, 700, 701, 1500, 2900]
    told, whole = heard(*cut(mixed, frames)).labelled(0.0, 48.0), heard(mixed).labelled(0.0, 48.0)
    assert [kind for kind, _ in told] == [kind for kind, _ in whole]
    assert [span.end_s for _, span in told] == pytest.approx([span.end_s for _, span in whole])


def test_asking_early_does_not_change_what_follows(mixed):
    hearing = Hearing()
    for part in cut(mixed, list(range(200, 3000, 200))):
        hearing.take(part)
        hearing.labelled(0.0, part.start_s)
    told, whole = hearing.labelled(0.0, 48.0), heard(mixed).labelled(0.0, 48.0)
    assert [kind for kind, _ in told] == [kind for kind, _ in whole]
    assert [span.end_s for _, span in told] == pytest.approx([span.end_s for _, span in whole])


def test_time_may_jump(mixed, music):
    later = sheet(music(12, 12.0), 1000.0)
    hearing = heard(mixed, later)
    assert hearing.labelled(1000.0, 1012.0)[0][0] == "music"
    assert [kind for kind, _ in hearing.labelled(36.0, 48.0)] == ["speech"]


def test_what_is_forgotten_is_gone(mixed):
    hearing = heard(mixed)
    hearing.forget(44.0)
    assert [kind for kind, _ in hearing.labelled(0.0, 12.0)] == ["silence"]
    assert hearing.labelled(45.0, 48.0)[0][0] == "speech"


def test_nothing_heard_is_silence():
    assert Hearing().labelled(3.0, 5.0)[0][0] == "silence"
    assert Hearing().labelled(5.0, 5.0) == []


def test_one_odd_block_does_not_flicker():
    odds = np.full((20, len(STATES)), -5.0)
    odds[:, 0] = 0.0
    odds[10] = (-4.0, 0.0, -4.0, -9.0)
    assert set(_path(odds).tolist()) == {0}
    odds[10:16] = (-4.0, 0.0, -4.0, -9.0)
    assert set(_path(odds)[10:16].tolist()) == {1}


def test_pooling_ends_at_the_ends():
    figures = np.arange(10, dtype=np.float32)[:, None]
    found = pooled(figures)
    assert found[0].tolist() == pytest.approx([1.5, np.std([0, 1, 2, 3])])
    assert found[5].tolist() == pytest.approx([5.0, 2.0])


def test_odds_are_of_chances_that_sum_to_one():
    odds = shipped().log_odds(np.random.default_rng(0).normal(size=(5, 128)).astype(np.float32))
    assert np.exp(odds).sum(axis=1) == pytest.approx(np.ones(5), abs=1e-4)
    assert isinstance(shipped(), Network)


def test_a_damaged_network_is_refused(tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "hearing.npz").write_bytes(b"not it")
    (tmp_path / "models" / "SHA256SUMS").write_text("00  hearing.npz\n")
    monkeypatch.setattr(hearing_model, "files", lambda _: tmp_path)
    with pytest.raises(DamagedIndexError, match=r"hearing\.npz is damaged"):
        hearing_model.shipped.__wrapped__()
