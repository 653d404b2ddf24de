"""Choices of slots that several policies share, as functions to be used as methods."""

from __future__ import annotations

from bayplan.kernels.choose import choose_best_fit, choose_first, choose_hashed, choose_worst_fit
from bayplan.scheduler.arrays import IntArray, IntTable
from bayplan.scheduler.needs import Needs
from bayplan.scheduler.policies._base import Ask
from bayplan.scheduler.view import View

Columns = tuple[IntTable, IntArray, IntArray, IntArray, IntArray]


def best_fit_gpus(view: View, ask: Ask, out: IntArray) -> None:
    """Take the slots with the least room that fit; the lowest index among equals."""
    choose_best_fit(ask.start, ask.n_slots, ask.n_wanted, *_columns(view, ask.needs), out)


def first_gpus(view: View, ask: Ask, out: IntArray) -> None:
    """Take the lowest indices that fit."""
    choose_first(ask.start, ask.n_slots, ask.n_wanted, *_columns(view, ask.needs), out)


def worst_fit_gpus(view: View, ask: Ask, out: IntArray) -> None:
    """Take the slots with the most room; the lowest index among equals."""
    choose_worst_fit(ask.start, ask.n_slots, ask.n_wanted, *_columns(view, ask.needs), out)


def hashed_gpus(view: View, ask: Ask, out: IntArray) -> None:
    """Take the slots with the least hash of (key, index)."""
    columns = _columns(view, ask.needs)
    choose_hashed(ask.start, ask.n_slots, ask.n_wanted, ask.key, *columns, out)


def _columns(view: View, needs: Needs) -> Columns:
    return (
        needs.table,
        view.slot_kind,
        view.slot_free_milli,
        view.slot_free_mib,
        view.slot_able,
    )
