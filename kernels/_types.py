"""The argument types of kernels, named once: what an annotation says is what is compiled.

All arrays but one kind are C-contiguous. ``Key`` is an unsigned 64-bit hash key. A ``WordArray``
looks at bytes: a word of eight begins at each of them, so words overlap and are not aligned, which
x86-64 and AArch64 allow for single loads and stores (Numba does not look at alignment).
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Key: TypeAlias = int | np.uint64
IntArray: TypeAlias = NDArray[np.int64]
IntTable: TypeAlias = NDArray[np.int64]
CountTable: TypeAlias = NDArray[np.int32]
BoolArray: TypeAlias = NDArray[np.bool_]
BoolTable: TypeAlias = NDArray[np.bool_]
FloatArray: TypeAlias = NDArray[np.float64]
FloatTable: TypeAlias = NDArray[np.float64]
CodeArray: TypeAlias = NDArray[np.int8]
ShortArray: TypeAlias = NDArray[np.int16]
KeyArray: TypeAlias = NDArray[np.uint64]
ByteArray: TypeAlias = NDArray[np.uint8]
WordArray: TypeAlias = NDArray[np.uint64]

NUMBA_TYPES = {
    "None": "void",
    "int": "int64",
    "float": "float64",
    "bool": "boolean",
    "Key": "uint64",
    "IntArray": "int64[::1]",
    "IntTable": "int64[:, ::1]",
    "CountTable": "int32[:, ::1]",
    "BoolArray": "boolean[::1]",
    "BoolTable": "boolean[:, ::1]",
    "FloatArray": "float64[::1]",
    "FloatTable": "float64[:, ::1]",
    "CodeArray": "int8[::1]",
    "ShortArray": "int16[::1]",
    "KeyArray": "uint64[::1]",
    "ByteArray": "uint8[::1]",
    "WordArray": "uint64[:]",
}
"""What each annotation means to the compiler."""
