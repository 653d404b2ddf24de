"""Pods for elastic jobs: one by one to whoever values the next one most."""

from __future__ import annotations

import numpy as np

from bayplan.kernels._jit import kernel
from bayplan.kernels._types import FloatArray, IntArray


@kernel
def give_pods(
    pods: IntArray,
    most: IntArray,
    held: IntArray,
    milli: IntArray,
    first: IntArray,
    worth: FloatArray,
    free: int,
) -> int:
    """Give pods to jobs while one fits that anybody wants; return the milli-GPU that are left.

    ``pods`` : (n,), what each job is sure of, and then what it gets; never above ``most``. A pod
    of job ``j`` takes ``milli[j]`` of ``free``. ``worth[first[j] + k]`` is that of the pod that
    comes when it has ``k``; -inf: it is not wanted, nor is any behind it. Of equal worths, who
    has less than it ``held`` before comes first, so that pods do not move about, then the lower
    number.

    Notes
    -----
    Where pods are of one size and worths fall from pod to pod, as those of concave functions do,
    no other way of giving them has a larger sum (Fox, Discrete optimization via marginal
    analysis, Management Science 13, 1966).
    """
    n = pods.size
    open_ = np.ones(n, np.bool_)
    while True:
        best = -1
        for j in range(n):
            if not open_[j]:
                continue
            if pods[j] >= most[j] or milli[j] > free or worth[first[j] + pods[j]] == -np.inf:
                open_[j] = False
                continue
            if best < 0:
                best = j
                continue
            mine, other = worth[first[j] + pods[j]], worth[first[best] + pods[best]]
            stays = pods[j] < held[j] and pods[best] >= held[best]
            if mine > other or (mine == other and stays):
                best = j
        if best < 0:
            return free
        pods[best] += 1
        free -= milli[best]
