"""The node that has the images of a pod already."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayplan.scheduler.needs import Needs
from bayplan.scheduler.policies._base import Ask, Ties
from bayplan.scheduler.policies._devices import best_fit_gpus
from bayplan.scheduler.shape import Shape
from bayplan.scheduler.view import FloatArray, IntArray, View

BYTES_PER_MIB = 1 << 20
LEAST_BYTES = 23 * BYTES_PER_MIB
MOST_BYTES = 1000 * BYTES_PER_MIB
"""Of one image; kube-scheduler's ``minThreshold`` and ``maxContainerThreshold``."""


@dataclass(frozen=True, slots=True)
class ImageLocality:
    """Highest score where most bytes of the pod's images are, those counting less that are rare.

    An image counts its bytes on the node × the share of all nodes that have it. Of the sum S of
    the pod's n images, 100 × (S - 23 MiB) / (1000 MiB × n - 23 MiB) counts, from 0 to 100, rounded
    down. GPUs by best fit. As the plugin ImageLocality of kube-scheduler: an image on few nodes
    pulls few pods, so that pods do not heap up on the first node that has it. Tells no nodes apart
    for pods whose images nobody states; mix it, as in ``0.5*image-locality+0.5*best-fit``.
    """

    ties: Ties = Ties.LOWEST_ROW
    uses_images: bool = True

    def score(
        self, view: View, shape: Shape, needs: Needs, rows: IntArray, out: FloatArray
    ) -> None:
        """Score by the images that are there."""
        images = shape.images
        if not images:
            out[rows] = 0.0
            return
        n_nodes, *having = view.images.spread(images, view.alive[: view.n_rows])
        there = np.zeros(rows.size, np.int64)
        for name, n in zip(images, having, strict=True):
            if n:
                n_bytes = BYTES_PER_MIB * view.images.mib(name, rows, view.n_rows)
                there += (n_bytes * (n / n_nodes)).astype(np.int64)
        most = MOST_BYTES * len(images)
        out[rows] = 100 * (np.clip(there, LEAST_BYTES, most) - LEAST_BYTES) // (most - LEAST_BYTES)

    def choose(self, view: View, shape: Shape, ask: Ask, out: IntArray) -> None:
        """Choose the fullest GPUs that fit."""
        best_fit_gpus(view, ask, out)
