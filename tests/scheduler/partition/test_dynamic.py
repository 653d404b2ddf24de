"""Plans for pending demand, against an exhaustive search that shares no code with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.hardware.types import Product
from bayplan.scheduler.partition import (
    Create,
    Destroy,
    GpuState,
    Instance,
    Plan,
    plan_changes,
)

from .support import A30, ALL, H100, RTX, T4, demands, gpus, idle_after, is_legal, places, product

Layout = frozenset[Instance]
Ends = list[tuple[Layout, int]]
"""What instances a GPU may end with, beside the used ones, and in how many changes."""


@lru_cache
def every_layout(of: Product) -> list[Layout]:
    """All legal layouts, full or not."""
    options = [instance for instance, _ in places(of)]

    def extend(held: tuple[Instance, ...], first: int) -> Iterator[Layout]:
        yield frozenset(held)
        for index in range(first, len(options)):
            if is_legal(of, (*held, options[index])):
                yield from extend((*held, options[index]), index + 1)

    return list(extend((), 0))


def ends(state: GpuState) -> Ends:
    used, idle = frozenset(state.used), frozenset(state.idle)
    return [(x - used, len((x - used) ^ idle)) for x in every_layout(state.product) if used <= x]


def milli(of: Product, demand: dict[str, int], instances: list[Instance]) -> int:
    have = Counter(instance.profile_name for instance in instances)
    sizes = {p.name: 1000 * p.size // of.units for p in of.profiles}
    return sum(sizes[name] * min(count, have[name]) for name, count in demand.items())


def open_places(state: GpuState, instances: Layout) -> int:
    held = [*state.used, *instances]
    return sum(
        i not in held and is_legal(state.product, [*held, i]) for i, _ in places(state.product)
    )


def outcome(states: list[GpuState], demand: dict[str, int], plan: Plan) -> tuple[int, int, int]:
    """Served milli, minus changes, open placements."""
    idle = idle_after(states, plan)
    served = milli(states[0].product, demand, [i for here in idle for i in here])
    room = sum(open_places(s, frozenset(i)) for s, i in zip(states, idle, strict=True))
    return served, -len(plan.changes), room


def check_plan(states: list[GpuState], demand: dict[str, int], plan: Plan) -> None:
    idle = idle_after(states, plan)
    for change in plan.changes:
        assert change.instance not in states[change.gpu_index].used
    have = Counter(i.profile_name for here in idle for i in here)
    assert dict(plan.unmet) == {
        name: count - have[name] for name, count in demand.items() if count > have[name]
    }


@given(st.sampled_from([A30, H100]), st.data())
def test_a_plan_for_one_gpu_is_the_best_there_is(of: Product, data: st.DataObject) -> None:
    check_best(data.draw(gpus(of)), data.draw(demands(of)))


def test_a_plan_for_one_crowded_gpu_is_the_best_there_is() -> None:
    random = Random(2)
    for _ in range(300):
        of = random.choice([A30, H100])
        check_best(crowded(of, random), mixed_demand(of, random))


def check_best(state: GpuState, demand: dict[str, int]) -> None:
    of = state.product
    plan = plan_changes([state], demand)
    check_plan([state], demand, plan)
    by_rank: dict[tuple[int, int], list[Layout]] = {}
    for layout, changes in ends(state):
        by_rank.setdefault((milli(of, demand, list(layout)), -changes), []).append(layout)
    served, changes, room = outcome([state], demand, plan)
    assert (served, changes) == max(by_rank)
    best = {layout: open_places(state, layout) for layout in by_rank[served, changes]}
    assert room == max(best.values())
    ours = [c.instance for c in plan.changes if isinstance(c, Create)]
    new = [sorted(x - set(state.idle)) for x, open_ in best.items() if open_ == room]
    assert ours == min(new)


@given(st.sampled_from([A30, H100]), st.data())
def test_a_plan_for_two_gpus_serves_at_least_half_of_the_best(
    of: Product, data: st.DataObject
) -> None:
    states = [data.draw(gpus(of)), data.draw(gpus(of))]
    demand = data.draw(demands(of))
    plan = plan_changes(states, demand)
    check_plan(states, demand, plan)
    best = max(two_gpu_ranks(of, states, demand))
    assert 2 * outcome(states, demand, plan)[0] >= best[0]


def test_most_plans_for_two_crowded_gpus_are_the_best() -> None:
    # Not promised, but met: watched, lest it get worse. Most of these plans destroy something.
    random, best, destroys = Random(1), 0, 0
    for _ in range(300):
        of = random.choice([A30, H100])
        states = [crowded(of, random), crowded(of, random)]
        demand = mixed_demand(of, random)
        plan = plan_changes(states, demand)
        served, changes, _ = outcome(states, demand, plan)
        most = max(two_gpu_ranks(of, states, demand))
        best += (served, changes) == most
        destroys += any(isinstance(change, Destroy) for change in plan.changes)
        assert served >= 0.6 * most[0]
    assert best >= 280
    assert destroys >= 150


def crowded(of: Product, random: Random) -> GpuState:
    held: list[Instance] = []
    for _ in range(random.randint(0, 8)):
        instance = random.choice(places(of))[0]
        if is_legal(of, [*held, instance]):
            held.append(instance)
    busy = random.choice([0, 0.2, 0.5])
    used = {instance for instance in held if random.random() < busy}
    return GpuState(
        of, tuple(i for i in held if i in used), tuple(i for i in held if i not in used)
    )


def mixed_demand(of: Product, random: Random) -> dict[str, int]:
    names = random.sample([p.name for p in of.profiles], random.randint(1, 4))
    return {name: random.choice([1, 1, 2, 2, 3, 5]) for name in names}


@given(st.sampled_from(ALL), st.data())
def test_every_step_of_a_plan_for_many_gpus_is_legal(of: Product, data: st.DataObject) -> None:
    states = data.draw(st.lists(gpus(of), max_size=6))
    demand = data.draw(demands(of, 9))
    check_plan(states, demand, plan_changes(states, demand))


@given(st.sampled_from(ALL), st.data())
def test_the_order_of_demand_and_of_instances_does_not_matter(
    of: Product, data: st.DataObject
) -> None:
    states = data.draw(st.lists(gpus(of), max_size=4))
    demand = data.draw(demands(of, 5))
    shuffled = [
        GpuState(of, *(tuple(data.draw(st.permutations(x))) for x in (gpu.used, gpu.idle)))
        for gpu in states
    ]
    reordered = dict(data.draw(st.permutations(list(demand.items()))))
    assert plan_changes(shuffled, reordered) == plan_changes(states, demand)


@given(st.sampled_from(ALL), st.data())
def test_a_second_plan_has_nothing_left_to_do(of: Product, data: st.DataObject) -> None:
    state, demand = data.draw(gpus(of)), data.draw(demands(of))
    plan = plan_changes([state], demand)
    after = GpuState(of, state.used, tuple(sorted(idle_after([state], plan)[0])))
    assert plan_changes([after], demand) == Plan((), plan.unmet)


def test_idle_instances_serve_before_new_ones_are_made() -> None:
    idle = GpuState(H100, idle=(Instance(4, "1g.10gb"),))
    plan = plan_changes([GpuState(H100), idle], {"1g.10gb": 2})
    # Beside the idle instance the second one costs fewer open placements than on the empty GPU.
    assert plan == Plan((Create(1, Instance(5, "1g.10gb")),))


def test_the_gpu_with_least_to_destroy_makes_way() -> None:
    many = GpuState(H100, idle=tuple(Instance(k, "1g.10gb") for k in range(7)))
    one = GpuState(H100, idle=(Instance(2, "2g.20gb"),))
    busy = GpuState(H100, used=(Instance(6, "1g.10gb"),))
    plan = plan_changes([many, busy, one], {"7g.80gb": 2})
    assert plan.changes[-2:] == (
        Destroy(2, Instance(2, "2g.20gb")),
        Create(2, Instance(0, "7g.80gb")),
    )
    assert len(plan.changes) == 10
    assert plan_changes([many, busy, one], {"7g.80gb": 1}).changes == plan.changes[-2:]


def test_one_instance_with_media_engines_per_gpu() -> None:
    used = GpuState(RTX, used=(Instance(0, "1g.24gb+me"),))
    assert plan_changes([used], {"2g.48gb+me.all": 1}) == Plan((), (("2g.48gb+me.all", 1),))
    idle = GpuState(RTX, idle=(Instance(0, "1g.24gb+me"),))
    assert plan_changes([idle], {"2g.48gb+me.all": 1}).changes == (
        Destroy(0, Instance(0, "1g.24gb+me")),
        Create(0, Instance(0, "2g.48gb+me.all")),
    )
    # Minus media engines is none at all.
    assert len(plan_changes([used], {"1g.24gb-me": 3}).changes) == 3


def test_no_gpu_has_more_of_a_profile_than_it_may() -> None:
    of = product("made up", 4, [("1g.1gb", 1, 2, (0, 1, 2, 3)), ("2g.2gb", 2, 1, (0, 2))])
    plan = plan_changes([GpuState(of)], {"1g.1gb": 4, "2g.2gb": 2})
    assert plan.unmet == (("1g.1gb", 2), ("2g.2gb", 1))
    check_plan([GpuState(of)], {"1g.1gb": 4, "2g.2gb": 2}, plan)
    used = GpuState(of, (Instance(0, "2g.2gb"),))
    assert plan_changes([used], {"2g.2gb": 1}) == Plan((), (("2g.2gb", 1),))
    one_used = GpuState(of, (Instance(0, "1g.1gb"),))
    check_plan([one_used], {"1g.1gb": 2}, plan_changes([one_used], {"1g.1gb": 2}))


def test_the_idle_instance_that_is_kept_leaves_the_freer_gpu_to_others() -> None:
    idle = (Instance(6, "1g.10gb"),)
    states = [GpuState(H100, idle=idle), GpuState(H100, (Instance(0, "4g.40gb"),), idle)]
    assert plan_changes(states, {"7g.80gb": 1, "1g.10gb": 1}) == Plan(
        (Destroy(0, idle[0]), Create(0, Instance(0, "7g.80gb")))
    )


def test_what_no_gpu_offers_stays_unmet() -> None:
    demand = {"9g.1tb": 2, "1g.6gb": 0, "1g.10gb": 1}
    assert plan_changes([GpuState(T4), GpuState(A30)], demand) == Plan(
        (), (("1g.10gb", 1), ("9g.1tb", 2))
    )
    assert plan_changes([], demand).unmet == (("1g.10gb", 1), ("9g.1tb", 2))


def test_products_may_be_mixed() -> None:
    a100 = product("A100", 8, [("1g.10gb", 2, 4, (0, 2, 4, 6)), ("7g.40gb", 8, 1, (0,))])
    states = [GpuState(a100, used=(Instance(0, "1g.10gb"),)), GpuState(H100)]
    plan = plan_changes(states, {"7g.80gb": 1, "1g.10gb": 3})
    assert plan.unmet == ()
    assert [(c.gpu_index, c.instance.profile_name) for c in plan.changes] == [
        *((0, "1g.10gb") for _ in range(3)),
        (1, "7g.80gb"),
    ]


def test_impossible_gpus_and_negative_demand_are_refused() -> None:
    with pytest.raises(InputError, match=r"demand for 1g.10gb is -1"):
        plan_changes([], {"1g.10gb": -1})
    with pytest.raises(InputError, match=r"3g.40gb cannot start at 2, only at 0, 4"):
        plan_changes([GpuState(H100, (Instance(2, "3g.40gb"),))], {})
    with pytest.raises(InputError, match=r"H100 has no MIG profile '1g.6gb'"):
        plan_changes([GpuState(H100, (Instance(0, "1g.6gb"),))], {})
    overlap = GpuState(H100, (Instance(0, "4g.40gb"),), (Instance(3, "1g.10gb"),))
    with pytest.raises(InputError, match=r"1g.10gb at 3 cannot be beside 4g.40gb at 0"):
        plan_changes([overlap], {})


def two_gpu_ranks(
    of: Product, states: list[GpuState], demand: dict[str, int]
) -> Iterator[tuple[int, int]]:
    """Served milli and minus changes of every pair of ends, by what each serves."""
    names = sorted(demand)
    each: list[dict[tuple[int, ...], int]] = []
    for state in states:
        fewest: dict[tuple[int, ...], int] = {}
        for layout, changes in ends(state):
            have = Counter(i.profile_name for i in layout)
            counts = tuple(min(demand[name], have[name]) for name in names)
            fewest[counts] = min(changes, fewest.get(counts, changes))
        each.append(fewest)
    sizes = {p.name: 1000 * p.size // of.units for p in of.profiles}
    for a, changes in each[0].items():
        for b, more in each[1].items():
            got = [min(demand[n], x + y) for n, x, y in zip(names, a, b, strict=True)]
            yield sum(sizes[n] * g for n, g in zip(names, got, strict=True)), -changes - more
