"""Which rows carry a set of labels: computed at the first question, kept up to date per node."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bayplan.scheduler.types import Node
from bayplan.scheduler.view import BoolArray

Labels = tuple[tuple[str, str], ...]

_MAX_MASKS = 1024


@dataclass(slots=True)
class LabelIndex:
    """Row masks (capacity,) by label set. Bounded: emptied when it holds 1024 of them."""

    masks: dict[Labels, BoolArray] = field(default_factory=dict)

    def mask(
        self, labels: Labels, nodes: dict[str, Node], rows: dict[str, int], size: int
    ) -> BoolArray:
        """Return the mask (size,) of the rows whose node has all ``labels``."""
        mask = self.masks.get(labels)
        if mask is None or mask.size != size:
            mask = np.zeros(size, np.bool_)
            for name, node in nodes.items():
                mask[rows[name]] = has_labels(node, labels)
            if len(self.masks) >= _MAX_MASKS:
                self.masks.clear()
            self.masks[labels] = mask
        return mask

    def update(self, row: int, node: Node) -> None:
        """Take a node's labels in, at its row."""
        for labels, mask in self.masks.items():
            if row < mask.size:
                mask[row] = has_labels(node, labels)


def has_labels(node: Node, labels: Labels) -> bool:
    """Whether a node has all ``labels``."""
    present = dict(node.labels)
    return all(present.get(key) == value for key, value in labels)
