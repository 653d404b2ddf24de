"""Products made by hand, after nvidia-smi mig -lgipp, and random GPUs."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import strategies as st

from bayplan.scheduler.hardware.types import MigProfile, Product
from bayplan.scheduler.partition import Create, Destroy, GpuState, Instance, Plan

Row = tuple[str, int, int, tuple[int, ...]]


def product(name: str, units: int, rows: Iterable[Row], architecture: str = "Hopper") -> Product:
    """A product from (profile name, which begins with its compute slices; size; most; starts)."""
    profiles = tuple(
        MigProfile(
            name,
            number,
            int(name[0]),
            size,
            1_000 * size,
            most,
            starts,
            None,
            None,
            None,
            True,
            "made up",
        )
        for number, (name, size, most, starts) in enumerate(rows)
    )
    return Product(
        name, (), (), architecture, 1_000 * units, None, None, None, 1, None, units, units,
        profiles, True, "made up",
    )  # fmt: skip


H100 = product(
    "H100",
    8,
    [
        ("1g.10gb", 1, 7, (0, 1, 2, 3, 4, 5, 6)),
        ("1g.10gb+me", 1, 1, (0, 1, 2, 3, 4, 5, 6)),
        ("1g.20gb", 2, 4, (0, 2, 4, 6)),
        ("2g.20gb", 2, 3, (0, 2, 4)),
        ("3g.40gb", 4, 2, (0, 4)),
        ("4g.40gb", 4, 1, (0,)),
        ("7g.80gb", 8, 1, (0,)),
    ],
)
A30 = product(
    "A30",
    4,
    [
        ("1g.6gb", 1, 4, (0, 1, 2, 3)),
        ("1g.6gb+me", 1, 1, (0, 1, 2, 3)),
        ("2g.12gb", 2, 2, (0, 2)),
        ("2g.12gb+me", 2, 1, (0, 2)),
        ("4g.24gb", 4, 1, (0,)),
    ],
    "Ampere",
)
RTX = product(
    "RTX PRO 6000",
    12,
    [
        *((f"1g.24gb{v}", 3, n, (0, 3, 6, 9)) for v, n in (("", 4), ("+gfx", 4), ("-me", 4))),
        *((f"1g.24gb{v}", 3, 1, (0, 3, 6, 9)) for v in ("+me", "+me.all")),
        *((f"2g.48gb{v}", 6, n, (0, 6)) for v, n in (("", 2), ("+gfx", 2), ("-me", 2))),
        ("2g.48gb+me.all", 6, 1, (0, 6)),
        ("4g.96gb", 12, 1, (0,)),
        ("4g.96gb+gfx", 12, 1, (0,)),
    ],
    "Blackwell",
)
T4 = product("T4", 0, [])
ALL = (H100, A30, RTX)


def places(of: Product) -> list[tuple[Instance, int]]:
    """Every instance that the product may have, and its size."""
    return [(Instance(start, p.name), p.size) for p in of.profiles for start in p.starts]


def is_legal(of: Product, instances: Iterable[Instance]) -> bool:
    """Whether the instances may be on one GPU, written without the planner's geometry."""
    profiles = {profile.name: profile for profile in of.profiles}
    held = list(instances)
    units: list[int] = []
    for instance in held:
        profile = profiles[instance.profile_name]
        if instance.start not in profile.starts:
            return False
        units += range(instance.start, instance.start + profile.size)
    names = [instance.profile_name for instance in held]
    return (
        len(units) == len(set(units))
        and all(names.count(name) <= profiles[name].max_instances for name in names)
        and sum("+me" in name for name in names) <= 1
    )


@st.composite
def gpus(draw: st.DrawFn, of: Product) -> GpuState:
    """A GPU with random instances, each used or idle."""
    held: list[Instance] = []
    options = [instance for instance, _ in places(of)]
    for instance in draw(st.lists(st.sampled_from(options), max_size=6)):
        if is_legal(of, [*held, instance]):
            held.append(instance)
    used = draw(st.lists(st.booleans(), min_size=len(held), max_size=len(held)))
    return GpuState(
        of,
        tuple(i for i, busy in zip(held, used, strict=True) if busy),
        tuple(i for i, busy in zip(held, used, strict=True) if not busy),
    )


def demands(of: Product, most: int = 3) -> st.SearchStrategy[dict[str, int]]:
    """Random pending demand."""
    names = st.sampled_from([profile.name for profile in of.profiles])
    return st.dictionaries(names, st.integers(0, most), max_size=4)


def idle_after(states: list[GpuState], plan: Plan) -> list[set[Instance]]:
    """The idle instances per GPU after a plan, each of whose steps is checked."""
    idle = [set(state.idle) for state in states]
    for change in plan.changes:
        state, here = states[change.gpu_index], idle[change.gpu_index]
        match change:
            case Destroy(_, instance):
                here.remove(instance)
            case Create(_, instance):
                assert instance not in here
                here.add(instance)
                assert is_legal(state.product, [*state.used, *here])
    return idle
