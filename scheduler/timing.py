"""Queues, rates, progress and ends of jobs: the door for those who must not know the kernels."""

from bayplan.kernels.advance import advance, advance_alone
from bayplan.kernels.calendar import set_times, take_due
from bayplan.kernels.elastic import give_pods
from bayplan.kernels.progress import change_rates, change_rates_each, settle, settle_each
from bayplan.kernels.queue import (
    FIRST,
    HOPE,
    LAST,
    NOBODY,
    NONE,
    PODS,
    TIE,
    first_class,
    is_hopeless,
    list_open,
    next_open,
    unblock,
)
from bayplan.kernels.tenants import ALONE, HAMI, MIG, MPS, TIMESLICE, retime

__all__ = [
    "ALONE",
    "FIRST",
    "HAMI",
    "HOPE",
    "LAST",
    "MIG",
    "MPS",
    "NOBODY",
    "NONE",
    "PODS",
    "TIE",
    "TIMESLICE",
    "advance",
    "advance_alone",
    "change_rates",
    "change_rates_each",
    "first_class",
    "give_pods",
    "is_hopeless",
    "list_open",
    "next_open",
    "retime",
    "set_times",
    "settle",
    "settle_each",
    "take_due",
    "unblock",
]
