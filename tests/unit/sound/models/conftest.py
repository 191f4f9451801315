"""A writer of torch's two file formats in forty lines, so that no test needs torch."""

from __future__ import annotations

import os
import struct
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

KINDS = {"f4": "Float", "f8": "Double", "f2": "Half", "i8": "Long", "i4": "Int", "u1": "Byte"}
SHARED = Path(__file__).parents[5] / "shared" / "models"


@dataclass
class Raw:
    """Instructions that go into the pickle as they are."""

    code: bytes


@dataclass
class TorchFile:
    """Tensors by name, and whatever a hostile author would add."""

    tensors: dict[str, np.ndarray]
    nested: str = ""
    extra: dict[str, object] = field(default_factory=dict)
    shapes: dict[str, tuple[object, ...]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def pickle(self) -> bytes:
        table: dict[str, object] = {
            name: Raw(self._tensor(name, array)) for name, array in self.tensors.items()
        }
        table = {**table, **self.extra}
        whole = {self.nested: table, "iteration": 7} if self.nested else table
        return b"\x80\x02" + code(whole) + b"."

    def _tensor(self, name: str, array: np.ndarray) -> bytes:
        kind = f"ctorch\n{KINDS[array.dtype.str[1:]]}Storage\n".encode()
        key = str(list(self.tensors).index(name))
        count = self.counts.get(name, array.size)
        view = b"N" if self.legacy else b""
        storage = b"(" + code("storage") + kind + code(key) + code("cpu") + code(count) + view
        strides = tuple(step // array.itemsize for step in array.strides)
        shape = self.shapes.get(name, (0, array.shape, strides))
        parts = b"".join(code(part) for part in shape)
        return (
            b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"tQ" + parts
            + b"\x89ccollections\nOrderedDict\n)RtR"
        )  # fmt: skip

    legacy = False

    def zip(self, path: Path, packed: bool = False) -> Path:
        how = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
        with zipfile.ZipFile(path, "w", how) as archive:
            archive.writestr("archive/data.pkl", self.pickle())
            for key, array in enumerate(self.tensors.values()):
                archive.writestr(f"archive/data/{key}", array.tobytes())
        return path

    def old(self, path: Path) -> Path:
        self.legacy = True
        magic = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
        system = {"protocol_version": 1001, "little_endian": True}
        keys = [str(key) for key in range(len(self.tensors))]
        with path.open("wb") as file:
            file.write(magic + b"\x80\x02M\xe9\x03." + b"\x80\x02" + code(system) + b".")
            file.write(self.pickle() + b"\x80\x02" + code(keys) + b".")
            for array in self.tensors.values():
                file.write(struct.pack("<q", array.size) + array.tobytes())
        self.legacy = False
        return path


def code(value: object) -> bytes:
    """The instructions that make a value."""
    match value:
        case Raw():
            return value.code
        case bool():
            return b"\x88" if value else b"\x89"
        case int():
            data = value.to_bytes(8, "little", signed=True)
            return b"\x8a\x08" + data
        case str():
            return b"X" + struct.pack("<I", len(value.encode())) + value.encode()
        case tuple():
            return b"(" + b"".join(code(item) for item in value) + b"t"
        case list():
            return b"](" + b"".join(code(item) for item in value) + b"e"
        case dict():
            return b"}(" + b"".join(code(k) + code(v) for k, v in value.items()) + b"u"
    raise TypeError(value)


@pytest.fixture(scope="session")
def torch_file():
    return TorchFile


@pytest.fixture(scope="session")
def raw():
    return Raw


@pytest.fixture(scope="session")
def mn04_weights() -> Path:
    """Upstream's own file, where the machine has it."""
    folder = Path(os.environ.get("EARMARK_MODELS") or SHARED)
    path = folder / "mn04_as_mAP_432.pt"
    if not path.is_file():
        pytest.skip(f"{path.name} is not here; set EARMARK_MODELS to the folder that holds it")
    return path
