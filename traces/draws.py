"""Seeded draws that stay the same from one NumPy release to the next."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bayplan.traces.columns import FloatArray, IntArray


class Draws:
    """A stream of random numbers.

    NumPy keeps the stream of uniform doubles of a bit generator, but may improve the algorithm
    of any other distribution; so all of them are made here from uniform doubles.

    Parameters
    ----------
    seed
        Where the stream starts.
    """

    def __init__(self, seed: int) -> None:
        self._generator = np.random.Generator(np.random.PCG64(seed))

    def uniform(self, count: int) -> FloatArray:
        """Draw from [0, 1): an array of shape ``(count,)``."""
        return self._generator.random(count)

    def pick(self, weights: Sequence[float] | FloatArray, count: int) -> IntArray:
        """Draw indices, each as often as its weight says.

        Parameters
        ----------
        weights
            One per index; they need not add up to 1.
        count
            How many indices to draw.
        """
        edges = np.cumsum(np.asarray(weights, dtype=np.float64))
        # side="right": an index of weight 0 has an empty interval and is never drawn.
        drawn = np.searchsorted(edges, self.uniform(count) * edges[-1], side="right")
        inside: IntArray = np.minimum(drawn, len(edges) - 1).astype(np.int64)
        return inside

    def exponential(self, count: int) -> FloatArray:
        """Draw waiting times of mean 1: an array of shape ``(count,)``."""
        return -np.log1p(-self.uniform(count))

    def normal(self, count: int) -> FloatArray:
        """Draw from the standard normal distribution (Box and Muller): shape ``(count,)``."""
        radius = np.sqrt(2.0 * self.exponential(count))
        return radius * np.cos(2.0 * np.pi * self.uniform(count))


def zipf(count: int, exponent: float = 1.0) -> FloatArray:
    """Return weights that fall with the rank: ``1 / rank ** exponent``, shape ``(count,)``."""
    return 1.0 / np.arange(1, count + 1, dtype=np.float64) ** exponent
