"""Pickles as data: a machine for the few instructions that checkpoints hold, which calls nothing.

Python's own unpickler imports and calls what a file names. This one knows three names and makes
placeholders of them (`Tensor`, `Storage`, dict); arrays of numpy, which some checkpoints carry
beside the weights, become `IGNORED`; any other name is refused.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from mmap import mmap
from typing import IO, Any, cast

from earmark.errors import UntrustedCheckpointError


@dataclass(frozen=True, slots=True)
class Name:
    """A name that the pickle mentions; nothing was imported."""

    name: str


@dataclass(frozen=True, slots=True)
class Storage:
    """A run of ``count`` numbers of type ``kind`` (``FloatStorage``), kept elsewhere as ``key``."""

    kind: str
    key: str
    count: int


@dataclass(frozen=True, slots=True)
class Tensor:
    """A view of a storage, in elements; nothing of it was checked."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Ignored:
    """Something that is known, harmless and of no use here."""


IGNORED = Ignored()

_TABLE = "collections.OrderedDict"
_REBUILD = "torch._utils._rebuild_tensor_v2"
_PARAMETER = "torch._utils._rebuild_parameter"
_HARMLESS = {
    f"{module}.{name}"
    for module in ("numpy.core.multiarray", "numpy._core.multiarray")
    for name in ("_reconstruct", "scalar")
} | {"numpy.ndarray", "numpy.dtype", "_codecs.encode"}

_LITERALS = {
    *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINSTRING", "SHORT_BINSTRING"),
}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_MARK = object()


def unpickled(source: IO[bytes] | mmap) -> Any:  # noqa: ANN401 - a pickle holds anything
    """Return what the pickle at the source's position stands for, and leave it after its end.

    The source lies in memory: it never reserves room for more than it has.

    Raises
    ------
    UntrustedCheckpointError
        The pickle names something that is not known to be harmless.
    Exception
        Whatever bytes that are no pickle lead to; the caller maps it.
    """
    machine = _Machine()
    for opcode, argument, _ in pickletools.genops(cast("IO[bytes]", source)):
        if opcode.name == "STOP":
            return machine.pop()
        machine.step(opcode.name, argument)
    message = "a pickle without an end"
    raise ValueError(message)


class _Machine:
    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def pop(self) -> Any:  # noqa: ANN401
        value = self._stack.pop()
        if value is _MARK:
            message = "a mark where a value should be"
            raise ValueError(message)
        return value

    def step(self, name: str, argument: Any) -> None:  # noqa: ANN401
        """Carry out one instruction."""
        stack = self._stack
        if name in _LITERALS:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _TUPLES:
            stack.append(tuple([self.pop() for _ in range(_TUPLES[name])][::-1]))
        elif name in _STEPS:
            _STEPS[name](self, argument)
        elif name not in {"PROTO", "FRAME"}:
            raise UntrustedCheckpointError(f"the pickle instruction {name}")

    def _since_mark(self) -> list[Any]:
        items: list[Any] = []
        while (value := self._stack.pop()) is not _MARK:
            items.append(value)
        return items[::-1]

    def _put(self, index: int | None) -> None:
        self._memo[len(self._memo) if index is None else index] = self._stack[-1]

    def _extend(self, items: list[Any]) -> None:
        if isinstance(self._stack[-1], list):
            self._stack[-1].extend(items)
        elif self._stack[-1] is not IGNORED:
            message = "items for something that is no list"
            raise TypeError(message)

    def _set(self, items: list[Any]) -> None:
        table = self._stack[-1]
        for key, value in zip(items[::2], items[1::2], strict=True):
            # A key of another type may be nested so deeply that to hash it ends the process.
            if type(key) not in {str, int} or not isinstance(table, dict):
                message = "a table whose keys are no names"
                raise TypeError(message)
            table[key] = value

    def _reduce(self) -> None:
        arguments, called = self.pop(), self.pop()
        if called is IGNORED:
            self._stack.append(IGNORED)
        elif called == Name(_TABLE) and arguments == ():
            self._stack.append({})
        elif called == Name(_REBUILD):
            self._stack.append(Tensor(*arguments[:4]))
        elif called == Name(_PARAMETER):
            self._stack.append(arguments[0])
        else:
            message = "a call that checkpoints do not hold"
            raise TypeError(message)

    def _build(self) -> None:
        # Attributes of a table (torch's `_metadata`) and the contents of what is ignored.
        self.pop()
        if not isinstance(self._stack[-1], dict | Ignored):
            message = "attributes for something that has none"
            raise TypeError(message)

    def _persistent(self) -> None:
        kind, name, key, _, count, *_ = _padded(self.pop())
        counted = type(count) is int and count >= 0
        if kind != "storage" or not isinstance(name, Name) or not counted:
            message = "a reference that is no storage"
            raise TypeError(message)
        self._stack.append(Storage(name.name.removeprefix("torch."), str(key), count))

    def _name(self, full: str) -> None:
        if full in _HARMLESS:
            self._stack.append(IGNORED)
        elif full in {_TABLE, _REBUILD, _PARAMETER} or _is_storage(full):
            self._stack.append(Name(full))
        else:
            raise UntrustedCheckpointError(full)


def _padded(reference: Any) -> tuple[Any, ...]:  # noqa: ANN401
    """Return a reference of at least five parts; a sixth tells of a view, which is refused."""
    if not isinstance(reference, tuple) or len(reference) < 5 or any(reference[5:]):
        message = "a reference of another shape"
        raise TypeError(message)
    return reference


def _is_storage(full: str) -> bool:
    module, _, name = full.rpartition(".")
    return module == "torch" and name.endswith("Storage") and name.isidentifier()


def _stacked_name(machine: _Machine, _: object) -> None:
    name, module = machine.pop(), machine.pop()
    machine._name(f"{module}.{name}")


_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "GLOBAL": lambda m, name: m._name(".".join(name.split(" ", 1))),
    "STACK_GLOBAL": _stacked_name,
    "MARK": lambda m, _: m._stack.append(_MARK),
    "TUPLE": lambda m, _: m._stack.append(tuple(m._since_mark())),
    "EMPTY_LIST": lambda m, _: m._stack.append([]),
    "EMPTY_DICT": lambda m, _: m._stack.append({}),
    "APPEND": lambda m, _: m._extend([m.pop()]),
    "APPENDS": lambda m, _: m._extend(m._since_mark()),
    "SETITEM": lambda m, _: m._set([m.pop(), m.pop()][::-1]),
    "SETITEMS": lambda m, _: m._set(m._since_mark()),
    "BINPUT": lambda m, index: m._put(index),
    "LONG_BINPUT": lambda m, index: m._put(index),
    "MEMOIZE": lambda m, _: m._put(None),
    "BINGET": lambda m, index: m._stack.append(m._memo[index]),
    "LONG_BINGET": lambda m, index: m._stack.append(m._memo[index]),
    "REDUCE": lambda m, _: m._reduce(),
    "BUILD": lambda m, _: m._build(),
    "BINPERSID": lambda m, _: m._persistent(),
}
