from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def hashes_wrap_around() -> Iterator[None]:
    """With the compiler off, NumPy would warn that 64-bit hashes overflow, as they should."""
    with np.errstate(over="ignore"):
        yield
