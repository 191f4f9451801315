"""Compiled inner loops, called through ctypes; no Python headers, one library per platform.

Each sibling module wraps one ``.c`` file of the same name and is the only caller of its functions.
Arrays cross as pointers of C-contiguous numpy arrays; every wrapper checks dtype and layout first,
because C cannot.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

_NAMES = {"darwin": "libearmark.dylib", "win32": "earmark.dll"}


@cache
def library() -> ctypes.CDLL:
    """Return the loaded kernel library.

    Raises
    ------
    ImportError
        The library is not built; the message names the command that builds it.
    """
    path = Path(__file__).with_name(_NAMES.get(sys.platform, "libearmark.so"))
    if not path.is_file():
        message = f"earmark's compiled kernels are missing ({path.name}): run `pip install -e .`"
        raise ImportError(message)
    return ctypes.CDLL(str(path))


def pointer(array: npt.NDArray[np.generic], dtype: npt.DTypeLike) -> ctypes.c_void_p:
    """Return the address of ``array`` after checking that C may read it as ``dtype``."""
    if array.dtype != dtype or not array.flags.c_contiguous:
        message = f"kernel needs C-contiguous {np.dtype(dtype)}, got {array.dtype}"
        raise TypeError(message)
    return ctypes.c_void_p(address(array))


def address(array: npt.NDArray[np.generic]) -> int:
    """Return where an array lies, as ``array.ctypes.data`` does, which takes twice as long."""
    if array.flags.writeable and array.flags.c_contiguous and array.size:
        return ctypes.addressof(ctypes.c_char.from_buffer(array.data))
    return array.ctypes.data
