"""Writes the student as ONNX: ``python -m training.sound.export OUT.pt [FOLDER]``.

Input ``mel`` (batch, 1, 128, frames); outputs ``features`` (batch, 384) and ``labels`` (batch,
527), probabilities. Weights are stored as float16.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import onnxruntime
import torch
from torch import Tensor, nn

from training.export import halve, record
from training.sound.model import MEL_BANDS, Student

MODELS = Path(__file__).parents[2] / "src" / "earmark" / "sound" / "models"
LEAST_COSINE = 0.9995


class Shipped(nn.Module):
    """The student, its labels as probabilities."""

    def __init__(self, net: Student) -> None:
        super().__init__()
        self.net = net

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """Embed and name."""
        features, logits = self.net(mel)
        return features, torch.sigmoid(logits)


def read(path: Path) -> Student:
    """Return the averaged network that `train` saved."""
    held = torch.load(path, weights_only=True, map_location="cpu")
    net = Student(**held["sizes"])
    net.load_state_dict(held["mean"])
    return net.eval()


def export(net: Student, path: Path) -> float:
    """Write the network; return the least cosine of ONNX Runtime's features to torch's.

    Raises
    ------
    ValueError
        They point elsewhere.
    """
    shipped = Shipped(net).eval()
    torch.onnx.export(
        shipped,
        (torch.randn(2, 1, MEL_BANDS, 200),),
        str(path),
        input_names=["mel"],
        output_names=["features", "labels"],
        dynamic_axes={
            "mel": {0: "batch", 3: "frames"},
            "features": {0: "batch"},
            "labels": {0: "batch"},
        },
        opset_version=17,
        dynamo=False,
    )
    halve(path)
    session = onnxruntime.InferenceSession(str(path))
    least = 1.0
    for frames in (10, 77, 250, 500):
        mel = torch.randn(3, 1, MEL_BANDS, frames) * 0.7
        found = torch.from_numpy(session.run(["features"], {"mel": mel.numpy()})[0])
        with torch.inference_mode():
            wanted = net.embed(mel)
        cosine = nn.functional.cosine_similarity(found - net.mean, wanted - net.mean)
        least = min(least, float(cosine.min()))
    if least < LEAST_COSINE:
        raise ValueError(f"the exported network differs: cosine {least:.4f}")
    return least


def main() -> None:
    """Read the command line and export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("folder", type=Path, nargs="?", default=MODELS)
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    path = asked.folder / "student.onnx"
    cosine = export(read(asked.weights), path)
    record(asked.folder)
    print(f"{path.name}: {path.stat().st_size} bytes, cosine to torch {cosine:.6f} or more")


if __name__ == "__main__":
    main()
