"""Putting off garbage collection where it finds nothing."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collection() -> Iterator[None]:
    """Put off garbage collection to the end of the block; blocks may be nested.

    Everything that a run makes is kept to its end, so a collection finds nothing, and scans all
    of it and of Numba: measured 0.10 s of 0.33 s.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
