"""Numba's cache of compiled code, made so that nothing that is wrong with it reaches a caller."""

from __future__ import annotations

import contextlib
import warnings
from typing import Any

from numba.core import caching
from numba.core.runtime.nrt import rtsys

FAILED: list[str] = []
"""What kept kernels from being saved in this process; the first is warned of."""


_FunctionCache: Any = caching.FunctionCache


class SoftCache(_FunctionCache):  # type: ignore[misc]
    """The cache of one kernel: damaged files are compiled anew, a full disk is a warning."""

    def load_overload(self, signature: Any, context: Any) -> Any:
        """Return the compiled code, or None if it is not there or cannot be read.

        Numba would first load all that it compiles with, a tenth of a second that compiled code
        has no use for: of that it needs the runtime only. What is not there is compiled, and the
        compiler loads the rest by itself.
        """
        try:
            rtsys.initialize(context)
            return self._load_overload(signature, context)
        except Exception:  # damaged files raise whatever unpickling makes of them
            with contextlib.suppress(OSError):
                self.flush()  # else saving trips over the same index
            return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Save compiled code, if that can be done."""
        try:
            super().save_overload(signature, compiled)
        except Exception as error:
            why = getattr(error, "strerror", None) or str(error)
            FAILED.append(why)
            if len(FAILED) == 1:
                warnings.warn(
                    f"compiled kernels cannot be kept in {self.cache_path} ({why});"
                    " make room there, or set NUMBA_CACHE_DIR to another folder",
                    RuntimeWarning,
                    stacklevel=2,
                )
