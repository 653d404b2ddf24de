"""How much of the free GPUs of each node a typical pod could not use."""

from __future__ import annotations

import numpy as np

from bayplan.kernels.fragment import node_fragments
from bayplan.scheduler.view import FloatArray, IntArray, View
from bayplan.scheduler.workload import Workload


def fragments(view: View, workload: Workload, rows: IntArray) -> FloatArray:
    """Return the expected fragmentation of each of ``rows``, in milli-GPU: (k,).

    References
    ----------
    Weng et al., "Beware of Fragmentation", USENIX ATC 2023, section 3.
    """
    out = np.empty(rows.size)
    node_fragments(
        rows,
        view.cpu_free_milli,
        view.idle_milli,
        view.model,
        view.gpu_start,
        view.gpu_count,
        view.gpu_free_milli,
        *workload.for_kernels(view),
        out,
    )
    return out
