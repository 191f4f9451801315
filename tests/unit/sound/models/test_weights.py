"""Where weights are found, that only the right ones are taken, and which model ``auto`` means."""

from __future__ import annotations

import hashlib
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from earmark.errors import (
    CheckpointError,
    ExtraMissingError,
    ModelUnavailableError,
    UsageError,
)
from earmark.sound import catalogue
from earmark.sound.catalogue import (
    BUILT_IN,
    Checked,
    best_present,
    chosen_model,
    declared_models,
    known_models,
    model_plugin,
    present,
)
from earmark.sound.efficientat import MN04
from earmark.sound.model import GROUP, Embedding, ModelInfo, TextTower
from earmark.sound.weights import Places, found, is_here, verified

ROOT = Path(__file__).parents[4]
DATA = b"weights" * 1000
INFO = replace(MN04, sha256=hashlib.sha256(DATA).hexdigest(), size_bytes=len(DATA))


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A machine without weights."""
    for name in ("EARMARK_WEIGHTS", "EARMARK_MODELS", "EARMARK_MODELS_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Places.told()


def put(path, data=DATA):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_places_are_told_by_the_environment():
    told = Places.told(
        {
            "EARMARK_WEIGHTS": "/w.pt",
            "EARMARK_MODELS": "/m",
            "EARMARK_MODELS_MIRROR": "http://x",
            "HOME": "/home/me",
        }
    )
    assert told == Places(
        Path("/home/me/.cache/earmark/models"), Path("/w.pt"), Path("/m"), "http://x"
    )
    assert Places.told({"XDG_CACHE_HOME": "/c"}).cache == Path("/c/earmark/models")
    assert Places.told({"EARMARK_WEIGHTS": "/w.pt"}, Path("/flag.pt")).weights == Path("/flag.pt")


def test_the_named_file_goes_before_the_folder_and_that_before_the_cache(tmp_path):
    places = Places(tmp_path / "cache", None, tmp_path / "models")
    assert found(INFO, places) is None
    assert not is_here(INFO, places)
    in_cache = put(places.cache / INFO.file_name)
    assert found(INFO, places) == in_cache
    in_folder = put(places.models / INFO.file_name)
    assert found(INFO, places) == in_folder
    assert found(INFO, replace(places, weights=tmp_path / "mine.pt")) == tmp_path / "mine.pt"
    assert is_here(INFO, places)


def test_another_file_is_refused_with_both_checksums(tmp_path):
    assert verified(INFO, put(tmp_path / "right.pt")) == tmp_path / "right.pt"
    wrong = put(tmp_path / "wrong.pt", b"other")
    with pytest.raises(CheckpointError) as refused:
        verified(INFO, wrong)
    for part in (str(wrong), INFO.sha256, hashlib.sha256(b"other").hexdigest()):
        assert part in refused.value.message
    put(wrong)
    assert verified(INFO, wrong)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ModelUnavailableError, match="earmark models fetch mn04"):
        verified(INFO, tmp_path / "none.pt")


def test_the_built_in_models_are_those_of_the_project_file():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {entry.name: entry.value for entry in BUILT_IN} == project["entry-points"][GROUP]
    for plugin in known_models():
        info = plugin.info
        assert plugin.info.name in {entry.name for entry in declared_models()}
        assert len(info.sha256) == 64
        assert info.size_bytes > 1_000_000
        assert not info.extra or info.extra in project["optional-dependencies"]
        assert (info.file_name == "") == (info.name == "builtin")


def test_an_unknown_model_is_told_with_those_there_are(nowhere):
    for ask in (model_plugin, present, lambda name: chosen_model(None, name)):
        with pytest.raises(UsageError, match=r"'nope'; there are builtin, mn04, mn10, .*yamnet"):
            ask("nope")


def test_a_recorded_model_that_is_gone_is_told_with_the_remedy(nowhere):
    with pytest.raises(ModelUnavailableError, match=r"'nope', .*`earmark rebuild --model NAME`"):
        chosen_model("nope", None)
    assert chosen_model("auto", None) == chosen_model(None, "auto")


def test_auto_takes_the_best_that_is_here(nowhere, tmp_path):
    assert best_present().name == "builtin"
    assert present("builtin")
    assert not present("mn04")
    put(nowhere.cache / MN04.file_name)
    assert present("mn04")
    assert best_present().name == "mn04"
    assert chosen_model(None, "auto") == (MN04, nowhere.cache / MN04.file_name)
    assert chosen_model("builtin", "mn04")[0].name == "builtin"
    assert chosen_model(None, "mn10") == (model_plugin("mn10").info, None)


def test_a_named_file_does_not_make_every_model_present(nowhere, tmp_path, monkeypatch):
    monkeypatch.setenv("EARMARK_WEIGHTS", str(put(tmp_path / "mine.pt")))
    assert best_present().name == "builtin"
    with pytest.raises(CheckpointError, match=r"mine\.pt is not the file of weights that mn04"):
        model_plugin("mn04").open(chosen_model(None, "mn04")[1])


def test_a_model_that_is_not_here_tells_what_to_do(nowhere):
    info, weights = chosen_model(None, "mn04")
    with pytest.raises(ModelUnavailableError, match="weights of mn04 are not here; run `earmark"):
        model_plugin(info.name).open(weights)


def test_an_extra_that_is_missing_is_named(nowhere, monkeypatch):
    monkeypatch.setattr(catalogue, "_MODULE_OF_EXTRA", {"yamnet": "no_such_module"})
    put(nowhere.cache / "yamnet.tflite")
    assert not present("yamnet")
    with pytest.raises(ExtraMissingError, match=r"pip install 'earmark\[yamnet\]'"):
        model_plugin("yamnet").open(None)


PLUGIN = """
import numpy as np
from earmark.sound.model import Embedding, ModelInfo

INFO = ModelInfo(name="loud", summary="how loud it is", dimension=2, rate_hz=8000, window_s=1.0,
                 licence="CC0", credit="nobody", sha256="", size_bytes=0, front_end="1", rank=99)

class Loud:
    info = INFO
    def embed(self, samples):
        return Embedding(np.array([np.sqrt(np.mean(samples**2)), 1.0], np.float32))
    def label_names(self):
        return ()
    def embed_text(self, text):
        return np.array([text.count("!"), 1.0], np.float32)

class Plugin:
    info = INFO
    def open(self, weights):
        return Loud()

loud = Plugin()
odd = 3
"""


@pytest.fixture
def loud(tmp_path, monkeypatch):
    folder = tmp_path / "site" / "loud-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: loud\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(
        "[earmark.models]\nloud = loud_model:loud\nodd = loud_model:odd\nmn04 = loud_model:odd\n"
    )
    (folder.parent / "loud_model.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(folder.parent))
    yield
    sys.modules.pop("loud_model", None)


def test_a_model_of_another_package_comes_through_the_same_door(loud, nowhere):
    declared_models()
    assert "loud_model" not in sys.modules
    with pytest.warns(RuntimeWarning, match=r"'odd' \(loud_model:odd\) is left out"):
        assert best_present().name == "loud"
    model = model_plugin("loud").open(None)
    assert model.embed(np.ones(100, np.float32)).vector.tolist() == [1.0, 1.0]
    assert isinstance(model, TextTower)
    assert model.embed_text("loud!").tolist() == [1.0, 1.0]
    with pytest.raises(UsageError, match=r"'odd' \(loud_model:odd\) cannot be loaded"):
        model_plugin("odd")


def test_nobody_takes_the_name_of_a_built_in_model(loud, nowhere):
    assert model_plugin("mn04").info == MN04


def test_a_plug_in_is_handed_verified_files_only(tmp_path):
    class Spy:
        info = INFO
        seen = None

        def open(self, weights):
            self.seen = weights
            return self

    spy = Spy()
    assert Checked(spy).open(put(tmp_path / "w.pt")) is spy
    assert spy.seen == tmp_path / "w.pt"
    with pytest.raises(CheckpointError):
        Checked(spy).open(put(tmp_path / "v.pt", b"other"))


def test_shapes_are_frozen():
    embedding = Embedding(np.zeros(2, np.float32))
    with pytest.raises(AttributeError):
        embedding.vector = None
    assert isinstance(MN04, ModelInfo)
