"""The array types of the engine, by element."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

IntArray: TypeAlias = NDArray[np.int64]
IntTable: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]
FloatArray: TypeAlias = NDArray[np.float64]
FloatTable: TypeAlias = NDArray[np.float64]
ShortArray: TypeAlias = NDArray[np.int16]
CodeArray: TypeAlias = NDArray[np.int8]
