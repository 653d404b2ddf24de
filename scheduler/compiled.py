"""Compiling the engine's kernels ahead: the door for those who must not know the kernels."""

from bayplan.kernels.warm import is_warm, warm

__all__ = ["is_warm", "warm"]
