"""A heap of items by time, in which an item's time can change.

``times`` (n_items,) is each item's time in seconds, infinite for those that are not in the heap;
``heap`` (n_items,) has the items, the earliest first, ties by item; ``place`` (n_items,) is where
an item stands in it, -1 for nowhere. ``size`` (1,) is how many are in it.
"""

from __future__ import annotations

import numpy as np

from bayplan.kernels._jit import kernel
from bayplan.kernels._types import FloatArray, IntArray


@kernel
def sift_up(at: int, times: FloatArray, heap: IntArray, place: IntArray) -> int:
    """Move the item at a place towards the front until none behind it is earlier."""
    item = heap[at]
    time = times[item]
    while at > 0:
        up = (at - 1) >> 1
        other = heap[up]
        if times[other] < time or (times[other] == time and other < item):
            break
        heap[at] = other
        place[other] = at
        at = up
    heap[at] = item
    place[item] = at
    return at


@kernel
def sift_down(at: int, size: int, times: FloatArray, heap: IntArray, place: IntArray) -> None:
    """Move the item at a place towards the end until none before it is later."""
    item = heap[at]
    time = times[item]
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        other = heap[child]
        if child + 1 < size:
            right = heap[child + 1]
            if times[right] < times[other] or (times[right] == times[other] and right < other):
                child += 1
                other = right
        if time < times[other] or (time == times[other] and item < other):
            break
        heap[at] = other
        place[other] = at
        at = child
    heap[at] = item
    place[item] = at


@kernel
def set_times(
    items: IntArray,
    new: FloatArray,
    times: FloatArray,
    heap: IntArray,
    place: IntArray,
    size: IntArray,
) -> None:
    """Give items (n,) new times (n,); an infinite one takes the item out."""
    for k in range(items.size):
        item = items[k]
        at = place[item]
        if new[k] == np.inf:
            if at >= 0:
                size[0] -= 1
                last = heap[size[0]]
                place[item] = -1
                if last != item:
                    heap[at] = last
                    place[last] = at
                    sift_down(sift_up(at, times, heap, place), size[0], times, heap, place)
            times[item] = np.inf
            continue
        times[item] = new[k]
        if at < 0:
            at = size[0]
            heap[at] = item
            size[0] += 1
        sift_down(sift_up(at, times, heap, place), size[0], times, heap, place)


@kernel
def take_due(
    until: float,
    times: FloatArray,
    heap: IntArray,
    place: IntArray,
    size: IntArray,
    out: IntArray,
) -> int:
    """Take the items whose time is at most ``until`` out, the earliest first; return how many.

    ``out`` must have room for all items.
    """
    n = 0
    while size[0] > 0 and times[heap[0]] <= until:
        item = heap[0]
        out[n] = item
        n += 1
        size[0] -= 1
        place[item] = -1
        times[item] = np.inf
        if size[0] > 0:
            last = heap[size[0]]
            heap[0] = last
            place[last] = 0
            # Not a literal 0: the compiler would make a version of the kernel for it alone.
            sift_down(place[last], size[0], times, heap, place)
    return n
