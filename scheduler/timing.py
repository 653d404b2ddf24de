"""Rates, progress and ends of running jobs: the door for those who must not know the kernels."""

from bayplan.kernels.advance import advance
from bayplan.kernels.calendar import set_times, take_due
from bayplan.kernels.progress import change_rates, settle
from bayplan.kernels.tenants import ALONE, HAMI, MIG, MPS, TIMESLICE, retime

__all__ = [
    "ALONE",
    "HAMI",
    "MIG",
    "MPS",
    "TIMESLICE",
    "advance",
    "change_rates",
    "retime",
    "set_times",
    "settle",
    "take_due",
]
