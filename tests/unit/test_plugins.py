from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

from earmark import UsageError
from earmark.plugins import BUILT_IN, GROUP, declared_engines, load_engines

ROOT = Path(__file__).parents[2]


def test_the_built_in_engines_are_those_of_the_project_file():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = project["entry-points"][GROUP]
    assert {entry.name: entry.value for entry in BUILT_IN} == declared


def test_built_in_engines_come_first_and_a_plug_in_is_found(tones):
    names = [declared.name for declared in declared_engines()]
    assert names[0] == "recording"
    assert "sound" in names


def test_finding_engines_imports_none(tones):
    sys.modules.pop("earmark_tones", None)
    declared_engines()
    assert "earmark_tones" not in sys.modules


@pytest.fixture
def broken(tmp_path, monkeypatch):
    folder = tmp_path / "broken-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(
        "[earmark.engines]\nbroken = broken_engine:plugin\nodd = broken_engine:NUMBER\n"
    )
    (tmp_path / "broken_engine.py").write_text("NUMBER = 3\n")
    monkeypatch.syspath_prepend(str(tmp_path))


def test_a_broken_plug_in_is_one_warning(tones, broken):
    mine = tuple(d for d in declared_engines() if d.name in ("broken", "odd", "sound"))
    with pytest.warns(RuntimeWarning) as warned:
        assert list(load_engines(mine)) == ["sound"]
    assert len(warned) == 2
    assert "the engine 'broken' (broken_engine:plugin) is left out" in str(warned[0].message)
    assert "not callable" in str(warned[1].message)


def test_no_engine_at_all_is_said(broken):
    mine = tuple(d for d in declared_engines() if d.name == "odd")
    with pytest.warns(RuntimeWarning), pytest.raises(UsageError, match="no engine"):
        load_engines(mine)
