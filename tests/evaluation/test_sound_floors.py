"""Sounds stay found: clips of known kinds must keep finding their own kind, by every floor.

The floors stand in ``floors.json`` under "sound": what was measured with the built-in model, less a
margin, for sounds made up here and for ESC-10 where it lies in ``../shared/data/esc10``. After a
change that is meant to move the figures, another network above all, make them again with
``EARMARK_WRITE_FLOORS=1 pytest tests/evaluation/test_sound_floors.py`` and read the difference
before you check it in. The floors of mn04 are fixed: its weights do not change, so what falls is
this project's doing. It wants its file in ``../shared/models``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from made_up_sounds import KINDS, write_labelled

from earmark.evaluation import bench_sound

TABLE = Path(__file__).with_name("floors.json")
SHARED = Path(__file__).parents[3] / "shared"
ESC10 = SHARED / "data" / "esc10"
MN04 = SHARED / "models" / "mn04_as_mAP_432.pt"
SNR_DB = -6.0
"""So noisy that some are missed: a set on which all is found shows no loss."""
FIGURES = ("p@1", "p@5", "map@10")
MARGIN = {"made up": 0.05, "esc10": 0.03}
MN04_LEAST = {"p@1": 0.985, "map@10": 0.94}


def measured(folder: Path, model: str) -> dict[str, float]:
    shape = bench_sound.run(folder, model=model, workers=1).as_dict()
    assert shape["model"] == model
    assert shape["failed"] == 0
    return {name: shape[name] for name in FIGURES}


@pytest.fixture(params=["made up", "esc10"])
def sounds(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """A set's name and its folder."""
    if request.param == "esc10":
        if not ESC10.is_dir():
            pytest.skip("ESC-10 is not in ../shared/data/esc10")
        return request.param, ESC10
    folder = write_labelled(tmp_path / "set", kinds=KINDS, sources=8, takes=2, snr_db=SNR_DB)
    return request.param, folder


@pytest.mark.slow
def test_the_model_in_the_box_keeps_to_its_floors(sounds: tuple[str, Path]) -> None:
    name, folder = sounds
    figures = measured(folder, "builtin")
    tables = json.loads(TABLE.read_text()) if TABLE.is_file() else {}
    if os.environ.get("EARMARK_WRITE_FLOORS"):
        least = {one: round(value - MARGIN[name], 3) for one, value in figures.items()}
        tables.setdefault("sound", {})[name] = least
        TABLE.write_text(json.dumps(tables, indent=2) + "\n")
    floors = tables["sound"][name]
    assert figures.keys() == floors.keys()
    assert missed(figures, floors) == []


@pytest.mark.slow
def test_mn04_on_esc10(monkeypatch: pytest.MonkeyPatch) -> None:
    if not (ESC10.is_dir() and MN04.is_file()):
        pytest.skip("ESC-10 or the weights of mn04 are not in ../shared")
    monkeypatch.setenv("EARMARK_MODELS", str(MN04.parent))
    assert missed(measured(ESC10, "mn04"), MN04_LEAST) == []


def missed(figures: dict[str, float], floors: dict[str, float]) -> list[str]:
    return [
        f"{name}: {figures[name]:.3f}, at least {low}"
        for name, low in floors.items()
        if figures[name] < low
    ]
