"""Draws the graphs into src/earmark/sound/graphs: ``python -m training.graphs.build``."""

from __future__ import annotations

import json
from pathlib import Path

from onnx import ModelProto

from training.graphs import cnn14, mobilenet

FOLDER = Path(__file__).parents[2] / "src" / "earmark" / "sound" / "graphs"


def drawn() -> dict[str, tuple[ModelProto, dict[str, tuple[int, ...]]]]:
    """Return every graph and its tensors by the name of its files."""
    return {"mn04": mobilenet.draw(0.4), "mn10": mobilenet.draw(1.0), "cnn14": cnn14.draw()}


def files() -> dict[str, bytes]:
    """Return what lies in the folder: a graph and a table of tensors for every network."""
    made: dict[str, bytes] = {}
    for name, (model, tensors) in drawn().items():
        made[f"{name}.onnx"] = model.SerializeToString(deterministic=True)
        lines = ",\n".join(f"{json.dumps(n)}: {list(shape)}" for n, shape in tensors.items())
        made[f"{name}.json"] = f"{{\n{lines}\n}}\n".encode()
    return made


if __name__ == "__main__":
    for name, data in files().items():
        (FOLDER / name).write_bytes(data)
        print(name, len(data), "bytes")
