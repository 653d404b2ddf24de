"""Which nodes have which container images: what locality of images is scored by."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bayplan.scheduler.arrays import BoolArray, IntArray

Images = tuple[tuple[str, int], ...]
"""Names of images and their MiB."""


@dataclass(slots=True)
class ImageTable:
    """The MiB of each image by name and row; an image that no node has is not in it."""

    sizes: dict[str, dict[int, int]] = field(default_factory=dict)

    def change(self, row: int, before: Images, now: Images) -> None:
        """Let the node at a row have other images than before."""
        for name, _ in before:
            rows = self.sizes[name]
            del rows[row]
            if not rows:
                del self.sizes[name]
        for name, mib in now:
            self.sizes.setdefault(name, {})[row] = mib

    def of(self, row: int) -> dict[str, int]:
        """Return the MiB of the images of a row, by name."""
        return {name: rows[row] for name, rows in self.sizes.items() if row in rows}

    def mib(self, name: str, rows: IntArray, size: int) -> IntArray:
        """Return the MiB of an image on each of ``rows`` (k,), 0 where it is not.

        ``size`` is what all rows are less than.
        """
        there = self.sizes.get(name)
        if there is None:
            return np.zeros(rows.size, np.int64)
        if rows.size < len(there):
            return np.array([there.get(row, 0) for row in rows.tolist()], np.int64)
        every = np.zeros(size, np.int64)
        every[list(there)] = list(there.values())
        return every[rows]

    def spread(self, images: tuple[str, ...], alive: BoolArray) -> tuple[int, ...]:
        """Return how many nodes there are, and how many of them have each of some images.

        ``alive`` (n_rows,) are the rows with a node.
        """
        return (
            int(np.count_nonzero(alive)),
            *[len(self.sizes.get(name, ())) for name in images],
        )

    def copy(self) -> ImageTable:
        """Return a table of its own."""
        return ImageTable({name: dict(rows) for name, rows in self.sizes.items()})
