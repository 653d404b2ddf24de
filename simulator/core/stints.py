"""Who was on which GPU, or part of one, from when to when."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayplan.scheduler.types import Node, Placement

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_WHOLE = ("job", "node", "gpu", "slice_start", "slice_size", "profile", "milli")


@dataclass(frozen=True, slots=True, eq=False)
class Stints:
    """A row a GPU (or part of one) and time that a job held it: arrays (n_stints,), by start.

    A job of several GPUs has a row for each, a job that was stopped and went on more of them; one
    that held nothing for any time has none. Rows that start together are in the order of starting.

    Attributes
    ----------
    names, profiles
        The names of nodes and MIG profiles that ``node`` and ``profile`` are numbers of.
    row
        The job, by its first row in the job table.
    gpu
        Its index on the node; -1 where the device plugin picks one.
    slice_start, slice_size, profile
        The MIG instance, in placement units; size 0 and profile "" are the GPU itself.
    milli
        What the job was granted of it.
    start_s, end_s
        Seconds of simulated time; the end is NaN of what still ran when the run was over.
    cut_s
        From when on new stints are missing, because there were too many; NaN: none is.
    """

    names: tuple[str, ...]
    profiles: tuple[str, ...]
    row: IntArray
    node: IntArray
    gpu: IntArray
    slice_start: IntArray
    slice_size: IntArray
    profile: IntArray
    milli: IntArray
    start_s: FloatArray
    end_s: FloatArray
    cut_s: float


class StintLog:
    """Takes down stints as jobs come and go, the first ``most`` of them."""

    def __init__(self, nodes: Sequence[Node], most: int) -> None:
        self._names = tuple(node.name for node in nodes)
        self._number = {name: i for i, name in enumerate(self._names)}
        self._profiles: dict[str, int] = {"": 0}
        self._most = most
        self._cut_s = np.nan
        self._whole = {name: array("q") for name in _WHOLE}
        self._start_s, self._end_s = array("d"), array("d")
        self._open: dict[int, int] = {}

    def begin(self, job: int, placements: Sequence[Placement], now_s: float) -> None:
        """Note that a job has what it was granted from now on."""
        if self._cut_s == self._cut_s:  # not NaN: there were too many
            return
        first = len(self._start_s)
        jobs, nodes, gpus, starts, sizes, profiles, millis = self._whole.values()
        for placement in placements:
            node = self._number[placement.node]
            for grants in placement.grants:
                for grant in grants:
                    slot = grant.slot
                    jobs.append(job)
                    nodes.append(node)
                    gpus.append(slot.gpu)
                    starts.append(slot.start)
                    sizes.append(slot.size)
                    profile = self._profiles.setdefault(slot.profile, len(self._profiles))
                    profiles.append(profile)
                    millis.append(grant.milli)
                    self._start_s.append(now_s)
                    self._end_s.append(np.nan)
        if len(self._start_s) > self._most:
            self._drop(first)  # all of a job or nothing
            self._cut_s = now_s
        elif len(self._start_s) > first:
            self._open[job] = first

    def end(self, job: int, now_s: float) -> None:
        """Note that a job has nothing from now on."""
        first = self._open.pop(job, None)
        if first is None:
            return
        jobs, end_s = self._whole["job"], self._end_s
        at, n = first, len(end_s)
        while at < n and jobs[at] == job:
            end_s[at] = now_s
            at += 1
        if at == n and self._start_s[first] == now_s:
            self._drop(first)  # it was never there, and takes no room of those who are

    def _drop(self, first: int) -> None:
        for column in self._whole.values():
            del column[first:]
        del self._start_s[first:], self._end_s[first:]

    def stints(self, rows: Sequence[Sequence[int]] | None) -> Stints:
        """Return what was taken down; whoever has something now has no end.

        ``rows`` are those of each job in the job table; None: every row is a job.
        """
        whole = {name: np.array(column, np.int64) for name, column in self._whole.items()}
        start_s, end_s = np.array(self._start_s), np.array(self._end_s)
        kept = start_s != end_s
        job = whole.pop("job")
        firsts = None if rows is None else np.array([each[0] for each in rows], np.int64)
        return Stints(
            names=self._names,
            profiles=tuple(self._profiles),
            row=(job if firsts is None else firsts[job])[kept],
            **{name: column[kept] for name, column in whole.items()},
            start_s=start_s[kept],
            end_s=end_s[kept],
            cut_s=self._cut_s,
        )
