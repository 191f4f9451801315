"""The tutorial runs from an empty folder, says what is right, and is stored as it runs.

It is stored with outputs, because most people read it where it cannot be run; without the sounds in
its players, which would make it 30 times as large. ``python scripts/tutorial.py`` stores it anew.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import earmark

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "examples/tutorial.ipynb"
NEEDED = ("nbclient", "nbformat", "ipykernel", "immich_memories_music", "matplotlib", "music21")
NEEDED_TOO = ("pymilvus", "milvus_lite")


def code_of(notebook: dict) -> list[dict]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def said(notebook: dict) -> str:
    outputs = [output for cell in code_of(notebook) for output in cell["outputs"]]
    return "\n".join("".join(output.get("text", "")) for output in outputs)


def shown(notebook: dict) -> list[str]:
    """The HTML of every cell that shows some."""
    outputs = [output for cell in code_of(notebook) for output in cell["outputs"]]
    return ["".join(o["data"]["text/html"]) for o in outputs if "text/html" in o.get("data", {})]


def kinds(notebook: dict) -> list[list[str]]:
    """What each cell puts out: streams by name, data by type."""
    return [
        [output.get("name") or "+".join(sorted(output["data"])) for output in cell["outputs"]]
        for cell in code_of(notebook)
    ]


@pytest.fixture(scope="module")
def stored() -> dict:
    return json.loads(NOTEBOOK.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> dict:
    """The tutorial as it runs here, with this Python and the model in the package."""
    for name in (*NEEDED, *NEEDED_TOO):
        pytest.importorskip(name)
    folder = tmp_path_factory.mktemp("tutorial")
    # The kernel is this interpreter, whatever a user has installed under the name python3.
    spec = {"argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]}
    kernel = folder / "jupyter/kernels/python3"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text(
        json.dumps(spec | {"display_name": "here", "language": "python"})
    )
    package = str(Path(earmark.__file__).parents[1])
    own = {
        "EARMARK_MODELS": str(folder / "no models"),
        "HOME": str(folder),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_DATA_DIR": str(folder / "jupyter"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "PYTHONPATH": os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    result = folder / "ran.ipynb"
    # In a process of its own: what Jupyter's packages warn of is not ours.
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/tutorial.py"), str(result)],
        env={k: v for k, v in os.environ.items() if not k.startswith("EARMARK_")} | own,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(result.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_the_tutorial_runs_and_finds_what_is_right(ran, stored):
    text, tables = said(ran), shown(ran)
    assert "26 tracks, 13.7 minutes; 0 failed" in text
    assert "sound model: builtin" in text
    assert re.search(r"right: calm_acoustic_1, from second (10\.9|11\.[01]) to", text)
    assert "calm_acoustic_1" in tables[0]
    assert text.count("unknown 1.wav': no_match") == 2  # at first, and after it was removed
    assert "renamed: Me - A song of my own" in text
    assert any("Ode to Joy" in table and "semitones lower" in table for table in tables)
    for table in tables:
        assert '<audio controls preload="none" aria-label="' in table
        assert "data:audio/wav;base64,UklGR" in table
    assert kinds(ran) == kinds(stored), "store the tutorial anew: python scripts/tutorial.py"


@pytest.mark.slow
def test_milvus_finds_the_same(ran):
    lines = re.findall(
        r"^(.+): the same tracks: (\w+), scores at most (\S+) apart$", said(ran), re.M
    )
    assert len(lines) == 5
    for question, same, apart in lines:
        assert same == "True", question
        assert float(apart) < 0.02, question
    assert "29 tracks moved to vectors.db" in said(ran)


def test_it_is_stored_small_and_as_it_ran(stored):
    assert NOTEBOOK.stat().st_size < 300_000
    assert [cell["execution_count"] for cell in code_of(stored)] == list(
        range(1, len(code_of(stored)) + 1)
    )
    assert all(o["output_type"] != "error" for cell in code_of(stored) for o in cell["outputs"])
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert "audio/wav" not in text
    assert all('<audio controls preload="none" aria-label="' in table for table in shown(stored))
    assert not re.search(r"/(root|work|tmp|home)/", text)
