"""Runs ``examples/tutorial.ipynb``; without arguments it is stored again with its outputs.

What is stored has empty players and no sound: with it the file would be 30 times its size. With the
name of another file the notebook is written there as it ran, with everything.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[1] / "examples/tutorial.ipynb"
PLAYED = re.compile(r'src="data:audio/wav;base64,[^"]*"')
LONGEST_S = 600


def main(arguments: list[str]) -> int:
    """Run it in an empty folder; raises `nbclient.exceptions.CellExecutionError` for a bad cell."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(
            notebook,
            timeout=LONGEST_S,
            record_timing=False,
            coalesce_streams=True,
            resources={"metadata": {"path": folder}},
        ).execute()
    written = NOTEBOOK
    if arguments:
        written = Path(arguments[0])
    else:
        for cell in notebook.cells:
            silence(cell)
    notebook.metadata["language_info"] = {"name": "python"}  # not which Python it was
    written.write_text(nbformat.writes(notebook, indent=1) + "\n", encoding="utf-8")
    return 0


def silence(cell: Any) -> None:  # noqa: ANN401 - nbformat's nodes are dictionaries
    """Empty the players in a cell's outputs."""
    for output in cell.get("outputs", ()):
        shown = output.get("data", {}).get("text/html")
        if shown is not None:
            output["data"]["text/html"] = PLAYED.sub('src=""', shown)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
