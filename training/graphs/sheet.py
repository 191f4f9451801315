"""A sheet to draw an ONNX graph on, whose weights are named like a checkpoint's and stay away."""

from __future__ import annotations

from collections.abc import Sequence

from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, checker, helper

OPSET = 17
IR_VERSION = 8
"""What the oldest ONNX Runtime that earmark takes (1.20) reads without a word."""


class Sheet:
    """Nodes in the order they are drawn; every method returns the name of what it made."""

    def __init__(self) -> None:
        self.tensors: dict[str, tuple[int, ...]] = {}
        self._nodes: list[NodeProto] = []
        self._constants: dict[str, TensorProto] = {}

    def weight(self, name: str, *shape: int) -> str:
        """Declare a tensor of the checkpoint."""
        self.tensors[name] = shape
        return name

    def constant(self, name: str, values: Sequence[int]) -> str:
        """Declare a list of whole numbers that stands in the graph itself."""
        self._constants[name] = helper.make_tensor(
            name, TensorProto.INT64, [len(values)], list(values)
        )
        return name

    def node(self, kind: str, *inputs: str, out: str = "", **attributes: object) -> str:
        """Draw one operator with one output."""
        out = out or f"{kind.lower()}{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [out], **attributes))
        return out

    def conv(
        self, x: str, name: str, shape: Sequence[int], stride: int = 1, groups: int = 1
    ) -> str:
        """Draw a 2-D convolution without bias, padded to keep the size at stride 1."""
        side = shape[-1]
        return self.node(
            "Conv",
            x,
            self.weight(f"{name}.weight", *shape),
            kernel_shape=[side, side],
            strides=[stride, stride],
            pads=[side // 2] * 4,
            group=groups,
        )

    def batch_norm(self, x: str, name: str, channels: int, epsilon: float) -> str:
        """Draw a batch norm by its running figures."""
        parts = ("weight", "bias", "running_mean", "running_var")
        figures = [self.weight(f"{name}.{part}", channels) for part in parts]
        return self.node("BatchNormalization", x, *figures, epsilon=epsilon)

    def linear(self, x: str, name: str, inputs: int, outputs: int) -> str:
        """Draw a dense layer with bias; weights lie as in torch, (outputs, inputs)."""
        weight = self.weight(f"{name}.weight", outputs, inputs)
        return self.node("Gemm", x, weight, self.weight(f"{name}.bias", outputs), transB=1)

    def model(self, mel: Sequence[int | str], outputs: dict[str, int], producer: str) -> ModelProto:
        """Return the checked model: input ``mel``, outputs of shape (1, n)."""
        graph = helper.make_graph(
            self._nodes,
            producer,
            [_floats("mel", mel)],
            [_floats(name, (1, width)) for name, width in outputs.items()],
            [
                *(_away(name, shape) for name, shape in self.tensors.items()),
                *self._constants.values(),
            ],
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="earmark"
        )
        model.ir_version = IR_VERSION
        checker.check_model(_with_weights(model), full_check=True)
        return model


def _floats(name: str, shape: Sequence[int | str]) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))


def _away(name: str, shape: Sequence[int]) -> TensorProto:
    """Return a tensor that says its data are elsewhere: the runtime is handed them by name."""
    tensor = TensorProto(name=name, dims=shape, data_type=TensorProto.FLOAT)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="checkpoint")
    return tensor


def _with_weights(model: ModelProto) -> ModelProto:
    """Return a copy that the checker, which looks for external files, can be shown."""
    whole = ModelProto()
    whole.CopyFrom(model)
    for tensor in whole.graph.initializer:
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        count = 1
        for length in tensor.dims:
            count *= length
        tensor.data_location = TensorProto.DEFAULT
        del tensor.external_data[:]
        tensor.raw_data = bytes(4 * count)
    return whole
