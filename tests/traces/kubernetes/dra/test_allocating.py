"""What is allocated is what in all of the ways there are could be, against a plain oracle."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from bayplan.traces.kubernetes.dra.allocating import Pick, Undecided, allocate
from bayplan.traces.kubernetes.dra.cel import takes
from bayplan.traces.kubernetes.dra.keeping import Cost, cost_of
from bayplan.traces.kubernetes.dra.room import Room, Stock, consumed, stock_of, tolerates
from bayplan.traces.kubernetes.dra.slices import Pool, pool_of, read_slice
from bayplan.traces.kubernetes.dra.types import (
    Alike,
    Ask,
    Capacity,
    Device,
    DeviceId,
    Given,
    PoolId,
    Taint,
    Toleration,
    Wanted,
    Wish,
)
from dra_things import A100, H100, partitionable, static_mig, whole_gpus

PRODUCTS = {A100: "1g.5gb", H100: "1g.10gb"}


def room_of(things: list[dict[str, object]], *taken: str, node: str = "n") -> Room:
    pool = pool_of(map(read_slice, things))
    assert pool is not None
    room = Room(stock_of([pool], (node, "")))
    for name in taken:
        room.take_given(Given(DeviceId("gpu.nvidia.com", node, name)))
    return room


def wanting(*asks: Ask, alike: tuple[Alike, ...] = ()) -> Wanted:
    return Wanted(tuple(Wish(ask.name, (ask,)) for ask in asks), alike)


def gpus(count: int = 1, name: str = "g", **more: object) -> Ask:
    return Ask(name, "c", ("device.attributes['gpu.nvidia.com'].type == 'gpu'",), count, **more)  # type: ignore[arg-type]


def parts(profile: str, count: int = 1, name: str = "m") -> Ask:
    return Ask(name, "c", (f"device.attributes['gpu.nvidia.com'].profile == '{profile}'",), count)


def matching(room: Room, ask: Ask) -> Sequence[int]:
    devices = enumerate(room.stock.devices)
    return [k for k, device in devices if takes(ask.selectors, device) is True]


def names(room: Room, *claims: Wanted) -> list[str] | None:
    before = room.copy()
    picks = allocate(room, claims, lambda ask: matching(room, ask))
    assert room.left == before.left
    assert [room.is_free(k) for k in range(len(room.stock.devices))] == [
        before.is_free(k) for k in range(len(room.stock.devices))
    ]
    return None if picks is None else [room.stock.devices[pick.place].id.name for pick in picks]


# --- by hand ------------------------------------------------------------------------------


def test_the_first_devices_in_order_are_taken() -> None:
    room = room_of(whole_gpus("n", 3), "gpu-0")
    assert names(room, wanting(gpus(2))) == ["gpu-1", "gpu-2"]
    assert names(room, wanting(gpus(1)), wanting(gpus(1))) == ["gpu-1", "gpu-2"]
    assert names(room, wanting(gpus(3))) is None
    assert names(room, wanting(gpus(2)), wanting(gpus(1))) is None


@pytest.mark.parametrize("product", [A100, H100])
def test_parts_of_a_gpu_take_what_its_slices_allow(product: str) -> None:
    one, two, three = {
        A100: ("1g.5gb", "2g.10gb", "3g.20gb"), H100: ("1g.10gb", "2g.20gb", "3g.40gb"),
    }[product]  # fmt: skip
    room = room_of(partitionable("n", product=product))
    assert len(names(room, wanting(parts(one, 7))) or ()) == 7
    assert names(room, wanting(parts(one, 8))) is None
    assert len(names(room, wanting(parts(two, 3), parts(one, 1, "o"))) or ()) == 4
    assert names(room, wanting(parts(three, 2), parts(one))) is None
    assert len(names(room, wanting(parts(three, 2))) or ()) == 2
    assert names(room, wanting(gpus(), parts(one))) is None


def test_a_device_moves_where_the_next_one_could_not_be_had() -> None:
    # 1g first would start at 0; 4g starts only there.
    room = room_of(partitionable("n"))
    found = names(room, wanting(parts("1g.5gb"), parts("4g.20gb", name="o")))
    assert found == ["gpu-0-mig-1g5gb-19-4", "gpu-0-mig-4g20gb-5-0"]


def test_static_instances_are_devices_like_any_other() -> None:
    room = room_of(static_mig("n", [{"1g.5gb": (0, 1), "3g.20gb": (4,)}]))
    assert names(room, wanting(parts("1g.5gb", 2), parts("3g.20gb", name="o"))) is not None
    assert names(room, wanting(parts("1g.5gb", 3))) is None


def test_devices_of_a_claim_are_alike_or_differ_where_it_says_so() -> None:
    room = room_of(partitionable("n", gpus=2), "gpu-0-mig-3g20gb-9-0", "gpu-0-mig-2g10gb-14-4")
    alike = Alike((), "gpu.nvidia.com/parentUUID")
    ask = parts("2g.10gb", 2)
    assert names(room, wanting(ask)) == ["gpu-1-mig-2g10gb-14-0", "gpu-1-mig-2g10gb-14-2"]
    room = room_of(partitionable("n", gpus=2), "gpu-0-mig-4g20gb-5-0")
    assert names(room, wanting(ask)) == ["gpu-0-mig-2g10gb-14-4", "gpu-1-mig-2g10gb-14-0"]
    found = names(room, wanting(ask, alike=(alike,)))
    assert found == ["gpu-1-mig-2g10gb-14-0", "gpu-1-mig-2g10gb-14-2"]
    differ = Alike(("m",), "gpu.nvidia.com/parentUUID", distinct=True)
    assert names(room, wanting(parts("2g.10gb", 3), alike=(differ,))) is None
    assert names(room, wanting(gpus(2), alike=(Alike((), "nobody/has"),))) is None
    of_another = Alike(("other",), "gpu.nvidia.com/parentUUID")
    assert names(room, wanting(ask, alike=(of_another,))) is not None


@pytest.mark.parametrize("value", [{"version": "1.2.3-rc1"}, {"strings": ["a", "b"]}])
@pytest.mark.parametrize("distinct", [False, True])
def test_a_value_that_cannot_be_read_keeps_no_devices_apart(
    value: dict[str, object], distinct: bool
) -> None:
    (thing,) = whole_gpus("n", 3)
    for device in thing["spec"]["devices"][:2]:
        device["attributes"]["v"] = value
    thing["spec"]["devices"][2]["attributes"]["v"] = {"int": 1}
    rule = Alike((), "gpu.nvidia.com/v", distinct=distinct)
    assert names(room_of([thing]), wanting(gpus(3), alike=(rule,))) == ["gpu-0", "gpu-1", "gpu-2"]


def test_the_first_of_several_wishes_that_can_be_had_is_taken() -> None:
    either = Wanted((Wish("w", (gpus(2, "w/a"), parts("3g.20gb", 1, "w/b"))),))
    assert names(room_of(partitionable("n", gpus=2)), either) == ["gpu-0", "gpu-1"]
    assert names(room_of(partitionable("n")), either) == ["gpu-0-mig-3g20gb-9-0"]
    alike = Alike(("w",), "gpu.nvidia.com/uuid")  # is about each of the wishes
    assert names(room_of(partitionable("n")), Wanted(either.wishes, (alike,))) is None


def test_all_devices_must_be_free_and_one_must_be_there() -> None:
    every = gpus(0)
    assert names(room_of(whole_gpus("n", 2)), wanting(every)) == ["gpu-0", "gpu-1"]
    assert names(room_of(whole_gpus("n", 2), "gpu-1"), wanting(every)) is None
    assert names(room_of(whole_gpus("n", 0)), wanting(every)) is None


def test_an_administrator_sees_what_others_have_and_takes_nothing() -> None:
    room = room_of(whole_gpus("n", 1), "gpu-0")
    assert names(room, wanting(gpus(1, admin=True))) == ["gpu-0"]
    free = room_of(whole_gpus("n", 1))
    assert names(free, wanting(gpus(1, admin=True)), wanting(gpus())) == ["gpu-0", "gpu-0"]


def test_a_taint_keeps_away_who_does_not_tolerate_it() -> None:
    taint = {"key": "xid", "value": "79", "effect": "NoSchedule"}
    room = room_of(whole_gpus("n", 2, taints={0: taint}))
    assert names(room, wanting(gpus())) == ["gpu-1"]
    assert names(room, wanting(gpus(2))) is None
    assert (
        names(room, wanting(gpus(2, tolerations=(Toleration("xid", any_value=True),)))) is not None
    )
    assert names(room, wanting(gpus(2, tolerations=(Toleration("xid", "48"),)))) is None


def test_tolerations() -> None:
    taint = Taint("k", "v", "NoExecute")
    assert str(taint) == "k=v:NoExecute"
    assert tolerates([Toleration(any_value=True)], taint)
    assert tolerates([Toleration("k", "v", "NoExecute")], taint)
    assert not tolerates([Toleration("k", "v", "NoSchedule")], taint)
    assert not tolerates([Toleration("j", any_value=True)], taint)


MEMORY = {"value": "80Gi", "requestPolicy": {"default": "0",
          "validRange": {"min": "0", "max": "80Gi", "step": "1Mi"}}}  # fmt: skip


def test_parts_of_a_shared_device_are_given_until_its_capacity_is_used_up() -> None:
    gi = 10**9 << 30
    share = {"value": "4", "requestPolicy": {"default": "1", "validRange": {"min": "1"}}}
    room = room_of(whole_gpus("n", 2, shares={"memory": MEMORY, "shares": share}))
    big = gpus(1, capacity=(("memory", 50 * gi),))
    assert names(room, wanting(big)) == ["gpu-0"]
    assert names(room, wanting(big), wanting(big)) == ["gpu-0", "gpu-1"]
    assert names(room, wanting(big), wanting(big), wanting(big)) is None
    small = gpus(1, capacity=(("memory", 30 * gi),))
    assert names(room, wanting(big), wanting(small)) == ["gpu-0", "gpu-0"]
    assert len(names(room, *[wanting(gpus())] * 8) or ()) == 8
    assert names(room, *[wanting(gpus())] * 9) is None  # four shares of each
    assert names(room, wanting(gpus(1, capacity=(("none", 1),)))) is None
    part = (("gpu.nvidia.com/memory", 70 * gi), ("gpu.nvidia.com/shares", 10**9))
    room.take_given(Given(DeviceId("gpu.nvidia.com", "n", "gpu-0"), part, shared=True))
    assert names(room, wanting(small)) == ["gpu-1"]
    alike = Alike((), "gpu.nvidia.com/uuid", distinct=True)
    assert names(room, wanting(gpus(2))) == ["gpu-0", "gpu-0"]
    assert names(room, wanting(gpus(2), alike=(alike,))) == ["gpu-0", "gpu-1"]


def test_a_whole_device_is_large_enough_for_what_is_asked_of_it() -> None:
    room = room_of(whole_gpus("n", 1))
    gi = 10**9 << 30
    assert names(room, wanting(gpus(1, capacity=(("memory", 79 * gi),)))) == ["gpu-0"]
    assert names(room, wanting(gpus(1, capacity=(("memory", 81 * gi),)))) is None


@pytest.mark.parametrize(
    ("has", "wanted", "taken"),
    [
        (Capacity(10), None, 10),
        (Capacity(10, 3), None, 3),
        (Capacity(10), 4, 4),
        (Capacity(10, 2, values=(2, 4, 8)), 3, 4),
        (Capacity(10, 2, values=(2, 4, 8)), 9, None),
        (Capacity(10, 2, least=2, most=8, step=3), 1, 2),
        (Capacity(10, 2, least=2, most=8, step=3), 3, 5),
        (Capacity(10, 2, least=2, most=8, step=3), 5, 5),
        (Capacity(10, 2, least=2, most=8, step=3), 9, None),
        (Capacity(10, 2, least=2), 7, 7),
    ],
)
def test_a_request_is_rounded_up_to_what_the_policy_allows(
    has: Capacity, wanted: int | None, taken: int | None
) -> None:
    assert consumed(has, wanted) == taken


def test_a_search_that_takes_too_long_is_given_up_and_leaves_nothing_taken() -> None:
    room = room_of(whole_gpus("n", 8))
    want = wanting(gpus(4), alike=(Alike((), "gpu.nvidia.com/uuid"),))
    with pytest.raises(Undecided):
        allocate(room, (want,), lambda ask: range(8), most_steps=5)
    assert all(room.is_idle(k) for k in range(8))


def test_devices_of_other_nodes_take_counters_of_their_pool() -> None:
    counters = ((("s", "c"), 3),)
    devices = tuple(
        (node, Device(DeviceId("d", "p", name), consumes=counters))
        for node, name in (("a", "x"), ("b", "y"))
    )
    stock = stock_of([Pool(PoolId("d", "p"), devices, ((("s", "c"), 5),))], ("a", ""))
    room = Room(stock)
    assert [device.id.name for device in stock.devices] == ["x"]
    assert room.is_free(0)
    room.take_given(Given(DeviceId("d", "p", "y")))
    assert not room.is_free(0)
    unknown = Room(stock_of([Pool(PoolId("d", "p"), devices)], ("a", "")))
    assert not unknown.is_free(0)  # of a counter that is not published nothing is left


# --- against an oracle --------------------------------------------------------------------


@st.composite
def stocks(draw: st.DrawFn) -> Stock:
    """Return up to six devices that take of up to three counters."""
    n_counters = draw(st.integers(0, 3))
    totals = tuple(((("s", str(k)), draw(st.integers(0, 6)))) for k in range(n_counters))
    devices = []
    for k in range(draw(st.integers(0, 6))):
        takes_ = [(name, draw(st.integers(1, 3))) for name, _ in totals if draw(st.booleans())]
        color = draw(st.sampled_from(("red", "blue")))
        devices.append(
            ("n", Device(DeviceId("d", "p", str(k)), {"d/color": color}, consumes=tuple(takes_)))
        )
    return stock_of([Pool(PoolId("d", "p"), tuple(devices), totals)], ("n", ""))


ASKS = st.builds(
    lambda color, count: Ask("a", "c", (f"device.attributes['d'].color in {color}",), count),
    st.sampled_from(("['red']", "['blue']", "['red', 'blue']")),
    st.integers(1, 3),
)
CLAIMS = st.lists(
    st.builds(
        lambda asks, alike: wanting(*asks, alike=alike),
        st.lists(ASKS, min_size=1, max_size=2),
        st.sampled_from(((), (Alike((), "d/color"),), (Alike((), "d/color", distinct=True),))),
    ),
    min_size=1,
    max_size=2,
)


def can_all_be_had(stock: Stock, claims: Sequence[Wanted], gone: set[int]) -> bool:
    """Look at every way to give devices to claims."""
    asks = [(c, wish.options[0]) for c, claim in enumerate(claims) for wish in claim.wishes]
    free = [k for k in range(len(stock.devices)) if k not in gone]
    ways = [
        list(combinations([k for k in free if takes(ask.selectors, stock.devices[k])], ask.count))
        for _, ask in asks
    ]
    for way in product(*ways):
        chosen = [k for group in way for k in group]
        if len(set(chosen)) < len(chosen):
            continue
        used = [0] * len(stock.plan.totals)
        for k in (*chosen, *gone):
            for counter, amount in stock.plan.takes[k]:
                used[counter] += amount
        if any(u > total for u, total in zip(used, stock.plan.totals, strict=True)):
            continue
        if all(_agree(stock, claim, c, asks, way) for c, claim in enumerate(claims)):
            return True
    return False


def _agree(
    stock: Stock,
    claim: Wanted,
    c: int,
    asks: list[tuple[int, Ask]],
    way: tuple[tuple[int, ...], ...],
) -> bool:
    mine = [k for (owner, _), group in zip(asks, way, strict=True) if owner == c for k in group]
    colors = [stock.devices[k].attributes["d/color"] for k in mine]
    return all(len(set(colors)) == (len(colors) if rule.distinct else 1) for rule in claim.alike)


@given(stocks(), CLAIMS, st.data())
def test_devices_are_found_exactly_where_some_way_has_enough_of_all_counters(
    stock: Stock, claims: list[Wanted], data: st.DataObject
) -> None:
    room, gone = Room(stock), set[int]()
    for k in range(len(stock.devices)):
        if room.is_free(k) and data.draw(st.integers(0, 3)) == 0:
            room.take(k)
            gone.add(k)
    found = names(room, *claims)
    event(f"found: {found is not None}")
    assert (found is not None) == can_all_be_had(stock, claims, gone)


@given(stocks(), st.lists(st.integers(0, 5), max_size=4, unique=True))
def test_what_is_lost_is_what_could_be_given_before_and_not_after(
    stock: Stock, wished: list[int]
) -> None:
    room, picks = Room(stock), []
    for k in wished:
        if k < len(stock.devices) and room.is_free(k):
            room.take(k)
            picks.append(Pick(0, 0, k, (), admin=False))
    for pick in picks:
        room.put_back(pick.place)

    def free(taken: Sequence[int]) -> int:
        left = [
            total - sum(dict(stock.plan.takes[k]).get(c, 0) for k in taken)
            for c, total in enumerate(stock.plan.totals)
        ]
        return sum(
            stock.plan.sizes[k]
            for k in range(len(stock.devices))
            if k not in taken and all(left[c] >= amount for c, amount in stock.plan.takes[k])
        )

    places = [pick.place for pick in picks]
    assert cost_of(room, picks) == Cost(free([]) - free(places), free(places))


def test_a_small_part_costs_least_where_the_gpu_is_broken_already() -> None:
    def cost(*taken: str) -> Cost:
        room = room_of(partitionable("n"), *taken)
        ask = parts("1g.5gb")
        picks = allocate(room, [wanting(ask)], lambda a: matching(room, a))
        assert picks is not None
        return cost_of(room, picks)

    idle, broken = cost(), cost("gpu-0-mig-1g5gb-19-0")
    assert broken.lost < idle.lost
    assert idle.lost > 2000  # the whole GPU, and the instance that takes all of it


def test_shared_devices_cost_least_where_somebody_has_a_part() -> None:
    gi = 10**9 << 30
    fresh = room_of(whole_gpus("n", 1, shares={"memory": MEMORY}))
    used = room_of(whole_gpus("n", 1, shares={"memory": MEMORY}))
    part = (("gpu.nvidia.com/memory", 20 * gi),)
    used.take(0, part)
    picks = (Pick(0, 0, 0, part, admin=False),)
    assert cost_of(fresh, picks) == Cost(1250, 750)
    assert cost_of(used, picks) == Cost(250, 500)
