"""Whose turn it is, and whom freed room could help: said once more, as plainly as possible."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Row:
    """What is free on a node: CPU, memory, and of each of its slots."""

    cpu: int
    memory: int
    slots: list[int]


@dataclass
class Need:
    """What a role needs of a row at least; ``slot`` is of one slot, ``milli`` of all."""

    cpu: int
    memory: int
    slot: int
    milli: int


@dataclass
class JobClass:
    """A class: (key, tie) of its first job, None when nobody waits; since which entry it hopes."""

    needs: list[Need]
    pods: int = 1
    head: tuple[float, int] | None = None
    hope: int | None = None
    blocked: bool = False


@dataclass
class Queue:
    """Classes, the rows of a cluster, and the numbers of the rows that were freed."""

    classes: list[JobClass]
    rows: list[Row]
    fresh: list[int] = field(default_factory=list)


def room_for(row: Row, needs: list[Need]) -> bool:
    return any(
        row.cpu >= need.cpu
        and row.memory >= need.memory
        and sum(row.slots) >= need.milli
        and (not need.slot or max(row.slots, default=0) >= need.slot)
        for need in needs
    )


def list_open(numbers: list[int]) -> list[int]:
    return list(dict.fromkeys(numbers))


def unblock(queue: Queue, freed: list[int]) -> int:
    helped = 0
    for number in freed:
        for each in queue.classes:
            if each.blocked and room_for(queue.rows[number], each.needs):
                each.blocked, each.hope = False, len(queue.fresh)
                helped += 1
        queue.fresh.append(number)
    return helped


def is_hopeless(queue: Queue, each: JobClass) -> bool:
    if each.hope is None:
        return False
    since = set(queue.fresh[each.hope :])
    if not any(room_for(queue.rows[number], each.needs) for number in since):
        return True
    milli, cpu = min(need.milli for need in each.needs), min(need.cpu for need in each.needs)
    if each.pods == 1 or not milli:
        return False
    return each.pods > sum(sum(row.slots) // milli for row in queue.rows if row.cpu >= cpu)


def first_class(classes: list[JobClass]) -> int:
    heads = [(each.head, k) for k, each in enumerate(classes) if each.head is not None]
    return min(heads)[1] if heads else -1


def next_open(queue: Queue) -> int:
    """Without a mark on those that are hopeless."""
    heads = [
        (each.head, k)
        for k, each in enumerate(queue.classes)
        if each.head is not None and not each.blocked and not is_hopeless(queue, each)
    ]
    return min(heads)[1] if heads else -1
