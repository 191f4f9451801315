"""Shards, losses, the student, its figures and its export."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from training.sound import export, label, losses, measure, train
from training.sound.model import Student
from training.sound.shards import Examples, Shard

SIZES = {"channels": (8, 8, 8, 8), "depths": (0, 1, 1), "projected": 8, "head": 8}


def _shard(seed: int, count: int, length_s: float = 1.0) -> Shard:
    """Examples whose first features tell the loudest of four quarters of the mel."""
    rng = np.random.default_rng(seed)
    shard = Shard(length_s)
    for number in range(count):
        quarter = int(rng.integers(4))
        mel = rng.normal(0, 0.1, (128, 51)).astype(np.float32)
        mel[quarter * 32 : quarter * 32 + 32] += 1.0
        features = np.zeros(384, np.float32) + rng.normal(0, 0.01, 384)
        features[quarter * 40 : quarter * 40 + 40] += 1.0
        shard.add(mel, features.astype(np.float32), (number,))
    return shard


def test_examples_come_back_as_written_and_new_shards_are_found(tmp_path: Path):
    first = _shard(1, 5)
    first.save(tmp_path, "mix-a")
    _shard(2, 5).save(tmp_path, "held-a")
    examples = Examples(tmp_path, ("raw", "mix"))
    assert examples.count(1.0) == 5
    _shard(3, 7).save(tmp_path, "raw-b")
    examples.look()
    assert examples.count(1.0) == 12
    mels, features = examples.draw(1.0, 12, np.random.default_rng(0))
    assert mels.shape == (12, 128, 50)
    written = np.array(first.features, np.float32)
    for row in range(5):  # a draw is ordered by shard
        assert np.allclose(features[row], written[row])
        assert np.allclose(mels[row], first.mels[row].astype(np.float32))


def test_only_near_copies_are_left_out():
    rng = np.random.default_rng(0)
    kept = rng.normal(size=(3, 384)).astype(np.float32)
    near = kept[1] * 3 + rng.normal(0, 0.05, 384)
    far = kept[1] + rng.normal(0, 0.3, 384)
    found = label.near_copies(np.array([near, far], np.float32), kept)
    assert found.tolist() == [True, False]


def test_losses_are_least_for_the_teacher_itself():
    torch.manual_seed(0)
    wanted = torch.randn(20, 384)
    other = torch.randn(20, 384)
    assert float(losses.direction(wanted * 5, wanted)) == pytest.approx(0, abs=1e-5)
    assert float(losses.neighbours(wanted * 5, wanted)) == pytest.approx(0, abs=1e-5)
    assert float(losses.direction(other, wanted)) > 0.5
    assert float(losses.neighbours(other, wanted)) > 0.1
    rotation = torch.linalg.qr(torch.randn(384, 384))[0]
    assert float(losses.neighbours(wanted @ rotation, wanted)) == pytest.approx(0, abs=1e-4)


def test_retrieval_leaves_out_a_recordings_own_clips():
    vectors = np.array([[1, 0], [1, 0.01], [1, 0.2], [0, 1], [0.1, 1], [0.2, 1]], np.float32)
    classes = ["a", "a", "b", "b", "b", "b"]
    found = measure.retrieval(vectors, classes, ["1", "1", "2", "3", "4", "5"])
    # The clips of recording 1 find clip 2 first, which is no answer; 2 finds 0, and so on.
    assert found["P@1"] == pytest.approx(3 / 6)
    apart = measure.retrieval(vectors, classes, list("123456"))
    assert apart["P@1"] == pytest.approx(5 / 6)


@pytest.mark.filterwarnings("ignore")
def test_a_student_learns_and_its_export_answers_alike_at_any_length(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(train, "BATCHES", dict.fromkeys(train.BATCHES, 24))
    monkeypatch.setattr(train, "WARM_UP_STEPS", 10)
    _shard(1, 300).save(tmp_path, "mix-a")
    for seed, length in ((5, 2.5), (6, 5.0)):
        _shard(seed, 4, length).save(tmp_path, "held-a")
    examples, held = Examples(tmp_path, ("mix",)), Examples(tmp_path, ("held",))
    torch.manual_seed(0)
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    net = Student(**SIZES)
    mels, features = (torch.from_numpy(rows) for rows in examples.draw(1.0, 200, rng))
    net.standardise(mels, features)
    head = losses.Head(*(torch.randn(shape) * 0.1 for shape in ((9, 384), 9, (527, 9), 527)))
    ticks = (0.1 * tick for tick in itertools.count())  # a minute is 600 steps, however slow
    train.train(
        net, examples, held, head, tmp_path / "a.pt", 0.1, losses.Weights(), rng, (1.0, 0, 0),
        clock=lambda: next(ticks),
    )  # fmt: skip
    kept = export.read(tmp_path / "a.pt")
    unseen = _shard(9, 60)
    found, _ = measure.answers(kept, [np.array(unseen.mels)])
    wanted = np.array(unseen.features, np.float32)
    centre = kept.mean.numpy()
    cosine = (measure.unit(found - centre) * measure.unit(wanted - centre)).sum(1).mean()
    assert cosine > 0.7
    path = tmp_path / "student.onnx"
    assert export.export(kept, path) > 0.999
    session = onnxruntime.InferenceSession(str(path))
    assert [out.name for out in session.get_outputs()] == ["features", "labels"]
    mel = np.array(unseen.mels[:1], np.float32)[:, None]
    for frames in (10, 50, 700):
        features, odds = session.run(None, {"mel": np.resize(mel, (1, 1, 128, frames))})
        assert features.shape == (1, 384)
        assert odds.shape == (1, 527)
        assert 0 <= odds.min() <= odds.max() <= 1


def test_a_student_that_answers_as_its_teacher_agrees_in_full(tmp_path: Path):
    report = pytest.importorskip("training.sound.report")
    _shard(4, 30).save(tmp_path, "held-a")
    held = Examples(tmp_path, ("held",))
    torch.manual_seed(1)
    head = losses.Head(*(torch.randn(shape) * 0.3 for shape in ((9, 384), 9, (527, 9), 527)))
    rows = iter(np.concatenate(held.features[1.0]).astype(np.float32))

    class Parrot:
        def mel(self, _):
            features = next(rows)
            odds = torch.sigmoid(head(torch.from_numpy(features[None])))[0].numpy()
            return features, odds

    figures = report.agreement(Parrot(), held, head)["1 s"]
    assert figures["examples"] == 30
    assert figures["cosine"] == pytest.approx(1, abs=1e-5)
    assert figures["shared"] == figures["label"] == 1
