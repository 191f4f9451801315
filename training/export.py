"""Write a trained network as ONNX into the package, with its checksum.

``python -m training.export encoder OUT.pt`` (or ``lead``) writes NAME.onnx and SHA256SUMS beside
it, after comparing the two on random input.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from torch import nn

MODELS = Path(__file__).parents[1] / "src" / "earmark" / "melody" / "models"
LARGEST_DIFFERENCE = 2e-3


def network(name: str, weights: Path) -> tuple[nn.Module, torch.Tensor, dict[str, dict[int, str]]]:
    """Return the averaged network, an example of its input, and which axes may vary."""
    held = torch.load(weights, weights_only=True, map_location="cpu")["mean"]
    if name == "encoder":
        from training.encoder.model import Encoder

        net: nn.Module = Encoder(deep=any("second" in key for key in held))
        example, axes = torch.randn(7, 80) * 3, {"window": {0: "count"}, "vector": {0: "count"}}
    else:
        from training.lead.model import Lead

        net, example = Lead(), torch.randn(1, 240, 286)
        axes = {
            "spectrum": {1: "frames"},
            "pitch": {1: "frames"},
            "voiced": {1: "frames"},
        }
    net.load_state_dict(held)
    return net.eval(), example, axes


def export(name: str, weights: Path, folder: Path = MODELS) -> float:
    """Write the network; return how far ONNX Runtime's answer is from torch's."""
    net, example, axes = network(name, weights)
    inputs = [next(iter(axes))]
    path = folder / f"{name}.onnx"
    torch.onnx.export(
        net,
        (example,),
        str(path),
        input_names=inputs,
        output_names=[key for key in axes if key not in inputs],
        dynamic_axes=axes,
        opset_version=17,
        dynamo=False,
    )
    halve(path)
    with torch.inference_mode():
        expected = net(example)
    expected = expected if isinstance(expected, tuple) else (expected,)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    got = session.run(None, {inputs[0]: example.numpy()})
    worst = max(
        float(np.abs(e.numpy() - g).max() / (np.abs(e.numpy()).max() + 1e-9))
        for e, g in zip(expected, got, strict=True)
    )
    if worst > LARGEST_DIFFERENCE:
        message = f"{path} differs from torch by {worst:.2g}"
        raise RuntimeError(message)
    record(folder)
    return worst


def halve(path: Path) -> None:
    """Keep large weights as float16 followed by a cast: half the file, the same arithmetic."""
    model = onnx.load(str(path))
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT or np.prod(tensor.dims) < 1024:
            continue
        whole = numpy_helper.to_array(tensor).astype(np.float16)
        half = numpy_helper.from_array(whole, f"{tensor.name}_half")
        casts.append(
            onnx.helper.make_node("Cast", [half.name], [tensor.name], to=onnx.TensorProto.FLOAT)
        )
        tensor.CopyFrom(half)
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.graph.doc_string = model.doc_string = ""
    onnx.save(model, str(path))


def record(folder: Path) -> None:
    """Write the checksums of the networks of a folder beside them."""
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(folder.glob("*.onnx"))
    ]
    (folder / "SHA256SUMS").write_text("".join(lines))


def main() -> None:
    """Read the command line and export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=("encoder", "lead"))
    parser.add_argument("weights", type=Path)
    asked = parser.parse_args()
    worst = export(asked.name, asked.weights)
    print(f"{asked.name}.onnx written, {worst:.1e} from torch")


if __name__ == "__main__":
    main()
