"""Randomness that is a function of its inputs: a 64-bit mixer instead of generator state."""

from __future__ import annotations

import numpy as np

from bayplan.kernels._jit import kernel
from bayplan.kernels._types import Key

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLY_1 = np.uint64(0xBF58476D1CE4E5B9)
_MULTIPLY_2 = np.uint64(0x94D049BB133111EB)
_30, _27, _31 = np.uint64(30), np.uint64(27), np.uint64(31)


@kernel
def mix(key: Key, value: Key) -> Key:
    """Return a 64-bit hash of two 64-bit values.

    Notes
    -----
    The finaliser of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number
    generators, OOPSLA 2014), over ``key + golden ratio × (value + 1)``.
    """
    z = np.uint64(key) + _GOLDEN * (np.uint64(value) + np.uint64(1))
    z = (z ^ (z >> _30)) * _MULTIPLY_1
    z = (z ^ (z >> _27)) * _MULTIPLY_2
    return z ^ (z >> _31)
