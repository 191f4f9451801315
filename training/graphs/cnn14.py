"""Cnn14 of PANNs as an ONNX graph: six blocks of two convolutions, mean and peak over time.

Facts from Kong et al., PANNs, 2020, and github.com/qiuqiangkong/audioset_tagging_cnn (MIT). The
layers that make the spectrogram are left out: earmark's front end does what they do.
"""

from __future__ import annotations

from onnx import ModelProto

from training.graphs.sheet import Sheet

LABELS = 527
BANDS = 64
WIDTHS = (64, 128, 256, 512, 1024, 2048)
_EPSILON = 1e-5


def draw() -> tuple[ModelProto, dict[str, tuple[int, ...]]]:
    """Return the graph, and the shapes of the checkpoint's tensors by name.

    Input ``mel`` (1, 1, frames, 64) in dB, frames >= 32; outputs ``features`` (1, 2048) and
    ``labels`` (1, 527), probabilities.
    """
    sheet = Sheet()
    # The first norm is over bands: they stand where channels do for a moment.
    x = sheet.node("Transpose", "mel", perm=[0, 3, 2, 1])
    x = sheet.batch_norm(x, "bn0", BANDS, _EPSILON)
    x = sheet.node("Transpose", x, perm=[0, 3, 2, 1])
    channels = 1
    for number, width in enumerate(WIDTHS, start=1):
        for part in (1, 2):
            name = f"conv_block{number}"
            x = sheet.conv(x, f"{name}.conv{part}", (width, channels, 3, 3))
            x = sheet.node("Relu", sheet.batch_norm(x, f"{name}.bn{part}", width, _EPSILON))
            channels = width
        if number < len(WIDTHS):
            x = sheet.node("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = sheet.node("ReduceMean", x, axes=[3], keepdims=0)
    peak = sheet.node("ReduceMax", x, axes=[2], keepdims=0)
    x = sheet.node("Add", peak, sheet.node("ReduceMean", x, axes=[2], keepdims=0))
    x = sheet.linear(x, "fc1", channels, channels)
    features = sheet.node("Relu", x, out="features")
    sheet.node("Sigmoid", sheet.linear(features, "fc_audioset", channels, LABELS), out="labels")
    model = sheet.model((1, 1, "frames", BANDS), {"features": channels, "labels": LABELS}, "panns")
    return model, sheet.tensors
