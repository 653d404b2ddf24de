"""Weighted sums of policies: how they are written, what they score, who leads."""

from __future__ import annotations

import numpy as np
import pytest

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import InputError
from bayplan.scheduler.policies import PlacementPolicy, Ties, make_policy, policy_names
from bayplan.scheduler.policies.mix import Mix, parse_mix
from bayplan.scheduler.sharing import Hami, Mig
from bayplan.scheduler.types import DeviceRequest, MigInstances, Request

from .sharing_support import a100s
from .support import WORKLOAD, bind, node, policy, share, where, whole

FIX = "write it as 0.9*fgd+0.1*pwr"
REQUESTS = (
    share("s", 300, cpu_milli=1_000),
    whole("w", cpu_milli=2_000),
    whole("pair", 2, cpu_milli=4_000),
    Request("cpu", 3_000),
    Request("i", 1_000, devices=(DeviceRequest(MigInstances("1g.10gb")),)),
)


def busy() -> Cluster:
    """Nodes of several kinds, each with something on it."""
    cluster = Cluster(
        [node("a", 4), node("b", 2), node("c", 0), a100s("d", Hami(), gpus=2), a100s("e", Mig())]
    )
    for i, name in enumerate(("best-fit", "worst-fit", "random") * 2):
        bind(Engine(cluster, policy(name)), share(f"p{i}", 350, cpu_milli=700))
    return cluster


# --- how they are written ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("0.9*fgd+", ""),
        ("fgd+0.1*pwr", "fgd"),
        ("*fgd", "*fgd"),
        ("1*", "1*"),
        ("0*fgd", "0*fgd"),
        ("0.0*fgd+1*pwr", "0.0*fgd"),
        ("1001*fgd", "1001*fgd"),
        ("1e3*fgd", "1e3*fgd"),
        ("-1*fgd", "-1*fgd"),
        (".5*fgd", ".5*fgd"),
        ("1.*fgd", "1.*fgd"),
        ("1*fgd*2", "1*fgd*2"),
        ("nan*fgd", "nan*fgd"),
        ("0.9*fgd + 0,1*pwr", "0,1*pwr"),
        ("1" * 400 + "*fgd", "1" * 400 + "*fgd"),
    ],
)
def test_what_is_no_weighted_sum_is_refused_in_one_line(name: str, part: str) -> None:
    with pytest.raises(InputError) as error:
        make_policy(name, WORKLOAD)
    assert str(error.value) == (
        f"policy {name!r}: {part!r} is no weight (up to 1000) and policy; {FIX}"
    )


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("0.9*fdg+0.1*pwr", "unknown policy 'fdg'; did you mean 'fgd'?"),
        ("1*qqq", f"unknown policy 'qqq'; choose from {', '.join(policy_names())}"),
    ],
)
def test_an_unknown_policy_in_a_sum_is_named(name: str, line: str) -> None:
    with pytest.raises(InputError) as error:
        make_policy(name, WORKLOAD)
    assert str(error.value) == line


def test_a_policy_that_needs_a_workload_needs_one_in_a_sum() -> None:
    with pytest.raises(InputError, match="policy fgd needs a target workload"):
        make_policy("0.9*fgd+0.1*pwr")


def test_blanks_do_not_matter_and_weights_may_be_whole() -> None:
    mixed = parse_mix(" 2* fgd+1000*pwr + 0.25* best-fit ", lambda name: policy(name))
    assert [(weight, type(part).__name__) for weight, part in mixed.parts] == [
        (2.0, "Fgd"),
        (1000.0, "Pwr"),
        (0.25, "BestFit"),
    ]


# --- what they score ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "weights",
    [
        {"fgd": 0.9, "pwr": 0.1},
        {"pwr": 0.3, "best-fit": 0.3, "gpu-packing": 0.4},
        {"mig-max-options": 2.0, "dot-product": 0.5},
        {"worst-fit": 1000.0},
    ],
)
@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: request.uid)
def test_a_score_is_the_weighted_sum_of_the_policies_scores(
    weights: dict[str, float], request_: Request
) -> None:
    cluster = busy()
    name = "+".join(f"{weight}*{part}" for part, weight in weights.items())
    found = Engine(cluster, policy(name)).scores(request_)
    parts = {part: Engine(cluster, policy(part)).scores(request_) for part in weights}
    expected = sum(weight * parts[part] for part, weight in weights.items())
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert (found > -np.inf).any()


def test_weights_decide_between_policies_that_disagree() -> None:
    # best-fit goes where least stays free, worst-fit where most does.
    cluster = Cluster([node("small", 1), node("large", 8)])
    for name, wanted in (
        ("best-fit", "small"),
        ("worst-fit", "large"),
        ("3*best-fit+1*worst-fit", "small"),
        ("1*best-fit+1000*worst-fit", "large"),
    ):
        decision = Engine(cluster, policy(name)).decide(whole("w"), 0.0)
        assert where(decision)[0] == wanted, name


# --- who leads ---------------------------------------------------------------------------------


class Takes:
    """Scores nothing, and takes a GPU by its index."""

    def __init__(self, gpu: int, ties: Ties = Ties.LOWEST_ROW) -> None:
        self.gpu, self.ties = gpu, ties

    def score(self, view: object, shape: object, needs: object, rows: object, out: object) -> None:
        out[rows] = 0.0  # type: ignore[index]

    def choose(self, view: object, shape: object, ask: object, out: object) -> None:
        out[0] = self.gpu  # type: ignore[index]


def mix_of(*parts: tuple[float, PlacementPolicy]) -> Mix:
    return Mix(parts)


def test_the_largest_weight_chooses_the_gpus_and_the_first_among_equals() -> None:
    cluster = Cluster([node("n", 3)])
    first, second, third = Takes(0), Takes(1), Takes(2)
    for mixed, gpu in (
        (mix_of((0.1, first), (0.9, second)), 1),
        (mix_of((0.5, first), (0.5, second)), 0),
        (mix_of((0.2, second), (0.4, third), (0.4, first)), 2),
    ):
        decision = Engine(cluster, mixed).decide(whole("w"), 0.0)
        assert where(decision) == ("n", (gpu,))


def test_the_leading_policy_breaks_ties() -> None:
    hashed = Takes(0, Ties.LEAST_HASH)
    assert mix_of((0.9, Takes(0)), (0.1, hashed)).ties is Ties.LOWEST_ROW
    drawing = mix_of((0.1, Takes(0)), (0.9, hashed))
    assert drawing.ties is Ties.LEAST_HASH
    cluster = Cluster(node(f"n{i}", 1) for i in range(20))
    engine = Engine(cluster, drawing, seed=5)
    drawn = {where(engine.decide(whole(f"w{i}"), 0.0))[0] for i in range(20)}
    assert len(drawn) > 5
    lowest = Engine(cluster, mix_of((0.9, Takes(0)), (0.1, hashed)))
    assert {where(lowest.decide(whole(f"w{i}"), 0.0))[0] for i in range(20)} == {"n0"}


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("0.9*mig-first-fit+0.1*pwr", 0),
        ("0.9*pwr+0.1*mig-driver-greedy", 6),
    ],
)
def test_the_policy_that_places_mig_instances_does_so_whatever_its_weight(
    name: str, start: int
) -> None:
    engine = Engine(Cluster([a100s("n", Mig())]), policy(name))
    placement = engine.decide(REQUESTS[-1], 0.0).placement
    assert placement is not None
    assert placement.grants[0][0].slot.start == start


def test_two_that_place_mig_instances_are_refused() -> None:
    with pytest.raises(InputError, match="two of them place MIG instances; name one policy mig-"):
        policy("0.9*mig-first-fit+0.1*mig-driver-greedy")
