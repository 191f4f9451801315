"""EfficientAT's MobileNetV3: the table of the paper, scaled in width, as an ONNX graph.

Facts from Howard et al., Searching for MobileNetV3, 2019 (tables 1 and 2), and from
github.com/fschmid56/EfficientAT (MIT), which squeezes by sigmoid and names tensors as here.
"""

from __future__ import annotations

from dataclasses import dataclass

from onnx import ModelProto

from training.graphs.sheet import Sheet

LABELS = 527
_EPSILON = 1e-3


@dataclass(frozen=True)
class Block:
    """An inverted residual: expanded by 1 x 1, filtered channel by channel, projected."""

    side: int
    expanded: int
    out: int
    squeezed: bool
    hard: bool
    stride: int = 1


STEM = 16
TABLE = (
    Block(3, 16, 16, squeezed=False, hard=False),
    Block(3, 64, 24, squeezed=False, hard=False, stride=2),
    Block(3, 72, 24, squeezed=False, hard=False),
    Block(5, 72, 40, squeezed=True, hard=False, stride=2),
    Block(5, 120, 40, squeezed=True, hard=False),
    Block(5, 120, 40, squeezed=True, hard=False),
    Block(3, 240, 80, squeezed=False, hard=True, stride=2),
    Block(3, 200, 80, squeezed=False, hard=True),
    Block(3, 184, 80, squeezed=False, hard=True),
    Block(3, 184, 80, squeezed=False, hard=True),
    Block(3, 480, 112, squeezed=True, hard=True),
    Block(3, 672, 112, squeezed=True, hard=True),
    Block(5, 672, 160, squeezed=True, hard=True, stride=2),
    Block(5, 960, 160, squeezed=True, hard=True),
    Block(5, 960, 160, squeezed=True, hard=True),
)
HEAD = 1280


def draw(width: float) -> tuple[ModelProto, dict[str, tuple[int, ...]]]:
    """Return the graph of a width, and the shapes of the checkpoint's tensors by name.

    Input ``mel`` (1, 1, 128, frames); outputs ``features`` (1, 6 x last width) and ``labels``
    (1, 527), probabilities.
    """
    sheet = Sheet()
    channels = scaled(STEM, width)
    x = _unit(sheet, "mel", "features.0", (channels, 1, 3, 3), stride=2, act="HardSwish")
    for number, block in enumerate(TABLE, start=1):
        x = _block(sheet, x, f"features.{number}.block", block, channels, width)
        channels = scaled(block.out, width)
    last = f"features.{len(TABLE) + 1}"
    x = _unit(sheet, x, last, (6 * channels, channels, 1, 1), act="HardSwish")
    x = sheet.node("GlobalAveragePool", x)
    features = sheet.node("Flatten", x, out="features", axis=1)
    hidden = scaled(HEAD, width)
    x = sheet.node("HardSwish", sheet.linear(features, "classifier.2", 6 * channels, hidden))
    sheet.node("Sigmoid", sheet.linear(x, "classifier.5", hidden, LABELS), out="labels")
    model = sheet.model(
        (1, 1, 128, "frames"), {"features": 6 * channels, "labels": LABELS}, "efficientat"
    )
    return model, sheet.tensors


def scaled(channels: int, width: float) -> int:
    """Return a number of channels scaled to the nearest multiple of 8, at most a tenth down."""
    wanted = channels * width
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded


def _block(sheet: Sheet, x: str, name: str, block: Block, channels: int, width: float) -> str:
    wide, out = scaled(block.expanded, width), scaled(block.out, width)
    act = "HardSwish" if block.hard else "Relu"
    y, part = x, 0
    if wide != channels:
        y, part = _unit(sheet, y, f"{name}.0", (wide, channels, 1, 1), act=act), 1
    shape = (wide, 1, block.side, block.side)
    y = _unit(sheet, y, f"{name}.{part}", shape, stride=block.stride, groups=wide, act=act)
    part += 1
    if block.squeezed:
        y = _squeezed(sheet, y, f"{name}.{part}.conc_se_layers.0", wide)
        part += 1
    y = _unit(sheet, y, f"{name}.{part}", (out, wide, 1, 1))
    return sheet.node("Add", y, x) if block.stride == 1 and out == channels else y


def _unit(
    sheet: Sheet,
    x: str,
    name: str,
    shape: tuple[int, ...],
    *,
    stride: int = 1,
    groups: int = 1,
    act: str = "",
) -> str:
    """Draw a convolution with its norm and activation."""
    x = sheet.conv(x, f"{name}.0", shape, stride, groups)
    x = sheet.batch_norm(x, f"{name}.1", shape[0], _EPSILON)
    return sheet.node(act, x) if act else x


def _squeezed(sheet: Sheet, x: str, name: str, channels: int) -> str:
    """Draw squeeze and excitation: each channel weighed by what all of them hold on average."""
    narrow = scaled(channels // 4, 1.0)
    mean = sheet.node("Flatten", sheet.node("GlobalAveragePool", x), axis=1)
    y = sheet.node("Relu", sheet.linear(mean, f"{name}.fc1", channels, narrow))
    y = sheet.node("Sigmoid", sheet.linear(y, f"{name}.fc2", narrow, channels))
    shape = sheet.constant("squeezed", [1, -1, 1, 1])
    return sheet.node("Mul", x, sheet.node("Reshape", y, shape))
