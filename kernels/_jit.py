"""The one decorator for kernels, and the folder that compiled code is kept in.

Numba notices an edit only in the file of the kernel itself, not in a kernel that it calls from
another file (numba issue 1833). So each kernel module has a cache folder of its own, named by
a hash of its source and of the kernel modules that it imports: an edit there compiles again, an
edit anywhere else does not, and going back finds the old code.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba

from bayplan.kernels._cache import FAILED, SoftCache
from bayplan.kernels._types import NUMBA_TYPES

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

KERNELS: list[tuple[Any, str]] = []
"""Every kernel with the signature that its annotations declare, in the order of definition."""

_CONFIG: Any = numba.config
_HERE = Path(__file__).parent
_IMPORT = re.compile(r"^from bayplan\.kernels\.(\w+) import", re.MULTILINE)
_KEPT_VERSIONS = 8


def jit_is_off() -> bool:
    """Whether kernels run as plain Python (``NUMBA_DISABLE_JIT=1``)."""
    return bool(_CONFIG.DISABLE_JIT)


def kernel(function: Kernel) -> Kernel:
    """Compile a function with the house options, at its first call or by ``warm``.

    The annotations are the signature (``_types``). Calls must have exactly these types: a test
    counts specialisations. A kernel that calls another for every node pays for each array that
    it passes (a reference counted up and down: 0.27 us a node for 22 arrays, against 0.01 us
    for the same code in place), unless the compiler sees through it; measure.
    """
    compiled: Kernel = _compile(function)
    KERNELS.append((compiled, _signature(function)))
    return compiled


def _signature(function: Callable[..., Any]) -> str:
    types = [NUMBA_TYPES[name] for name in function.__annotations__.values()]
    return f"{types[-1]}({', '.join(types[:-1])})"


def _compile(function: Kernel) -> Any:
    folder = cache_folder(function.__module__.rpartition(".")[2])
    compiled: Any = numba.njit(nogil=True, error_model="numpy")(function)
    if folder is None or jit_is_off():
        return compiled
    # Numba takes the folder when a cache is made, which is here, and remembers it: the setting is
    # put back at once, so that other users of Numba in this process see nothing of it.
    before = _CONFIG.CACHE_DIR
    _CONFIG.CACHE_DIR = str(folder)
    try:
        compiled._cache = SoftCache(function)
    finally:
        _CONFIG.CACHE_DIR = before
    return compiled


@cache
def cache_folder(module: str) -> Path | None:
    """Return the writable folder for a kernel module's compiled code, or None if there is none."""
    root = cache_root()
    if root is None:
        return None
    folder = root / f"{module}-{_digest(module)}"
    if not _writable(folder):
        return None
    os.utime(folder)  # in use: the newest are kept
    _forget_old(root, module)
    return folder


@cache
def cache_root() -> Path | None:
    """Return the first writable cache folder: NUMBA_CACHE_DIR, XDG_CACHE_HOME, ~/.cache."""
    candidates = [os.environ.get("NUMBA_CACHE_DIR"), os.environ.get("XDG_CACHE_HOME")]
    if home := os.environ.get("HOME"):
        candidates.append(f"{home}/.cache")
    for candidate in candidates:
        if candidate and _writable(root := Path(candidate) / "bayplan" / "kernels"):
            return root
    if not jit_is_off():
        warnings.warn(
            "no writable cache folder: kernels are compiled in memory at every start;"
            " set NUMBA_CACHE_DIR to a writable folder to keep them",
            RuntimeWarning,
            stacklevel=2,
        )
    return None


def warm_mark(group: str) -> Path | None:
    """Return the folder whose presence says that a group's kernels of this installation are cached.

    Numba tells installations apart by path and an edited file by its time, and so does its name.
    """
    root = cache_root()
    if root is None:
        return None
    digest = hashlib.blake2b(numba.__version__.encode(), digest_size=10)
    for path in sorted(_HERE.glob("*.py")):
        digest.update(f"{path.resolve()} {path.stat().st_mtime_ns}".encode())
        digest.update(path.read_bytes())
    return root / f"warm-{group}-{digest.hexdigest()}"


def mark_warm(group: str) -> None:
    """Note that the kernels of a group are cached, if they are."""
    mark = warm_mark(group)
    if mark is not None and not FAILED and _writable(mark):
        _forget_old(mark.parent, f"warm-{group}")


def _digest(module: str) -> str:
    digest = hashlib.blake2b((_HERE / "_jit.py").read_bytes(), digest_size=10)
    for name in sorted(_closure(module)):
        digest.update(name.encode())
        digest.update((_HERE / f"{name}.py").read_bytes())
    return digest.hexdigest()


def _closure(module: str) -> set[str]:
    found, todo = set(), [module]
    while todo:
        name = todo.pop()
        path = _HERE / f"{name}.py"
        if name not in found and path.exists():
            found.add(name)
            todo += _IMPORT.findall(path.read_text(encoding="utf-8"))
    return found


def _writable(folder: Path) -> bool:
    # Asking the file system for permissions is not enough (read-only mounts): write something.
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _forget_old(root: Path, module: str) -> None:
    # Every edit leaves a folder behind; the newest few are enough to go back and forth.
    try:
        folders = sorted(root.glob(f"{module}-*"), key=lambda path: path.stat().st_mtime)
    except OSError:  # another process is tidying up as well
        return
    for folder in folders[:-_KEPT_VERSIONS]:
        shutil.rmtree(folder, ignore_errors=True)
