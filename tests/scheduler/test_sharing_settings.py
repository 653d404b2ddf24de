"""Which settings of a sharing mode make no sense, and which nodes cannot be shared so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.errors import InvalidRequest
from bayplan.scheduler.events import Event, NodeChanged, NodeUp, Repartitioned
from bayplan.scheduler.sharing import Hami, Mig, Mps, Sharing, TimeSlicing
from bayplan.scheduler.types import Node

from .sharing_support import BALANCED, a100s
from .support import node, snapshot


def line(refused: Callable[..., object], *given: Any) -> str:
    with pytest.raises(InvalidRequest) as error:
        refused(*given)
    message = str(error.value)
    assert len(message.splitlines()) == 1
    return message


@pytest.mark.parametrize(
    ("mode", "settings", "message"),
    [
        (Mps, {"clients": 0}, "mps: clients 0; give 1 to 1000"),
        (Mps, {"clients": 1001}, "mps: clients 1001; give 1 to 1000"),
        (Mps, {"capacity_milli": 999}, "mps: capacity_milli 999; give 1000 to 64000"),
        (Mps, {"capacity_milli": 64_001}, "mps: capacity_milli 64001; give 1000 to 64000"),
        (Mps, {"replicas": -1}, "mps: replicas -1 and chunk_sm 0; give one of them"),
        (Mps, {"chunk_sm": -1}, "mps: replicas 0 and chunk_sm -1; give one of them"),
        (Mps, {"replicas": 2, "chunk_sm": 4}, "mps: replicas 2 and chunk_sm 4; give one of them"),
        (Mps, {"replicas": 49}, "mps: 49 replicas, and the server takes 48 clients"),
        (TimeSlicing, {"replicas": 0}, "timeslice: replicas 0; give 1 to 1000"),
        (TimeSlicing, {"capacity_milli": 0}, "timeslice: capacity_milli 0; give 1000 to 64000"),
        (TimeSlicing, {"context_mib": -1}, "timeslice: context_mib -1; give 0 or more"),
        (Hami, {"vgpus": 0}, "hami: vgpus 0; give 1 to 1000"),
        (Hami, {"capacity_milli": 1}, "hami: capacity_milli 1; give 1000 to 64000"),
        (Mig, {"layout": ()},
         "mig: a layout without instances; give None to make them as asked"),
        (Mig, {"inside": Mps()}, "mig: MPS inside instances needs a layout of them"),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused_in_one_line(
    mode: type[Sharing], settings: dict[str, Any], message: str
) -> None:
    assert line(lambda: mode(**settings)) == message


@pytest.mark.parametrize(
    "sharing",
    [
        Mps(1, 64_000),
        Mps(1000, replicas=1000),
        TimeSlicing(1, context_mib=0),
        TimeSlicing(1000),
        Hami(1),
        Hami(1000, 64_000),
    ],
)
def test_the_ends_of_the_ranges_are_settings_too(sharing: Sharing) -> None:
    Cluster([a100s("n", sharing)]).check()


BAD_NODES = [
    (a100s("n", Mps(), Hami(), gpus=3),
     "2 ways to share 3 GPUs; state one for all, or one a GPU"),
    (a100s("n", Mps(), Hami(), gpus=0),
     "2 ways to share 0 GPUs; state one for all, or one a GPU"),
    (node("n", sharing=(Mig(),)), "'A' is no GPU with MIG"),
    (Node("n", gpu_count=1, gpu_model="T4", sharing=(Mig(),)), "'T4' is no GPU with MIG"),
    (node("n", sharing=(Mps(), Mig(BALANCED))), "'A' is no GPU with MIG"),
    (replace(a100s("n", Mig()), anonymous_gpus=True),
     "a MIG GPU needs an index, and these are anonymous"),
    (a100s("n", Mig(((0, "1g.5gb"),))), "A100-80GB has no MIG profile 1g.5gb"),
    (a100s("n", Mig(((7, "1g.10gb"),))), "an instance 1g.10gb of A100-80GB cannot start at 7"),
    (a100s("n", Mig(((2, "3g.40gb"),))), "an instance 3g.40gb of A100-80GB cannot start at 2"),
    (a100s("n", Mig(((-1, "1g.10gb"),))), "an instance 1g.10gb of A100-80GB cannot start at -1"),
    (a100s("n", Mig(((0, "4g.40gb"), (3, "1g.10gb")))),
     "instance 1g.10gb at 3 overlaps another"),
    (a100s("n", Mig(((0, "1g.10gb"), (0, "1g.10gb")))),
     "instance 1g.10gb at 0 overlaps another"),
    (a100s("n", Mig(((0, "1g.10gb+me"), (1, "1g.10gb+me")))),
     "instance 1g.10gb+me at 1 has media engines, like another"),
    (a100s("n", Mig(((0, "1g.10gb+me"), (0, "1g.10gb+me")))),
     "instance 1g.10gb+me at 0 overlaps another"),
]  # fmt: skip


@pytest.mark.parametrize(("bad", "message"), BAD_NODES)
def test_a_node_that_cannot_be_shared_so_is_refused_and_leaves_no_trace(
    bad: Node, message: str
) -> None:
    cluster = Cluster([a100s("other", Mig(BALANCED))])
    assert refused(cluster, NodeUp(bad)) == f"node n: {message}"


@pytest.mark.parametrize(("bad", "message"), BAD_NODES)
def test_nor_may_a_node_that_is_there_be_changed_to_that(bad: Node, message: str) -> None:
    cluster = Cluster([a100s("n", Mps(), gpus=2)])
    assert refused(cluster, NodeChanged(bad)) == f"node n: {message}"


def test_nor_may_one_of_its_gpus() -> None:
    cluster = Cluster([a100s("n", Mps(), gpus=2), node("plain")])
    overlap = Mig(((0, "2g.20gb"), (1, "1g.10gb")))
    assert refused(cluster, Repartitioned("n", 1, overlap)) == (
        "node n: instance 1g.10gb at 1 overlaps another"
    )
    assert refused(cluster, Repartitioned("plain", 0, Mig())) == (
        "node plain: 'A' is no GPU with MIG"
    )


def refused(cluster: Cluster, event: Event) -> str:
    before, versions = snapshot(cluster), cluster.view.version.tolist()
    message = line(cluster.apply, event)
    assert snapshot(cluster) == before
    assert cluster.view.version.tolist() == versions
    cluster.check()
    return message


def test_a_layout_may_be_written_in_any_order() -> None:
    backwards, forwards = Mig(BALANCED[::-1]), Mig(BALANCED)
    view = Cluster([a100s("n", backwards), a100s("m", forwards)]).view
    assert view.slot_first[:4].tolist() == view.slot_first[4:8].tolist() == [0, 2, 3, 4]
    assert view.slot_kind[:4].tolist() == view.slot_kind[4:8].tolist()


def test_the_largest_node_has_seven_instances_on_each_of_64_gpus() -> None:
    ones = Mig(tuple((start, "1g.10gb") for start in range(7)))
    cluster = Cluster([a100s("n", ones, gpus=64)])
    assert cluster.view.n_slots == 448
    cluster.check()
