"""The most GPU demand that a cluster of empty nodes can take, exactly.

Pods of one class are one integer a node, and a GPU is filled after a *pattern*: as many shares of
each class, or MIG instances of each profile, as fit together. How many GPUs of a node follow each
pattern is an integer, so that GPUs which are alike make no different solutions. (The
configuration formulation of bin packing, after Gilmore and Gomory, "A linear programming approach
to the cutting-stock problem", 1961.)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from bayplan.scheduler.hardware import product_named
from bayplan.scheduler.hardware.layouts import maximal
from bayplan.scheduler.types import GPU_MILLI, Node, Request
from optimal_model import Model, Proof
from optimal_taking import Taking, classes_of, is_mig, taking, value_milli

Pattern = tuple[int, ...]
Class = tuple[Request, int]
Seat = tuple[int, Request, Taking]
Here = Sequence[Seat]
Seats = list[dict[int, float]]


def most_value(nodes: Sequence[Node], pods: Sequence[Request]) -> int | None:
    """Return the largest sum of ``value_milli`` of pods that fit together; None: not proven."""
    model = Model()
    classes = classes_of(pods)
    placed: list[dict[int, float]] = [{} for _ in classes]
    for node in nodes:
        _add_node(model, node, classes, placed)
    for (_, number), terms in zip(classes, placed, strict=True):
        model.row(terms, upper=number)
    solution = model.solve()
    return round(-solution.value) if solution.proof is Proof.OPTIMAL else None


def _add_node(
    model: Model, node: Node, classes: Sequence[Class], placed: Sequence[dict[int, float]]
) -> None:
    here: list[Seat] = []
    for (request, number), terms in zip(classes, placed, strict=True):
        takes = taking(request, node)
        if takes is None or takes.whole > node.gpu_count:
            continue
        variable = model.variable(number, cost=-value_milli(request))
        terms[variable] = 1
        here.append((variable, request, takes))
    model.row({v: request.cpu_milli for v, request, _ in here}, upper=node.cpu_milli)
    model.row({v: request.memory_mib for v, request, _ in here}, upper=node.memory_mib)
    gpus: dict[int, float] = {v: takes.whole for v, _, takes in here if takes.whole}
    wanted_of, patterns = _mig_patterns(node, here) if is_mig(node) else _share_patterns(node, here)
    numbers = {model.variable(node.gpu_count): pattern for pattern in patterns}
    gpus |= dict.fromkeys(numbers, 1.0)
    model.row(gpus, upper=node.gpu_count)
    for index, wanted in enumerate(wanted_of):
        there = {variable: -float(pattern[index]) for variable, pattern in numbers.items()}
        model.row({**wanted, **there}, upper=0)


def _mig_patterns(node: Node, here: Here) -> tuple[Seats, list[Pattern]]:
    """Return who wants each profile, and how many of each one GPU may hold, by layout."""
    seats: dict[str, dict[int, float]] = defaultdict(dict)
    for variable, _, takes in here:
        if takes.profile is not None:
            seats[takes.profile.name][variable] = takes.count
    found = set()
    for layout in maximal(product_named(node.gpu_model)):
        names = [name for _, name in layout]
        found.add(tuple(names.count(profile) for profile in seats))
    return list(seats.values()), largest(found)


def _share_patterns(node: Node, here: Here) -> tuple[Seats, list[Pattern]]:
    seats: dict[tuple[int, int], dict[int, float]] = defaultdict(dict)
    for variable, _, takes in here:
        if takes.milli:
            seats[takes.milli, takes.mib][variable] = 1
    return list(seats.values()), share_patterns(node, list(seats))


def share_patterns(node: Node, shares: Sequence[tuple[int, int]]) -> list[Pattern]:
    """Return how many of each share, (milli, MiB), one GPU may hold; only the fullest."""
    found: set[Pattern] = set()

    def extend(counts: Pattern, milli: int, mib: int) -> None:
        if len(counts) == len(shares):
            found.add(counts)
            return
        each_milli, each_mib = shares[len(counts)]
        for number in range(GPU_MILLI + 1):
            left = milli - number * each_milli, mib - number * each_mib
            if min(left) < 0:
                break
            extend((*counts, number), *left)

    extend((), GPU_MILLI, node.gpu_memory_mib)
    return largest(found)


def largest(patterns: set[Pattern]) -> list[Pattern]:
    """Return the patterns that no other one covers, sorted."""
    return sorted(
        one
        for one in patterns
        if any(one)
        and not any(
            one != other and all(a <= b for a, b in zip(one, other, strict=True))
            for other in patterns
        )
    )
