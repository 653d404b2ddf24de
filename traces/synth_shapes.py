"""The request shapes of synthetic pods: a limited catalogue, because real shapes repeat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayplan.scheduler.types import GPU_MILLI
from bayplan.traces.columns import FloatArray, IntArray
from bayplan.traces.draws import Draws, zipf
from bayplan.traces.synth_nodes import GIB

CPU_ONLY, SHARE, ONE_GPU, SEVERAL = range(4)
"""Codes of the four classes of pods."""

SHAPE_DRAWS = (50, 100, 60, 25)
"""Shapes drawn for each class; some come up twice, which leaves about 160 distinct ones."""

POPULARITY = 0.8
"""Exponent of the popularity of shapes by rank: the first shape of a class is the most usual."""

SHARE_MILLI = (100, 150, 200, 250, 300, 400, 500, 600, 700, 800)
SHARE_WEIGHTS = (4, 4, 10, 12, 10, 14, 20, 6, 8, 12)
"""Shares that a pod may take of a GPU, in milli-GPU, and how usual each is."""

CPU_ONLY_CORES = (1, 2, 4, 6, 8, 12, 16, 24, 32)
CPU_ONLY_WEIGHTS = (10, 16, 22, 10, 18, 8, 10, 3, 3)

SHARE_CORES = (1, 2, 3, 4, 6, 8, 12)
SHARE_CORES_WEIGHTS = (6, 12, 18, 20, 16, 18, 10)
"""Cores of a pod with a share: notebooks and servers need cores whatever their share is."""

GPU_CORES = (4, 6, 8, 9, 10, 11, 12)
GPU_CORES_WEIGHTS = (8, 8, 14, 12, 18, 20, 20)
"""Cores per whole GPU; at most what the large nodes have per GPU, so that eight fit."""

SEVERAL_GPUS = (2, 4, 8)
SEVERAL_WEIGHTS = (5, 3, 2)

GIB_PER_CORE = (2, 4, 5, 6, 8)
GIB_PER_CORE_WEIGHTS = (12, 34, 16, 20, 18)


@dataclass(frozen=True, slots=True)
class Shapes:
    """Shapes of one class: arrays of shape ``(n_shapes,)`` and how usual each shape is."""

    cpu_milli: IntArray
    memory_mib: IntArray
    gpu_count: IntArray
    gpu_milli: IntArray
    weights: FloatArray


def draw_shapes(draws: Draws) -> tuple[Shapes, ...]:
    """Draw the catalogue: one set of shapes for each class, in the order of the codes.

    Parameters
    ----------
    draws
        The random stream.
    """
    return tuple(_class_shapes(draws, code, count) for code, count in enumerate(SHAPE_DRAWS))


def _class_shapes(draws: Draws, code: int, count: int) -> Shapes:
    gpus = np.full(count, 0 if code == CPU_ONLY else 1, dtype=np.int64)
    milli = np.full(count, 0 if code == CPU_ONLY else GPU_MILLI, dtype=np.int64)
    if code == SEVERAL:
        gpus = np.array(SEVERAL_GPUS)[_spread(SEVERAL_WEIGHTS, count)]
    if code == SHARE:
        milli = np.array(SHARE_MILLI)[_spread(SHARE_WEIGHTS, count)]
    options, weights = {
        CPU_ONLY: (CPU_ONLY_CORES, CPU_ONLY_WEIGHTS),
        SHARE: (SHARE_CORES, SHARE_CORES_WEIGHTS),
    }.get(code, (GPU_CORES, GPU_CORES_WEIGHTS))
    cores = np.array(options)[draws.pick(weights, count)] * np.maximum(gpus, 1)
    gib = cores * np.array(GIB_PER_CORE)[draws.pick(GIB_PER_CORE_WEIGHTS, count)]
    return Shapes(cores * 1000, gib * GIB, gpus, milli, zipf(count, POPULARITY))


def _spread(weights: tuple[int, ...], count: int) -> IntArray:
    """Deal indices by their weights, evenly along the ranks.

    Drawn at random, one popular rank could make most shares of one size; dealt out, every seed
    has about the stated mix.
    """
    fractions = np.array(weights, dtype=np.float64) / sum(weights)
    dealt = np.zeros(len(weights))
    order = []
    for rank in range(1, count + 1):
        index = int(np.argmax(np.round(fractions * rank - dealt, 9)))
        dealt[index] += 1
        order.append(index)
    return np.array(order, dtype=np.int64)
