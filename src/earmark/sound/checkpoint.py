"""Checkpoints of torch without torch: a file in, arrays by name out, nothing run.

Two formats: zip (torch >= 1.6), a pickle and one stored entry a storage; and legacy, five pickles
and the storages one after the other. What the pickles say is checked against what the file holds.
"""

from __future__ import annotations

import math
import mmap
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from earmark.errors import CheckpointError, UntrustedCheckpointError
from earmark.sound.pickles import Storage, Tensor, unpickled

Array = npt.NDArray[Any]

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_KINDS = {
    **{"FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "BoolStorage": "?"},
    **{"LongStorage": "<i8", "IntStorage": "<i4", "ShortStorage": "<i2"},
    **{"CharStorage": "i1", "ByteStorage": "u1"},
}
_NESTED = ("model", "state_dict")
_MOST_DIMENSIONS = 8


def read_checkpoint(path: Path) -> dict[str, Array]:
    """Return the tensors of a checkpoint by name, read-only.

    A table of tensors may stand alone or under ``model`` or ``state_dict``.

    Raises
    ------
    CheckpointError
        The file is no checkpoint, is damaged, or contradicts itself.
    UntrustedCheckpointError
        It asks for code to be run.
    """
    with _explained(path):
        if zipfile.is_zipfile(path):
            return _zipped(path)
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        ):
            return _legacy(mapped)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except UntrustedCheckpointError as error:
        message = (
            f"{path} asks for {error.message}, which a file of weights has no need of; "
            "it was not opened: delete it and fetch the model again"
        )
        raise UntrustedCheckpointError(message) from error
    except Exception as error:  # what bytes that are no checkpoint lead to has no end
        why = " ".join(str(error).split())[:200] or type(error).__name__
        message = f"{path} is no checkpoint of torch, or is damaged ({why}); fetch the model again"
        raise CheckpointError(message) from error


def _zipped(path: Path) -> dict[str, Array]:
    with zipfile.ZipFile(path) as archive:
        entries = {info.filename: info for info in archive.infolist()}
        pickle = next((name for name in entries if name.endswith("data.pkl")), "")
        folder = pickle.removesuffix("data.pkl")
        room = path.stat().st_size

        def entry(name: str) -> bytes:
            nonlocal room
            info = entries[name]
            # Stored as it is and never more than the file in all: no room for a bomb.
            room -= info.file_size
            if info.compress_type != zipfile.ZIP_STORED or room < 0:
                message = f"the entry {name} is packed"
                raise ValueError(message)
            return archive.read(info)

        byte_order = f"{folder}byteorder"
        if byte_order in entries and entry(byte_order).strip() != b"little":
            message = "its numbers are big-endian"
            raise ValueError(message)
        tensors = _table(unpickled(BytesIO(entry(pickle))))
        storages: dict[str, Array] = {}
        for storage in {tensor.storage for tensor in tensors.values()}:
            if storage.key in storages:
                message = f"storage {storage.key} is of two kinds"
                raise ValueError(message)
            data = entry(f"{folder}data/{storage.key}")
            storages[storage.key] = np.frombuffer(data, _dtype(storage), storage.count)
    return _views(tensors, storages)


def _legacy(mapped: mmap.mmap) -> dict[str, Array]:
    if unpickled(mapped) != _MAGIC or unpickled(mapped) != _PROTOCOL:
        message = "it does not begin like one"
        raise ValueError(message)
    if unpickled(mapped).get("little_endian") is not True:
        message = "its numbers are big-endian"
        raise ValueError(message)
    tensors = _table(unpickled(mapped))
    wanted = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    storages: dict[str, Array] = {}
    for key in unpickled(mapped):
        count = int.from_bytes(mapped.read(8), "little")
        storage = wanted.get(key)
        if storage is None or storage.count != count or key in storages:
            message = f"storage {key} is not as it was promised"
            raise ValueError(message)
        dtype = _dtype(storage)
        data = mapped.read(count * dtype.itemsize)
        storages[key] = np.frombuffer(data, dtype, count)
    return _views(tensors, storages)


def _table(value: object) -> dict[str, Tensor]:
    """Return the table of tensors that a pickle held, wherever it stands."""
    for name in _NESTED:
        if isinstance(value, dict) and isinstance(value.get(name), dict):
            value = value[name]
            break
    if not isinstance(value, dict) or not value:
        message = "it holds no table of tensors"
        raise ValueError(message)
    for name, tensor in value.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            message = f"{name!r} is no tensor"
            raise ValueError(message)
    return value


def _dtype(storage: Storage) -> np.dtype[Any]:
    if storage.kind not in _KINDS:
        message = f"numbers of type {storage.kind} are not read"
        raise ValueError(message)
    return np.dtype(_KINDS[storage.kind])


def _views(tensors: dict[str, Tensor], storages: dict[str, Array]) -> dict[str, Array]:
    return {name: _view(name, t, storages[t.storage.key]) for name, t in tensors.items()}


def _view(name: str, tensor: Tensor, storage: Array) -> Array:
    """Return the view that a tensor describes, if it lies within its storage and fills no more."""
    numbers = (tensor.offset, *tensor.size, *tensor.stride)
    shaped = len(tensor.size) == len(tensor.stride) <= _MOST_DIMENSIONS
    if not shaped or any(type(number) is not int or number < 0 for number in numbers):
        message = f"the shape of {name} makes no sense"
        raise ValueError(message)
    count = math.prod(tensor.size)
    reach = sum((n - 1) * step for n, step in zip(tensor.size, tensor.stride, strict=True))
    if count > len(storage) or (count and tensor.offset + reach >= len(storage)):
        message = f"{name} reaches beyond its storage"
        raise ValueError(message)
    if not count:
        return np.zeros(tensor.size, storage.dtype)
    strides = [step * storage.itemsize for step in tensor.stride]
    base = storage[tensor.offset :]
    return np.lib.stride_tricks.as_strided(base, tensor.size, strides, writeable=False)
