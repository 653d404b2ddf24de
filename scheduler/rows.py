"""Which node has which row and which GPUs of the flat arrays."""

from __future__ import annotations

import hashlib
import heapq
from dataclasses import dataclass, field

import numpy as np

from bayplan.scheduler.errors import Conflict, Duplicate, InvalidRequest, Unknown
from bayplan.scheduler.labels import LabelIndex, Labels
from bayplan.scheduler.shape import are_amounts
from bayplan.scheduler.types import GPU_MILLI, MAX_AMOUNT, Node
from bayplan.scheduler.view import NO_MODEL, BoolArray, View

MAX_GPUS = 64
_ALL = np.zeros(0, np.bool_)


def stable_key(text: str) -> int:
    """Return a 64-bit hash that is the same in every process."""
    encoded = text.encode(errors="surrogatepass")  # whatever a str can hold
    return int.from_bytes(hashlib.blake2b(encoded, digest_size=8).digest(), "little")


@dataclass(slots=True)
class Rows:
    """Gives rows and GPU ranges to nodes, and writes their capacity into the view.

    A row that a node left goes to the next node (the lowest first), a range of GPUs to the next
    node with as many.
    """

    view: View
    nodes: dict[str, Node] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    free_rows: list[int] = field(default_factory=list)
    free_ranges: dict[int, list[int]] = field(default_factory=dict)
    labels: LabelIndex = field(default_factory=LabelIndex)

    def labelled(self, labels: Labels) -> BoolArray:
        """Return the mask (capacity,) of the rows with all ``labels``; empty for no labels."""
        if not labels:
            return _ALL
        return self.labels.mask(labels, self.nodes, self.rows, self.view.alive.size)

    def copy(self, view: View) -> Rows:
        """Return the same for a copied view."""
        return Rows(
            view,
            dict(self.nodes),
            dict(self.rows),
            list(self.names),
            list(self.free_rows),
            {count: list(starts) for count, starts in self.free_ranges.items()},
        )

    def row(self, name: str) -> int:
        """Return the row of a node, or raise ``Unknown``."""
        row = self.rows.get(name)
        if row is None:
            raise Unknown(f"no node {name} in the cluster")
        return row

    def gpus(self, row: int) -> tuple[int, ...]:
        """Return the flat numbers of a row's GPUs."""
        start = int(self.view.gpu_start[row])
        return tuple(range(start, start + int(self.view.gpu_count[row])))

    def add(self, node: Node) -> int:
        """Give a new node its row and GPUs; return the row."""
        if node.name in self.nodes:
            raise Duplicate(f"node {node.name} is in the cluster already")
        _validate(node)
        row = self.free_rows[0] if self.free_rows else self.view.n_rows
        self.put(node, row, self._next_range(node.gpu_count))
        return row

    def put(self, node: Node, row: int, start: int) -> None:
        """Put a node at a free row, with its GPUs at a free range."""
        view = self.view
        if row == view.n_rows:
            view.reserve_rows(row + 1)
            view.n_rows += 1
            self.names.append(node.name)
        else:
            self.free_rows.remove(row)
            heapq.heapify(self.free_rows)
        self.names[row] = node.name
        self.nodes[node.name] = node
        self.rows[node.name] = row
        view.alive[row] = True
        view.name_key[row] = stable_key(node.name)
        self._set_host(row, None, node)
        self._take_range(node.gpu_count, start)
        self._set_gpus(row, node, start)

    def remove(self, name: str) -> Node:
        """Take an empty node away, and free its row and GPUs."""
        row, view = self.rows.pop(name), self.view
        node = self.nodes.pop(name)
        self._free_range(row)
        self._set_host(row, node, Node(name, schedulable=False))
        view.alive[row] = False
        view.name_key[row] = 0
        heapq.heappush(self.free_rows, row)
        return node

    def shrink(self, n_rows: int, n_gpus: int) -> None:
        """Go back to as many rows and GPUs as there were; those beyond are free."""
        view = self.view
        del self.names[n_rows:]
        self.free_rows = [row for row in self.free_rows if row < n_rows]
        for count, starts in self.free_ranges.items():
            self.free_ranges[count] = [start for start in starts if start < n_gpus]
        heapq.heapify(self.free_rows)
        for starts in self.free_ranges.values():
            heapq.heapify(starts)
        view.n_rows, view.n_gpus = n_rows, n_gpus

    def change(self, row: int, node: Node, start: int | None = None) -> None:
        """Give a node new capacity, labels or GPUs; new GPUs at ``start``, if that is given."""
        _validate(node)
        before = self.nodes[node.name]
        if _gpus(before) != _gpus(node):
            if self.view.idle_milli[row] != GPU_MILLI * before.gpu_count:
                raise Conflict(
                    f"node {node.name}: its GPUs are in use and cannot change from"
                    f" {before.gpu_count} x {before.gpu_model!r} to"
                    f" {node.gpu_count} x {node.gpu_model!r}; its pods must go first"
                )
            self._free_range(row)
            start = self._next_range(node.gpu_count) if start is None else start
            self._take_range(node.gpu_count, start)
            self._set_gpus(row, node, start)
        self._set_host(row, before, node)
        self.nodes[node.name] = node

    def _set_host(self, row: int, before: Node | None, node: Node) -> None:
        view = self.view
        self.labels.update(row, node)
        view.schedulable[row] = node.schedulable
        view.cpu_free_milli[row] += node.cpu_milli - (before.cpu_milli if before else 0)
        view.cpu_milli[row] = node.cpu_milli
        view.memory_free_mib[row] += node.memory_mib - (before.memory_mib if before else 0)
        view.memory_mib[row] = node.memory_mib
        amounts = dict.fromkeys((name for name, _ in before.resources), 0) if before else {}
        for name, amount in (amounts | dict(node.resources)).items():
            column = view.resource_index(name)
            view.resources_free[row, column] += amount - view.resources[row, column]
            view.resources[row, column] = amount

    def _set_gpus(self, row: int, node: Node, start: int) -> None:
        view, count = self.view, node.gpu_count
        view.model[row] = view.model_index(node.gpu_model) if count else NO_MODEL
        view.anonymous[row] = node.anonymous_gpus
        view.gpu_start[row] = start
        view.gpu_count[row] = count
        view.gpu_memory_mib[row] = node.gpu_memory_mib
        view.idle_milli[row] = GPU_MILLI * count
        view.gpu_free_milli[start : start + count] = GPU_MILLI
        view.gpu_free_mib[start : start + count] = node.gpu_memory_mib

    def _next_range(self, count: int) -> int:
        free = self.free_ranges.get(count)
        return free[0] if free else self.view.n_gpus if count else 0

    def _take_range(self, count: int, start: int) -> None:
        if not count:
            return
        free = self.free_ranges.get(count, [])
        if start in free:
            free.remove(start)
            heapq.heapify(free)
        else:
            self.view.n_gpus += count
            self.view.reserve_gpus(self.view.n_gpus)

    def _free_range(self, row: int) -> None:
        view = self.view
        start, count = int(view.gpu_start[row]), int(view.gpu_count[row])
        if count:
            view.gpu_free_milli[start : start + count] = 0
            view.gpu_free_mib[start : start + count] = 0
            heapq.heappush(self.free_ranges.setdefault(count, []), start)
        for array in (view.gpu_start, view.gpu_count, view.gpu_memory_mib, view.idle_milli):
            array[row] = 0
        view.model[row] = NO_MODEL
        view.anonymous[row] = False


def smaller(node: Node, before: Node) -> bool:
    """Whether a node has less of anything than before."""
    amounts = dict(node.resources)
    return (
        node.cpu_milli < before.cpu_milli
        or node.memory_mib < before.memory_mib
        or any(amounts.get(name, 0) < amount for name, amount in before.resources)
    )


def _gpus(node: Node) -> tuple[int, str, int, bool]:
    return node.gpu_count, node.gpu_model, node.gpu_memory_mib, node.anonymous_gpus


def _validate(node: Node) -> None:
    amounts = [node.cpu_milli, node.memory_mib, node.gpu_count, node.gpu_memory_mib]
    amounts += [n for _, n in node.resources]
    if not are_amounts(amounts):
        raise InvalidRequest(
            f"node {node.name!r}: capacities are whole numbers from 0 to {MAX_AMOUNT}"
        )
    if not node.name.isprintable():
        raise InvalidRequest(f"node {node.name!r}: the name has characters that cannot be printed")
    if node.gpu_count > MAX_GPUS:
        raise InvalidRequest(f"node {node.name}: {node.gpu_count} GPUs; at most {MAX_GPUS}")
