"""Slow oracles of the kernels for gangs: the same names, on plain lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class PlainSlot(NamedTuple):
    """What is free of a slot, and how many more find a place (15: or more)."""

    kind: int
    free_milli: int
    free_mib: int
    left: int


class PlainNode(NamedTuple):
    cpu_free: int
    memory_free: int
    resources_free: tuple[int, ...]
    slots: tuple[PlainSlot, ...]
    plain: bool
    fits: bool = True


@dataclass(frozen=True)
class PlainShape:
    """``needs`` by kind are (milli, MiB)."""

    cpu: int
    memory: int
    count: int
    amounts: tuple[tuple[int, int], ...]
    needs: tuple[tuple[int, int], ...]


def hold_members(
    nodes: Sequence[PlainNode], candidates: Sequence[bool], shape: PlainShape, most: int
) -> list[int]:
    return [
        _held(node, shape, most) if node.fits and wanted else 0
        for node, wanted in zip(nodes, candidates, strict=True)
    ]


def _held(node: PlainNode, shape: PlainShape, most: int) -> int:
    """The most members, by trying one more until something is short."""
    n = 0
    while n < most and _has(node, shape, n + 1):
        n += 1
    return n


def _has(node: PlainNode, shape: PlainShape, n: int) -> bool:
    if node.cpu_free < n * shape.cpu or node.memory_free < n * shape.memory:
        return False
    if any(node.resources_free[column] < n * amount for column, amount in shape.amounts):
        return False
    if not shape.count:
        return True
    return sum(_on(slot, node, shape, n * shape.count) for slot in node.slots) >= n * shape.count


def _on(slot: PlainSlot, node: PlainNode, shape: PlainShape, enough: int) -> int:
    milli, mib = shape.needs[slot.kind]
    k = 0
    while (
        k < enough
        and (k + 1) * milli <= slot.free_milli
        and (k + 1) * mib <= slot.free_mib
        and (node.plain or slot.left == 15 or k < slot.left)
    ):
        k += 1
    return k


def sum_by_domain(held: Sequence[int], domains: Sequence[int], n_domains: int) -> list[int]:
    return [
        sum(n for n, domain in zip(held, domains, strict=True) if domain == each)
        for each in range(n_domains)
    ]


def deal_members(
    rows: Sequence[int],
    held: Sequence[int],
    n: int,
    domains: Sequence[int] | None,
    quota: Sequence[int],
) -> tuple[list[int], list[int]]:
    """What each row gets, and the quota that is left: one member at a time."""
    left, dealt = list(quota), [0] * len(rows)
    for i, row in enumerate(rows):
        while sum(dealt) < n and dealt[i] < held[row]:
            if domains is not None:
                if domains[row] < 0 or left[domains[row]] < 1:
                    break
                left[domains[row]] -= 1
            dealt[i] += 1
    return dealt, left


def take_slots(
    rows: Sequence[int], times: Sequence[int], nodes: Sequence[PlainNode], shape: PlainShape
) -> list[int]:
    taken: list[int] = []
    for row, n in zip(rows, times, strict=True):
        free = [
            i
            for i, slot in enumerate(nodes[row].slots)
            if slot.free_milli >= shape.needs[slot.kind][0]
            and slot.free_mib >= shape.needs[slot.kind][1]
            and slot.left > 0
        ]
        taken += free[: n * shape.count]
    return taken
