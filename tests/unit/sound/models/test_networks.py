"""Networks against their references: torch's own output, and a slow one in float64."""

from __future__ import annotations

import importlib.util
import json
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from earmark.errors import CheckpointError, DamagedIndexError
from earmark.sound import student
from earmark.sound.cnn14 import cnn14, cnn14_16k
from earmark.sound.efficientat import MN04, mn04, mn10
from earmark.sound.graphs import opened
from earmark.sound.labels import audioset_labels, yamnet_labels
from earmark.sound.mel import PANNS_32K, panns_bank, panns_mel
from earmark.sound.padding import at_least

ROOT = Path(__file__).parents[4]
GOLDEN = ROOT / "tests" / "golden"
GRAPHS = files("earmark.sound") / "graphs"


def golden_signals():
    spec = importlib.util.spec_from_file_location("golden_sound", GOLDEN / "make_golden_sound.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.signals()


def shapes(graph):
    return {k: tuple(v) for k, v in json.loads((GRAPHS / f"{graph}.json").read_text()).items()}


def made_up(graph, seed=0):
    """Weights that keep a signal alive through every layer, quickly made."""
    pattern = np.random.default_rng(seed).standard_normal(10_007).astype(np.float32)
    tensors = {}
    for name, shape in shapes(graph).items():
        values = np.resize(pattern, shape)
        if name.endswith("running_var"):
            values = 0.5 + np.abs(values)
        elif len(shape) == 1:
            values = 0.1 * values + name.endswith(("0.1.weight", "bn0.weight"))
        else:
            values = values * np.float32(np.sqrt(2.0 / np.prod(shape[1:])))
        tensors[name] = values.astype(np.float32)
    return tensors


@pytest.fixture(scope="module")
def mn04_model(mn04_weights):
    return mn04.open(mn04_weights)


@pytest.mark.parametrize("name", ["chirp", "knocks", "noise"])
def test_mn04_is_upstream_s_network(mn04_model, name):
    golden = np.load(GOLDEN / "sound1" / "mn04.npz")
    found = mn04_model.embed(golden_signals()[name])
    assert found.vector.dtype == np.float32
    assert np.abs(found.vector - golden[f"{name}_features"]).max() < 1e-4
    assert np.abs(found.labels - golden[f"{name}_labels"]).max() < 1e-4


def test_mn04_names_what_it_hears(mn04_model):
    found = mn04_model.embed(golden_signals()["noise"])
    assert mn04_model.label_names()[int(np.argmax(found.labels))] == "Static"


@pytest.mark.parametrize("count", [1, 2, 511, 10_239, 10_240, 33_333])
def test_any_length_is_taken(mn04_model, count):
    found = mn04_model.embed(np.full(count, 0.1, np.float32))
    assert found.vector.shape == (MN04.dimension,)
    assert np.isfinite(found.vector).all()


def test_nothing_is_no_clip(mn04_model):
    with pytest.raises(ValueError, match="n >= 1"):
        mn04_model.embed(np.zeros(0, np.float32))
    with pytest.raises(ValueError, match="mono"):
        at_least(3, np.zeros((2, 3), np.float32))


def test_mn10_has_its_own_width(torch_file, tmp_path):
    model = mn10.open(torch_file(made_up("mn10")).zip(tmp_path / "w.pt"))
    found = model.embed(np.ones(20_000, np.float32))
    assert found.vector.shape == (mn10.info.dimension,)
    assert found.labels.shape == (527,)


@pytest.mark.slow
def test_the_graphs_are_those_that_their_script_draws(monkeypatch):
    pytest.importorskip("onnx")
    monkeypatch.syspath_prepend(str(ROOT))
    from training.graphs import build

    drawn = build.files()
    assert drawn.keys() == {path.name for path in GRAPHS.iterdir()}
    for name, data in drawn.items():
        assert (GRAPHS / name).read_bytes() == data, name


def spoilt(tensors, change):
    tensors = dict(tensors)
    change(tensors)
    return tensors


WRONG = {
    r"the tensor classifier\.5\.bias is missing": lambda t: t.pop("classifier.5.bias"),
    r"the tensor more is not known": lambda t: t.update(more=np.zeros(1, np.float32)),
    r"classifier\.5\.bias is float32 \(528,\), not float32 \(527,\)": lambda t: t.update(
        {"classifier.5.bias": np.zeros(528, np.float32)}
    ),
    r"classifier\.5\.bias is float64": lambda t: t.update({"classifier.5.bias": np.zeros(527)}),
}


@pytest.mark.parametrize("sentence", WRONG)
def test_another_architecture_is_told_by_its_first_tensor(torch_file, tmp_path, sentence):
    path = torch_file(spoilt(made_up("mn04"), WRONG[sentence])).zip(tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match=f"does not fit mn04: .*{sentence}"):
        opened("mn04", path)


def test_counters_of_batch_norm_are_passed_over(torch_file, tmp_path):
    more = {"features.0.1.num_batches_tracked": np.array(9, np.int64)}
    assert opened("mn04", torch_file(made_up("mn04") | more).zip(tmp_path / "w.pt"))


def slow_cnn14(mel, weights):
    """Cnn14 in float64, as the paper draws it: mel (frames, 64)."""
    w = {name: array.astype(float) for name, array in weights.items() if array.size < 10_000}

    def norm(x, name):
        scale = w[f"{name}.weight"] / np.sqrt(w[f"{name}.running_var"] + 1e-5)
        shift = w[f"{name}.bias"] - w[f"{name}.running_mean"] * scale
        return x * scale + shift

    def conv(x, name):
        kernel = weights[f"{name}.weight"].astype(float)
        padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
        height, width = x.shape[:2]
        return sum(
            padded[i : i + height, j : j + width] @ kernel[:, :, i, j].T
            for i in range(3)
            for j in range(3)
        )

    x = norm(mel.astype(float), "bn0")[:, :, None]
    for block in range(1, 7):
        for part in (1, 2):
            name = f"conv_block{block}"
            x = np.maximum(0.0, norm(conv(x, f"{name}.conv{part}"), f"{name}.bn{part}"))
        if block < 6:
            height, width = (side // 2 * 2 for side in x.shape[:2])
            x = x[:height, :width].reshape(height // 2, 2, width // 2, 2, -1).mean((1, 3))
    x = x.mean(1)
    x = x.max(0) + x.mean(0)
    x = np.maximum(0.0, weights["fc1.weight"].astype(float) @ x + w["fc1.bias"])
    logits = weights["fc_audioset.weight"].astype(float) @ x + w["fc_audioset.bias"]
    return x, 1.0 / (1.0 + np.exp(-logits))


@pytest.fixture(scope="module")
def panns_tensors():
    return made_up("cnn14", seed=1)


@pytest.mark.slow
def test_cnn14_is_the_paper_s_network(torch_file, panns_tensors, tmp_path):
    beside = {
        "spectrogram_extractor.stft.conv_real.weight": np.zeros((513, 1, 1024), np.float32),
        "logmel_extractor.melW": panns_bank(PANNS_32K),
    }
    path = torch_file(panns_tensors | beside, "model").old(tmp_path / "w.pth")
    model = cnn14.open(path)
    path.unlink()
    samples = np.random.default_rng(2).normal(0, 0.1, 12_000).astype(np.float32)
    features, labels = slow_cnn14(panns_mel(samples, PANNS_32K), panns_tensors)
    found = model.embed(samples)
    assert (features > 0).mean() > 0.1
    assert np.abs(found.vector - features).max() <= 1e-5 * np.abs(features).max()
    assert np.abs(found.labels - labels).max() < 1e-5
    assert np.isfinite(model.embed(samples[:1]).vector).all()


@pytest.mark.slow
def test_cnn14_of_another_rate_is_refused(torch_file, panns_tensors, tmp_path):
    beside = {"logmel_extractor.melW": panns_bank(PANNS_32K)}
    path = torch_file(panns_tensors | beside, "model").zip(tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"logmel_extractor\.melW holds other values"):
        cnn14_16k.open(path)


def test_the_model_in_the_box():
    model = student.builtin.open(None)
    for count in (1, 5000, 320_000):
        found = model.embed(np.full(count, 0.1, np.float32))
        assert found.vector.shape == (model.info.dimension,)
        assert np.isfinite(found.vector).all()
        assert found.labels.shape == (model.info.labels_count,) == (len(model.label_names()),)
        assert 0.0 <= found.labels.min() <= found.labels.max() <= 1.0


def test_a_spoilt_model_in_the_box_is_told(monkeypatch):
    from earmark import inference

    inference.shipped.cache_clear()
    monkeypatch.setattr(inference, "shipped_checksum", lambda *_: "0" * 64)
    with pytest.raises(DamagedIndexError, match=r"student\.onnx is damaged"):
        inference.shipped("earmark.sound", "student")
    inference.shipped.cache_clear()


def test_the_names_of_sounds():
    assert len(audioset_labels()) == len(set(audioset_labels())) == 527
    assert len(yamnet_labels()) == 521
    assert audioset_labels()[0] == yamnet_labels()[0] == "Speech"


def test_yamnet_hears(mn04_weights):
    pytest.importorskip("ai_edge_litert")
    from earmark.sound.yamnet import yamnet

    path = mn04_weights.with_name(yamnet.info.file_name)
    if not path.is_file():
        pytest.skip(f"{path.name} is not here")
    model = yamnet.open(path)
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(40_000) / 16_000)
    found = model.embed(tone.astype(np.float32))
    assert (found.vector.shape, found.labels.shape) == ((1024,), (521,))
    assert found.vector.any()
    assert np.isfinite(model.embed(tone[:1].astype(np.float32)).vector).all()
    with pytest.raises(CheckpointError, match="no network that LiteRT reads"):
        yamnet.open(Path(__file__))


def test_no_heavy_library_is_imported_to_know_the_models():
    code = (
        "import sys; from earmark.sound.catalogue import known_models; known_models();"
        "print([m for m in ('onnxruntime', 'torch', 'onnx', 'librosa') if m in sys.modules])"
    )
    import subprocess

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
