"""Which node has which row and which slots of the flat arrays."""

from __future__ import annotations

import hashlib
import heapq
from dataclasses import dataclass, field, replace

import numpy as np

from bayplan.scheduler.errors import Conflict, Duplicate, InvalidRequest, Unknown
from bayplan.scheduler.images import Images
from bayplan.scheduler.islands import island_size
from bayplan.scheduler.kinds import Kind, NodeSlots, slots_of
from bayplan.scheduler.labels import LabelIndex, Labels
from bayplan.scheduler.shape import are_amounts
from bayplan.scheduler.types import MAX_AMOUNT, Node
from bayplan.scheduler.view import NO_KIND, BoolArray, IntArray, View

MAX_GPUS = 64
_MAX_CUTS = 4096
_ALL = np.zeros(0, np.bool_)


def stable_key(text: str) -> int:
    """Return a 64-bit hash that is the same in every process."""
    encoded = text.encode(errors="surrogatepass")  # whatever a str can hold
    return int.from_bytes(hashlib.blake2b(encoded, digest_size=8).digest(), "little")


@dataclass(slots=True)
class Rows:
    """Gives rows and slot ranges to nodes, and writes their capacity into the view.

    A row that a node left goes to the next node (the lowest first), a range of slots to
    the next node with as many. ``cuts`` remembers, by identity, what was worked out of a node's
    slots.
    """

    view: View
    nodes: dict[str, Node] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    free_rows: list[int] = field(default_factory=list)
    free_ranges: dict[int, list[int]] = field(default_factory=dict)
    labels: LabelIndex = field(default_factory=LabelIndex)
    cuts: dict[int, tuple[NodeSlots, tuple[IntArray, IntArray, IntArray]]] = field(
        default_factory=dict
    )

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

    def slots(self, row: int) -> tuple[int, ...]:
        """Return the flat numbers of a row's slots."""
        start = int(self.view.slot_start[row])
        return tuple(range(start, start + int(self.view.slot_count[row])))

    def add(self, node: Node) -> int:
        """Give a new node its row and slots; return the row."""
        if node.name in self.nodes:
            raise Duplicate(f"node {node.name} is in the cluster already")
        _validate(node)
        row = self.free_rows[0] if self.free_rows else self.view.n_rows
        slots = slots_of(node)
        self.put(node, row, self._next_range(len(slots)), slots)
        return row

    def put(self, node: Node, row: int, start: int, slots: NodeSlots | None = None) -> None:
        """Put a node at a free row, with its slots at a free range."""
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
        self._set_slots(row, node, slots_of(node) if slots is None else slots, start)

    def remove(self, name: str) -> Node:
        """Take an empty node away, and free its row and slots."""
        row, view = self.rows.pop(name), self.view
        node = self.nodes.pop(name)
        self._free_range(row)
        self._set_host(row, node, Node(name, schedulable=False))
        view.alive[row] = False
        view.name_key[row] = 0
        heapq.heappush(self.free_rows, row)
        return node

    def shrink(self, n_rows: int, n_slots: int) -> None:
        """Go back to as many rows and slots as there were; those beyond are free."""
        view = self.view
        del self.names[n_rows:]
        self.free_rows = [row for row in self.free_rows if row < n_rows]
        for count, starts in self.free_ranges.items():
            self.free_ranges[count] = [start for start in starts if start < n_slots]
        heapq.heapify(self.free_rows)
        for starts in self.free_ranges.values():
            heapq.heapify(starts)
        view.n_rows, view.n_slots = n_rows, n_slots

    def change(self, row: int, node: Node, start: int | None = None) -> None:
        """Give a node new capacity, labels or GPUs; new GPUs at ``start``, if that is given."""
        _validate(node)
        before = self.nodes[node.name]
        if _gpus(before) != _gpus(node):
            own = slice(self.view.slot_start[row], self.view.slot_start[row] + self._count(row))
            if self.view.slot_used[own].any():
                raise Conflict(
                    f"node {node.name}: its GPUs are in use and cannot change from"
                    f" {before.gpu_count} x {before.gpu_model!r} to"
                    f" {node.gpu_count} x {node.gpu_model!r}; its pods must go first"
                )
            slots = slots_of(node)
            self._free_range(row)
            start = self._next_range(len(slots)) if start is None else start
            self._set_slots(row, node, slots, start)
        self._set_host(row, before, node)
        self.nodes[node.name] = node

    def set_images(self, row: int, images: Images) -> None:
        """Let the node at a row have other images."""
        before = self.nodes[self.names[row]]
        node = replace(before, images=images)
        _validate_images(node)
        self.view.images.change(row, before.images, images)
        self.nodes[node.name] = node

    def repartition(self, row: int, node: Node, start: int | None = None) -> dict[int, int]:
        """Cut the GPUs of a node anew, keep what is in use, and say where each slot in use went.

        ``start`` is where the new slots go, if that is given. ``Conflict`` when a slot in use has
        no counterpart.
        """
        view, slots = self.view, slots_of(node)
        old = self.slots(row)
        kept = self._kept(node.name, old, slots)
        before = {slot: [array[slot] for array in _held(view)] for slot in kept}
        if start is None:
            start = old[0] if len(old) == len(slots) else self._next_range(len(slots))
        self._free_range(row)
        self._set_slots(row, node, slots, start)
        moved = {slot: start + index for slot, index in kept.items()}
        for slot, new in moved.items():
            for array, value in zip(_held(view), before[slot], strict=True):
                array[new] = value
        view.idle_milli[row] = view.slot_free_milli[start : start + len(slots)].sum()
        self.nodes[node.name] = node
        return moved

    def _kept(self, name: str, old: tuple[int, ...], slots: NodeSlots) -> dict[int, int]:
        """Return the index among the new slots of every old slot in use."""
        view = self.view
        places = zip(slots.gpu.tolist(), slots.start.tolist(), slots.kind.tolist(), strict=True)
        alike = [_alike(kind) for kind in slots.kinds]
        index = {(gpu, first, alike[k]): i for i, (gpu, first, k) in enumerate(places)}
        kept = {}
        for slot in old:
            if view.slot_used[slot]:
                kind = view.kinds.kinds[view.slot_kind[slot]]
                place = int(view.slot_gpu[slot]), int(view.slot_first[slot]), _alike(kind)
                found = index.get(place)
                if found is None:
                    raise Conflict(
                        f"node {name}: what is in use on GPU {place[0]} would have to move or to"
                        " change; its pods must go first"
                    )
                kept[slot] = found
        return kept

    def _set_host(self, row: int, before: Node | None, node: Node) -> None:
        view = self.view
        self.labels.update(row, node)
        if node.images or (before is not None and before.images):
            view.images.change(row, before.images if before else (), node.images)
        view.schedulable[row] = node.schedulable
        view.island[row] = island_size(node)
        view.cpu_free_milli[row] += node.cpu_milli - (before.cpu_milli if before else 0)
        view.cpu_milli[row] = node.cpu_milli
        view.memory_free_mib[row] += node.memory_mib - (before.memory_mib if before else 0)
        view.memory_mib[row] = node.memory_mib
        amounts = dict.fromkeys((name for name, _ in before.resources), 0) if before else {}
        for name, amount in (amounts | dict(node.resources)).items():
            column = view.resource_index(name)
            view.resources_free[row, column] += amount - view.resources[row, column]
            view.resources[row, column] = amount

    def _set_slots(self, row: int, node: Node, slots: NodeSlots, start: int) -> None:
        self._take_range(len(slots), start)
        view = self.view
        numbers, able, table = self._columns_of(slots)
        own = slice(start, start + len(slots))
        view.row_kind[row] = numbers[0] if len(slots.kinds) == 1 else NO_KIND
        view.has_mixed |= len(slots.kinds) > 1
        view.gpu_count[row] = node.gpu_count
        view.slot_start[row] = start
        view.slot_count[row] = len(slots)
        view.idle_milli[row] = slots.total_milli
        view.slot_kind[own] = numbers
        view.slot_gpu[own] = slots.gpu
        view.slot_first[own] = slots.start
        view.slot_size[own] = slots.size
        view.slot_capacity[own] = slots.capacity_milli
        view.slot_free_milli[own] = slots.free_milli
        view.slot_free_mib[own] = slots.memory_mib
        view.slot_used[own] = 0
        view.slot_able[own] = able
        view.slot_table[own] = table

    def _columns_of(self, slots: NodeSlots) -> tuple[IntArray, IntArray, IntArray]:
        """Return the number of each slot's kind, what it is able to take, and its table."""
        known = self.cuts.get(id(slots))
        if known is None or known[0] is not slots:
            if len(self.cuts) >= _MAX_CUTS:
                self.cuts.clear()
            kinds = self.view.kinds
            numbers = np.array([kinds.number(kind) for kind in slots.kinds], np.int64)[slots.kind]
            able = np.array([kinds.able(number, 0) for number in numbers.tolist()], np.int64)
            table = np.array([kinds.table_of[number] for number in numbers.tolist()], np.int64)
            known = self.cuts[id(slots)] = slots, (numbers, able, table)
        return known[1]

    def _count(self, row: int) -> int:
        return int(self.view.slot_count[row])

    def _next_range(self, count: int) -> int:
        free = self.free_ranges.get(count)
        return free[0] if free else self.view.n_slots if count else 0

    def _take_range(self, count: int, start: int) -> None:
        if not count:
            return
        free = self.free_ranges.get(count, [])
        if start in free:
            free.remove(start)
            heapq.heapify(free)
        else:
            self.view.n_slots += count
            self.view.reserve_slots(self.view.n_slots)

    def _free_range(self, row: int) -> None:
        view = self.view
        start, count = int(view.slot_start[row]), self._count(row)
        if count:
            own = slice(start, start + count)
            for array in (view.slot_free_milli, view.slot_free_mib, view.slot_able):
                array[own] = 0
            heapq.heappush(self.free_ranges.setdefault(count, []), start)
        for array in (view.slot_start, view.slot_count, view.gpu_count, view.idle_milli):
            array[row] = 0
        view.row_kind[row] = NO_KIND


def smaller(node: Node, before: Node) -> bool:
    """Whether a node has less of anything than before."""
    amounts = dict(node.resources)
    return (
        node.cpu_milli < before.cpu_milli
        or node.memory_mib < before.memory_mib
        or any(amounts.get(name, 0) < amount for name, amount in before.resources)
    )


def _alike(kind: Kind) -> Kind:
    # What else is in the layout does not matter to an instance that stays.
    return replace(kind, smaller=())


def _held(view: View) -> tuple[IntArray, ...]:
    return view.slot_free_milli, view.slot_free_mib, view.slot_used, view.slot_able


def _gpus(node: Node) -> tuple[object, ...]:
    gpus = node.gpu_count, node.gpu_model, node.gpu_memory_mib, node.anonymous_gpus
    return *gpus, node.sharing


def _validate(node: Node) -> None:
    amounts = [node.cpu_milli, node.memory_mib, node.gpu_count, node.gpu_memory_mib]
    amounts += [node.gpu_island, *(n for _, n in node.resources)]
    if not are_amounts(amounts):
        raise InvalidRequest(
            f"node {node.name!r}: capacities are whole numbers from 0 to {MAX_AMOUNT}"
        )
    if not node.name.isprintable():
        raise InvalidRequest(f"node {node.name!r}: the name has characters that cannot be printed")
    if not all(0 <= gpu < node.gpu_count for gpu in node.unhealthy) or list(
        node.unhealthy
    ) != sorted(set(node.unhealthy)):
        raise InvalidRequest(
            f"node {node.name}: unhealthy GPUs {node.unhealthy}; name some of its"
            f" {node.gpu_count} GPUs by index, ascending"
        )
    _validate_uuids(node)
    if node.gpu_count > MAX_GPUS:
        raise InvalidRequest(f"node {node.name}: {node.gpu_count} GPUs; at most {MAX_GPUS}")
    if node.images:
        _validate_images(node)


def _validate_uuids(node: Node) -> None:
    named = [gpu for gpu, _ in node.gpu_uuids]
    if node.gpu_uuids and (
        node.anonymous_gpus
        or named != sorted(set(named))
        or not all(0 <= gpu < node.gpu_count and uuid for gpu, uuid in node.gpu_uuids)
    ):
        raise InvalidRequest(
            f"node {node.name}: GPUs named {node.gpu_uuids}; name some of its {node.gpu_count} GPUs"
            " by index, ascending, and none that the device plugin picks"
        )


def _validate_images(node: Node) -> None:
    if len({name for name, _ in node.images}) < len(node.images):
        raise InvalidRequest(f"node {node.name}: an image is there twice")
    if not are_amounts([mib for _, mib in node.images]):
        raise InvalidRequest(
            f"node {node.name}: sizes of images are whole numbers from 0 to {MAX_AMOUNT}"
        )
