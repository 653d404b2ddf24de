"""Every registered policy keeps the promises of the protocol; each prefers what it says."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from bayplan.scheduler import policies
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import InputError
from bayplan.scheduler.events import Bound, Gone
from bayplan.scheduler.needs import Needs
from bayplan.scheduler.policies import (
    make_policy,
    policy_names,
    policy_summary,
    usable_policies,
)
from bayplan.scheduler.policies.fgd import Fgd
from bayplan.scheduler.policies.first_fit import FirstFit
from bayplan.scheduler.shape import Shape
from bayplan.scheduler.sharing import Exclusive, Hami, Mig, Mps, TimeSlicing, Ungoverned
from bayplan.scheduler.types import (
    ANONYMOUS,
    Decision,
    DeviceRequest,
    GpuShare,
    Isolation,
    MigInstances,
    Request,
    WholeGpus,
)
from bayplan.scheduler.view import FloatArray, IntArray, View
from bayplan.scheduler.workload import Workload

from .support import WORKLOAD, bind, node, policy, share, where, whole

# --- promises of all -----------------------------------------------------------------------------


def random_request(draw: random.Random, uid: str) -> Request:
    models = draw.choice([(), (), ("A",), ("B", "A")])
    ask = draw.choice(
        [
            None,
            WholeGpus(1),
            WholeGpus(draw.randint(1, 4)),
            GpuShare(draw.choice([100, 333, 500, 999])),
            GpuShare(0, draw.choice([1000, 5000, 8000, 16_000])),
            GpuShare(draw.choice([200, 500]), draw.choice([2000, 8000])),
            GpuShare(300, count=2),
        ]
    )
    devices = () if ask is None else (DeviceRequest(ask, models),)
    nics = draw.choice([(), (), (("nic", 1),)])
    return Request(uid, draw.choice([0, 500, 2000]), draw.choice([0, 800]), devices, nics)


def mixed_cluster() -> Cluster:
    return Cluster(
        [
            node("a1", 1),
            node("a4", 4, resources=(("nic", 2),)),
            node("b8", 8, gpu_model="B", gpu_memory_mib=16_000, cpu_milli=40_000),
            node("cpu", 0),
            node("unknown", 2, gpu_memory_mib=0),
            node("plugin", 4, anonymous_gpus=True),
            node("cordoned", 8, schedulable=False),
        ]
    )


def random_tenant(draw: random.Random, uid: str) -> Request:
    isolations = draw.choice([(), (), (Isolation.MIG, Isolation.MPS), (Isolation.HAMI,)])
    asks: list[WholeGpus | GpuShare | MigInstances] = [
        WholeGpus(1),
        WholeGpus(2),
        MigInstances(draw.choice(["1g.10gb", "2g.20gb", "3g.40gb", "1g.6gb"])),
        MigInstances("1g.10gb", draw.randint(2, 9)),
        GpuShare(draw.choice([50, 143, 500, 1000]), isolations=isolations),
        GpuShare(100, draw.choice([0, 9000]), isolations=isolations),
        GpuShare(0, draw.choice([1000, 20_000]), isolations=isolations),
        GpuShare(200, count=2),
    ]
    return Request(uid, draw.choice([0, 500]), devices=(DeviceRequest(draw.choice(asks)),))


def shared_cluster() -> Cluster:
    a100 = {"gpu_model": "A100-80GB", "gpu_memory_mib": 81_920}
    mix = (Mig(), Mps(2), Ungoverned(), TimeSlicing(3, 2000))
    layout = Mig(((0, "3g.40gb"), (4, "2g.20gb"), (6, "1g.10gb")))
    inside = Mig(((0, "3g.40gb"), (4, "3g.40gb")), Mps(14))
    return Cluster(
        [
            node("mix", 4, sharing=mix, **a100),
            node("mig", 2, sharing=(Mig(),), **a100),
            node("layout", 2, sharing=(layout,), **a100),
            node("inside", 1, sharing=(inside,), **a100),
            node("a30", 2, sharing=(Mig(),), gpu_model="A30-24GB", gpu_memory_mib=24_576),
            node("hami", 2, sharing=(Hami(3),), **a100),
            node("exclusive", 2, sharing=(Exclusive(), Ungoverned()), **a100),
            node("plain", 2),
        ]
    )


@pytest.mark.parametrize("name", policy_names())
def test_a_policy_keeps_its_promises_through_arrivals_and_departures(name: str) -> None:
    draw = random.Random(name)
    cluster = mixed_cluster()
    engine = Engine(cluster, policy(name), seed=3)
    placed = refused = 0
    for i, request in arrivals_and_departures(draw, cluster, random_request):
        decision = decided(engine, name, request, i)
        if decision.placement is None:
            refused += 1
            continue
        row = cluster.row(decision.placement.node)
        chosen_gpus_fit(cluster, row, where(decision)[1], request)
        cluster.apply(Bound(decision, float(i)))
        cluster.check()
        placed += 1
    assert placed > 60
    assert refused > 10


@pytest.mark.parametrize("name", policy_names())
def test_a_policy_keeps_its_promises_where_gpus_are_shared_in_different_ways(name: str) -> None:
    draw = random.Random(name)
    cluster = shared_cluster()
    engine = Engine(cluster, policy(name), seed=3)
    placed = refused = 0
    for i, request in arrivals_and_departures(draw, cluster, random_tenant):
        decision = decided(engine, name, request, i)
        if decision.placement is None:
            refused += 1
            continue
        # The cluster looks at every amount, seat and unit by itself.
        cluster.apply(Bound(decision, float(i)))
        cluster.check()
        placed += 1
    assert placed > 60
    assert refused > 10


def arrivals_and_departures(
    draw: random.Random, cluster: Cluster, request_of: Callable[[random.Random, str], Request]
) -> Iterator[tuple[int, Request]]:
    """Requests with their number; between them pods leave."""
    for i in range(160):
        if cluster.pods and draw.random() < 0.35:
            cluster.apply(Gone(draw.choice(sorted(cluster.pods))))
        yield i, request_of(draw, f"p{i}")


def decided(engine: Engine, name: str, request: Request, i: int) -> Decision:
    """What an engine decides; what else it says agrees with it."""
    decision = engine.decide(request, float(i))
    scores, fits = engine.scores(request), engine.feasible(request)
    # A new engine knows nothing of the history, and says the same.
    assert Engine(engine.cluster, policy(name), seed=3).decide(request, float(i)) == decision
    if decision.placement is None:
        assert not fits.any()
        assert (scores == -np.inf).all()
        return decision
    row = engine.cluster.row(decision.placement.node)
    assert decision.score == scores[row] == scores.max()
    # The scores are those of the first wish that fits, and candidates those of any.
    assert fits[np.isfinite(scores)].all()
    if len(engine.shapes(request)) == 1:
        assert (np.isfinite(scores) == fits).all()
    return decision


def chosen_gpus_fit(cluster: Cluster, row: int, indices: tuple[int, ...], request: Request) -> None:
    on = cluster.node_at(row)
    asked = sum(device.ask.count for device in request.devices)
    assert len(indices) == asked
    if on.anonymous_gpus:
        assert indices == (ANONYMOUS,) * asked
        return
    assert len(set(indices)) == asked
    start = int(cluster.view.slot_start[row])
    for device in request.devices:
        ask = device.ask
        milli, mib = (
            (ask.milli, ask.memory_mib) if isinstance(ask, GpuShare) else (1000, on.gpu_memory_mib)
        )
        for index in indices:
            assert 0 <= index < on.gpu_count
            assert cluster.view.slot_free_milli[start + index] >= milli
            assert cluster.view.slot_free_mib[start + index] >= mib


@pytest.mark.parametrize("name", policy_names())
def test_a_policy_is_described_in_one_line(name: str) -> None:
    summary = policy_summary(name, WORKLOAD)
    assert 20 < len(summary) < 100
    assert summary.endswith(".")


@pytest.mark.parametrize("name", policy_names())
def test_a_share_of_all_of_a_gpus_memory_takes_a_free_gpu(name: str) -> None:
    cluster = Cluster([node("a", 2)])
    engine = Engine(cluster, policy(name))
    _, taken = where(bind(engine, share("p", 400)))
    _, other = where(bind(engine, share("q", mib=8000)))
    assert {*taken, *other} == {0, 1}
    cluster.check()


# --- what each prefers ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("first-fit", ("big", (0,))),
        ("best-fit", ("small", (1,))),
        ("worst-fit", ("empty", (0,))),
        ("gpu-packing", ("small", (1,))),
        ("gpu-clustering", ("small", (1,))),
        ("fgd", ("small", (1,))),
        ("dot-product", ("big", (0,))),  # 99 on big and on small, 98 on empty
    ],
)
def test_where_a_share_goes(name: str, expected: tuple[str, tuple[int, ...]]) -> None:
    cluster = Cluster([node("big", 4), node("small", 2), node("empty", 8)])
    setup = Engine(cluster, FirstFit())
    on_big, on_small = np.array([True, False, False]), np.array([False, True, False])
    for request, mask in [
        (whole("w"), on_big),
        (whole("x"), on_big),
        (share("s", 300), on_small),
        (share("t", 800), on_small),
    ]:
        cluster.apply(Bound(setup.decide(request, 0.0, mask), 0.0))
    cluster.apply(Gone("w"))
    # GPUs: big 1000 0 1000 1000 free, small 700 200, empty 8 x 1000
    assert where(Engine(cluster, policy(name)).decide(share("p", 200), 0.0)) == expected


def test_gpu_clustering_keeps_classes_together() -> None:
    cluster = Cluster([node("a", 4), node("b", 4), node("c", 4)])
    engine = Engine(cluster, policy("gpu-clustering"))
    decided = [
        where(bind(engine, request))
        for request in (
            share("s", 500),  # all empty: the first
            whole("w"),  # an empty node before one with another class
            share("t", 600),  # beside the share
            whole("x", 2),  # the third
            whole("y"),  # beside the whole GPU
            whole("z", 2),
        )
    ]
    assert decided == [
        ("a", (0,)),
        ("b", (0,)),
        ("a", (1,)),
        ("c", (0, 1)),
        ("b", (1,)),
        ("c", (2, 3)),
    ]


def test_gpu_packing_opens_gpus_before_nodes_and_small_nodes_before_large() -> None:
    cluster = Cluster([node("eight", 8), node("four", 4)])
    engine = Engine(cluster, policy("gpu-packing"))
    decided = [
        where(bind(engine, request))
        for request in (
            share("s", 500),
            share("t", 600),
            share("u", 400),
            whole("w", 3),
            whole("x"),
        )
    ]
    # Idle nodes score max(33 - GPUs, GPUs), so that the smaller one is opened.
    assert decided == [
        ("four", (0,)),
        ("four", (1,)),
        ("four", (1,)),
        ("eight", (0, 1, 2)),
        ("eight", (3,)),  # both nodes are in use now and score alike
    ]


def test_on_nodes_of_many_gpus_use_still_counts_for_more_than_room() -> None:
    many: dict[str, int] = {"cpu_milli": 10**6, "memory_mib": 10**6}
    clustered = Engine(Cluster([node("8", 8), node("32", 32, **many)]), policy("gpu-clustering"))
    only_32 = np.array([False, True])
    clustered.cluster.apply(Bound(clustered.decide(whole("p"), 0.0, only_32), 0.0))
    assert where(clustered.decide(whole("q"), 0.0)) == ("32", (1,))
    packed = Engine(Cluster([node("64", 64, **many), node("8", 8)]), policy("gpu-packing"))
    packed.cluster.apply(Bound(packed.decide(whole("p"), 0.0, only_32), 0.0))
    assert where(packed.decide(whole("q"), 0.0)) == ("8", (1,))


def test_worst_fit_spreads_over_nodes_and_gpus() -> None:
    engine = Engine(Cluster([node("a", 2), node("b", 2)]), policy("worst-fit"))
    decided = [where(bind(engine, share(f"p{i}", 500, cpu_milli=100))) for i in range(5)]
    assert decided == [("a", (0,)), ("b", (0,)), ("a", (1,)), ("b", (1,)), ("a", (0,))]


def test_fgd_keeps_whole_gpus_whole() -> None:
    cluster = Cluster([node("a", 2)])
    engine = Engine(cluster, policy("fgd"))
    assert where(bind(engine, share("p", 500))) == ("a", (0,))
    assert where(bind(engine, share("q", 500))) == ("a", (0,))
    assert where(bind(engine, whole("r"))) == ("a", (1,))


# --- the registry --------------------------------------------------------------------------------


def test_an_unknown_policy_gets_a_suggestion_or_the_list() -> None:
    with pytest.raises(InputError, match=r"^unknown policy 'best_fit'; did you mean 'best-fit'\?$"):
        make_policy("best_fit")
    with pytest.raises(InputError, match=r"^unknown policy 'zzz'; choose from random, first-fit,"):
        make_policy("zzz")


def test_fgd_without_a_workload_is_refused() -> None:
    with pytest.raises(InputError, match="policy fgd needs a target workload"):
        make_policy("fgd")


class Backwards(FirstFit):
    """Made by somebody else."""

    made_for: Workload | None = None


def make_backwards(workload: Workload | None) -> Backwards:
    Backwards.made_for = workload
    return Backwards()


def install(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    """Make the given entry points look installed."""
    entries = [EntryPoint(name, value, "bayplan.policies") for name, value in values.items()]

    def entry_points(*, group: str, name: str | None = None) -> list[EntryPoint]:
        return [e for e in entries if e.group == group and name in (None, e.name)]

    monkeypatch.setattr(policies, "entry_points", entry_points)


def test_an_installed_package_adds_a_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, zebra="x:y", backwards=f"{__name__}:make_backwards")
    ours = list(policies.POLICIES)
    assert policy_names() == [*ours, "backwards", "zebra"]
    made = make_policy("backwards", WORKLOAD)
    assert isinstance(made, Backwards)
    assert Backwards.made_for is WORKLOAD
    assert policy_summary("backwards", WORKLOAD) == "Made by somebody else."
    with pytest.raises(InputError, match="did you mean 'backwards'"):
        make_policy("backward")


def test_a_plug_in_cannot_take_the_name_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, **{"first-fit": f"{__name__}:make_backwards"})
    assert policy_names() == list(policies.POLICIES)
    assert type(make_policy("first-fit")) is FirstFit


def test_a_plug_in_that_cannot_be_loaded_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, broken="bayplan_no_such_module:make")
    with pytest.raises(InputError, match="policy broken: plug-in bayplan_no_such_module:make can"):
        make_policy("broken")


def test_a_broken_plug_in_leaves_the_others_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, broken="bayplan_no_such_module:make", fine=f"{__name__}:make_backwards")
    names, problems = usable_policies(WORKLOAD)
    assert names == [*policies.POLICIES, "fine"]
    (problem,) = problems
    assert str(problem).startswith("policy broken: plug-in bayplan_no_such_module:make cannot be")


class Unsure(FirstFit):
    """Scores nothing at all."""

    def score(
        self, view: View, shape: Shape, needs: Needs, rows: IntArray, out: FloatArray
    ) -> None:
        out[rows] = np.nan


def test_a_score_that_is_not_a_number_is_an_error_that_names_the_policy() -> None:
    with pytest.raises(ValueError, match=r"^Unsure\.score is not a number for a$"):
        Engine(Cluster([node("a")]), Unsure()).decide(whole("p"), 0.0)


def test_fgd_remembers_the_fragmentation_of_a_node_until_it_changes() -> None:
    cluster = Cluster([node("a", 4), node("b", 4)])
    engine = Engine(cluster, Fgd(WORKLOAD))
    for i, milli in enumerate((300, 600, 300, 1000, 500, 700)):
        request = share(f"p{i}", milli)
        # A copy has nothing to remember.
        fresh = Engine(cluster.copy(), Fgd(WORKLOAD))
        for asked in (request, share("other", 450), whole("all", 2)):
            assert engine.scores(asked).tolist() == fresh.scores(asked).tolist()
        cluster.apply(Bound(engine.decide(request, 0.0), 0.0))
