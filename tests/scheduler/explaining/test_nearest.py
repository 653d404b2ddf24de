"""The nearest miss, against one that looks at one node after the other."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given

from bayplan.scheduler.constraints.masks import constraint_reasons
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.explaining import explain_pod
from bayplan.scheduler.explaining.lacks import lacks_of
from bayplan.scheduler.kinds import slots_of
from bayplan.scheduler.needs import need_of
from bayplan.scheduler.shape import Shape
from bayplan.scheduler.types import FIRST_SHORTAGE, Reason, Request

from .support import pods, worlds

NOW = 8.0
REASONS = list(Reason)


def part(asked: int, free: int) -> Fraction:
    return Fraction(min(max(asked - free, 0), asked), asked) if asked else Fraction(0)


def gpu_part(engine: Engine, shape: Shape, row: int) -> Fraction:
    """What is missing of the GPUs, slot by slot."""
    if not shape.count:
        return Fraction(0)
    view, node = engine.cluster.view, engine.cluster.node_at(row)
    plan = slots_of(node)
    having, best = 0, Fraction(1)
    for i in range(len(plan)):
        slot = int(view.slot_start[row]) + i
        need = need_of(shape.want, plan.kinds[plan.kind[i]])
        if need.code:
            continue
        free, mib = int(view.slot_free_milli[slot]), int(view.slot_free_mib[slot])
        seats = int(view.slot_able[slot]) >> need.shift & 15
        lack = max(part(need.milli, free), part(need.mib, mib))
        if not lack:
            having += min(seats, need.most, free // need.milli if need.most > 1 else 1)
            lack = Fraction(0 if seats else 1)
        best = min(best, lack)
    if shape.count == 1 and not shape.want.whole:
        return best
    return Fraction(max(shape.count - having, 0), shape.count)


def distance(engine: Engine, shape: Shape, row: int) -> Fraction:
    view = engine.cluster.view
    total = part(shape.cpu, int(view.cpu_free_milli[row]))
    total += part(shape.memory, int(view.memory_free_mib[row]))
    for name, asked in shape.resources:
        known = name in view.resource_names
        free = int(view.resources_free[row, view.resource_names.index(name)]) if known else 0
        total += part(asked, free)
    return total + gpu_part(engine, shape, row)


@given(worlds(), pods("new"))
def test_the_nearest_miss_lacks_least(engine: Engine, request: Request) -> None:
    request = request._replace(constraints=None)
    found = explain_pod(engine, request, NOW, max_fixes=0)
    claims = engine.cluster.claims
    if found.placement or any(device.claim in claims for device in request.devices):
        return
    ranked = []
    for wish, shape in enumerate(engine.shapes(request)):
        codes = engine.columns.codes(shape).tolist()
        for row, code in enumerate(codes):
            if shape.refusal and (code == 0 or code > shape.refusal):
                code = int(shape.refusal)
            rank = 0 if code >= FIRST_SHORTAGE else FIRST_SHORTAGE - code
            ranked.append((rank, distance(engine, shape, row), wish, row, code))
    rank, _, wish, row, code = min(ranked)
    assert found.nearest is not None
    assert found.nearest.node == engine.cluster.name(row)
    assert found.nearest.wish == wish
    assert found.nearest.reason is REASONS[code]
    if rank == 0 and code != Reason.MIG_PLACE:
        assert found.nearest.lacks


@given(worlds(), pods("new"))
def test_reasons_by_row_are_those_of_the_counts(engine: Engine, request: Request) -> None:
    if any(device.claim in engine.cluster.claims for device in request.devices):
        return
    limits = constraint_reasons(engine.cluster, request) if request.constraints else None
    for wish, reasons in enumerate(engine.explain(request)):
        lacks = lacks_of(engine, wish, engine.shapes(request)[wish], None, limits)
        counted: dict[Reason, int] = {}
        for code in lacks.codes.tolist():
            if code:
                counted[REASONS[code]] = counted.get(REASONS[code], 0) + 1
        assert dict(reasons.reasons) == counted
