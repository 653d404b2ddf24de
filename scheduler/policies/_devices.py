"""GPU choices that several policies share, as functions to be used as methods."""

from __future__ import annotations

from bayplan.kernels.choose import choose_best_fit, choose_first, choose_worst_fit
from bayplan.scheduler.policies._base import Ask
from bayplan.scheduler.view import IntArray, View


def best_fit_gpus(view: View, ask: Ask, out: IntArray) -> None:
    """Take the GPUs with the least room that fit; the lowest index among equals."""
    choose_best_fit(*ask[1:6], view.gpu_free_milli, view.gpu_free_mib, out)


def first_gpus(view: View, ask: Ask, out: IntArray) -> None:
    """Take the lowest indices that fit."""
    choose_first(*ask[1:6], view.gpu_free_milli, view.gpu_free_mib, out)


def worst_fit_gpus(view: View, ask: Ask, out: IntArray) -> None:
    """Take the GPUs with the most room; the lowest index among equals."""
    choose_worst_fit(*ask[1:6], view.gpu_free_milli, view.gpu_free_mib, out)
