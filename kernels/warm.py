"""Compile every kernel ahead of its first call."""

from __future__ import annotations

from bayplan.kernels import _jit, change, choose, fit, fragment, hashing, pick, score

MODULES = (hashing, fit, choose, score, fragment, pick, change)
"""Importing these is what makes their kernels known; callees first."""


def warm() -> None:
    """Compile every kernel, or load it from the cache; with JIT off, do nothing."""
    if _jit.jit_is_off():
        return
    for compiled, signature in _jit.KERNELS:
        compiled.compile(signature)
    _jit.mark_warm()


def is_warm() -> bool:
    """Whether the compiled kernels of this installation are in the cache already."""
    mark = _jit.warm_mark()
    if mark is None or not mark.exists():
        return False
    modules = {compiled.__module__.rpartition(".")[2] for compiled, _ in _jit.KERNELS}
    folders = [_jit.cache_folder(module) for module in sorted(modules)]
    return all(folder and any(folder.iterdir()) for folder in folders)


if __name__ == "__main__":
    warm()
