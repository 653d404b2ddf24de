"""Cases made by hand: what is said, to the letter, one for each kind of fix."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from bayplan.scheduler.constraints.types import (
    Constraints,
    Expression,
    NodeAffinityTerm,
    Operator,
    PodTerm,
    Selector,
    Taint,
)
from bayplan.scheduler.events import Bound, Gone, NodeUp, Repartitioned
from bayplan.scheduler.explaining import (
    Effort,
    FixKind,
    Lack,
    Move,
    SlicePlace,
    explain_gang,
    explain_pod,
    explain_queue,
)
from bayplan.scheduler.explaining.text import reason_line
from bayplan.scheduler.gangs.types import Gang, Role
from bayplan.scheduler.queues import Queue, QueueTree, Usage, Verdict, admits
from bayplan.scheduler.sharing import Mig
from bayplan.scheduler.types import (
    DeviceRequest,
    GpuShare,
    Reason,
    Request,
    Topology,
    TopologyLevel,
    WholeGpus,
)

from .support import A100, LAYOUT, check_text, engine_of, instances, node, run, share, whole

RACK = "topology.kubernetes.io/rack"


def test_it_fits() -> None:
    engine = engine_of(node("n0"))
    found = explain_pod(engine, whole("p", 2), 0.0)
    assert found.text == "Pod p fits now: on n0, GPUs 0, 1."
    assert found.placement == engine.decide(whole("p", 2), 0.0).placement
    assert not found.fixes


def test_it_is_there_already() -> None:
    engine = engine_of(node("n0"))
    run(engine, whole("p"))
    assert explain_pod(engine, whole("p"), 0.0).text == "Pod p is there already: on n0, GPU 0."


def test_wait_add_and_evict() -> None:
    engine = engine_of(node("n0", 4), node("n1", 2))
    run(engine, whole("a", preemptible=False, cpu_milli=1_000), "n0", 500.0)
    run(engine, whole("b", preemptible=False), "n0", 100.0)
    run(engine, whole("c"), "n0")
    run(engine, whole("d", 2), "n1", 40.0)
    found = explain_pod(engine, whole("p", 3, cpu_milli=4_000, priority=1), 20.0)
    assert found.text.split("\n") == [
        "Pod p fits none of 2 nodes: 3 GPUs, 4 CPU.",
        "Nodes: 1 × too few GPUs, or each too small; 1 × too few GPUs with enough free",
        "Nearest: n0: 1 of 3 GPUs free; 2 more GPUs needed; enough CPU",
        "What would help, the gentlest first:",
        "  1. wait 8 min: 2 pods end (b and a), then it fits n0",
        "  2. add 1 node like n0: 4 GPUs of A, 10 CPU, 9.77 GiB",
    ]
    assert found.nearest is not None
    assert found.nearest.lacks == (Lack("GPU", 3, 1),)
    assert found.fixes[0].at_s == 500.0
    assert found.fixes[0].events == (Gone("b"), Gone("a"))
    assert found.fixes[1].events == (NodeUp(node("new-1", 4)),)


def test_a_kind_of_fix_may_be_left_out() -> None:
    engine = engine_of(node("n0", 1))
    run(engine, whole("a"), end_s=10.0)
    calm = Effort(without=frozenset([FixKind.EVICT, FixKind.ADD]))
    found = explain_pod(engine, whole("p", priority=1), 0.0, effort=calm)
    assert [fix.kind for fix in found.fixes] == [FixKind.WAIT]
    of_gang = explain_gang(engine, gang_of(1), 0.0, effort=calm)
    assert [fix.kind for fix in of_gang.fixes] == [FixKind.WAIT]


def test_evict() -> None:
    engine = engine_of(node("n0", 2))
    run(engine, whole("a", priority=3))
    run(engine, whole("b", priority=2))
    found = explain_pod(engine, whole("p", priority=3), 0.0)
    fix = found.fixes[-1]
    assert fix.kind is FixKind.EVICT
    assert fix.text == "evict 1 pod of priority up to 2 for n0: b"
    assert fix.events == (Gone("b"),)


def test_defragment() -> None:
    engine = engine_of(node("n0", 2), node("n1", 1))
    run(engine, share("a", 300), "n0")
    run(engine, share("b", 500), "n1")
    found = explain_pod(engine, whole("p", 2), 0.0)
    fix = next(fix for fix in found.fixes if fix.kind is FixKind.DEFRAGMENT)
    assert fix.text == "move 1 pod from n0: a to n1"
    assert fix.moves == (Move("a", "n0", "n1"),)
    assert [type(event) for event in fix.events] == [Gone, Bound]


ZONES = (("zone", "a"),)


def beside(app: str, near: str) -> Constraints:
    """A pod with the label app that must be in the zone of a pod with the other one."""
    selector = Selector((Expression("app", Operator.IN, (near,)),))
    return Constraints(labels=(("app", app),), pod_affinity=(PodTerm("zone", selector),))


def test_pods_that_end_at_one_time_end_together() -> None:
    # The first to end makes room, but the second is whom the pod must be near.
    engine = engine_of(node("n0", 1, labels=ZONES))
    run(engine, whole("a"), end_s=10.0)
    run(engine, Request("b", constraints=Constraints(labels=(("app", "b"),))), end_s=10.0)
    request = whole("p", constraints=beside("p", "b"))
    kinds = [fix.kind for fix in explain_pod(engine, request, 0.0).fixes]
    assert FixKind.RELAX not in kinds
    assert FixKind.WAIT not in kinds


def test_no_pod_moves_to_where_it_may_go_only_once_the_request_is_there() -> None:
    # Both have lost whom they were near: "a" may be first of its kind nowhere, and stays.
    engine = engine_of(node("n0", 2, labels=ZONES), node("n1", 1, labels=ZONES))
    engine.cluster.apply(Bound(engine.decide(share("a", 300), 0.0, np.array([True, False])), 0.0))
    alone = explain_pod(engine, whole("p", 2), 0.0)
    assert FixKind.DEFRAGMENT in {fix.kind for fix in alone.fixes}
    engine.cluster.apply(Gone("a"))
    run(engine, Request("x", constraints=Constraints(labels=(("app", "x"),))), "n0")
    run(engine, share("a", 300, constraints=beside("a", "x")), "n0")
    engine.cluster.apply(Gone("x"))
    request = whole("p", 2, constraints=Constraints(labels=(("app", "x"),)))
    found = explain_pod(engine, request, 0.0)
    assert FixKind.DEFRAGMENT not in {fix.kind for fix in found.fixes}


def test_a_move_tells_where_the_request_goes() -> None:
    # "a" moves to the zone of "n1", and who must be near it follows it there.
    zone_b = (("zone", "b"),)
    engine = engine_of(node("n0", 1, labels=ZONES), node("n1", 4, labels=zone_b))
    run(engine, whole("a", constraints=Constraints(labels=(("app", "a"),))), "n0")
    request = whole("p", constraints=beside("a", "a"))
    fix = next(
        fix for fix in explain_pod(engine, request, 0.0).fixes if fix.kind is FixKind.DEFRAGMENT
    )
    assert fix.moves == (Move("a", "n0", "n1"),)
    assert fix.node == "n1"


def test_no_pod_moves_that_is_protected() -> None:
    for fields in ({"preemptible": False}, {"gang": "g"}):
        engine = engine_of(node("n0", 2), node("n1", 1))
        run(engine, share("a", 300, **fields), "n0")
        found = explain_pod(engine, whole("p", 2), 0.0)
        assert all(fix.kind is not FixKind.DEFRAGMENT for fix in found.fixes)


def test_free_a_slice() -> None:
    engine = engine_of(node("n0", 1, sharing=(Mig(),), **A100))
    for uid in "abcdefg":
        run(engine, instances(uid, "1g.10gb"))
    start_of = {
        pod.placement.grants[0][0].slot.start: uid for uid, pod in engine.cluster.pods.items()
    }
    for start, uid in start_of.items():
        if start not in (2, 5):
            engine.cluster.apply(Gone(uid))
    found = explain_pod(engine, instances("p", "4g.40gb", cpu_milli=1_000), 0.0)
    assert found.text.split("\n") == [
        "Pod p does not fit the only node: 1 4g.40gb instance, 1 CPU.",
        "Nodes: 1 × enough of a GPU free, but no place where the MIG profile may start",
        "Nearest: n0: GPU 0 has enough free, but no place where the MIG profile may start;"
        " enough CPU",
        "What would help, the gentlest first:",
        "  1. add 1 node like n0: 1 GPU of A100-80GB, 10 CPU, 9.77 GiB",
        f"  2. free slices 0 to 3 of GPU 0 of n0: now {start_of[2]}",
    ]
    assert found.fixes[1].places == (SlicePlace("n0", 0, 0, 4, (start_of[2],)),)
    assert found.fixes[1].events == (Gone(start_of[2]),)


def test_a_place_with_a_pod_that_may_not_leave_comes_last() -> None:
    engine = engine_of(*(node(f"n{i}", 1, sharing=(LAYOUT,), **A100) for i in range(2)))
    run(engine, instances("a", "3g.40gb", preemptible=False), "n0")
    run(engine, instances("b", "3g.40gb", priority=9), "n1")
    found = explain_pod(engine, instances("p", "3g.40gb"), 0.0)
    fix = next(fix for fix in found.fixes if fix.kind is FixKind.FREE_SLICE)
    assert fix.uids == ("b",)


def test_relax() -> None:
    engine = engine_of(node("n0", labels=(("zone", "a"),)), node("n1", gpu_model="B"))
    request = Request(
        "p",
        devices=(DeviceRequest(WholeGpus(1), models=("A",)),),
        node_labels=(("zone", "b"),),
    )
    found = explain_pod(engine, request, 0.0)
    assert [fix.text for fix in found.fixes] == [
        "drop the node label zone=b: then it fits n0",
        "add 1 node like n0: 2 GPUs of A, 10 CPU, 9.77 GiB",
    ]
    (new,) = [event.node for event in found.fixes[1].events if isinstance(event, NodeUp)]
    assert new.labels == (("zone", "b"),)
    other = Request("p", devices=(DeviceRequest(WholeGpus(1), models=("C",)),))
    found = explain_pod(engine, other, 0.0)
    assert [fix.text for fix in found.fixes] == ["allow any GPU model, not only C: then it fits n0"]


def test_relax_the_candidates() -> None:
    engine = engine_of(node("n0"), node("n1", 1))
    nodes = np.array([False, True])
    found = explain_pod(engine, whole("p", 2), 0.0, nodes=nodes)
    assert found.fixes[0].text == "allow the nodes left out (taints, affinity): it fits n0"
    assert found.wishes[0].reasons == ((Reason.EXCLUDED, 1), (Reason.GPU_COUNT, 1))


def test_repartition() -> None:
    engine = engine_of(node("n0", 2, sharing=(LAYOUT,), **A100))
    run(engine, instances("a", "1g.10gb"))
    found = explain_pod(engine, whole("p"), 0.0)
    fix = found.fixes[0]
    (event,) = fix.events
    assert isinstance(event, Repartitioned)
    assert fix.text == f"repartition idle GPU {event.gpu} of n0 as plain shares"
    assert found.nearest is not None
    assert found.text.split("\n")[2] == (
        "Nearest: n0: it has 2 GPUs of A100-80GB, too few or too small"
    )


def test_a_share_lacks_a_part_of_a_gpu() -> None:
    engine = engine_of(node("n0", 2))
    run(engine, share("a", 800))
    run(engine, share("b", 700))
    found = explain_pod(engine, share("p", 500, cpu_milli=1_000), 0.0)
    assert found.text.split("\n")[:3] == [
        "Pod p does not fit the only node: 500 milli-GPU, 1 CPU.",
        "Nodes: 1 × too few GPUs with enough free",
        "Nearest: n0: GPU 1 has 300 of 500 milli-GPU free; 200 more needed; enough CPU",
    ]


def test_cpu_and_memory_are_told_with_units() -> None:
    engine = engine_of(node("n0", 2, memory_mib=8_192))
    run(engine, Request("a", 7_500, 6_144))
    found = explain_pod(engine, whole("p", cpu_milli=4_000, memory_mib=4_096), 0.0)
    assert found.text.split("\n")[2] == (
        "Nearest: n0: 2.5 of 4 CPU free; 1.5 more needed; 2 GiB of 4 GiB memory free;"
        " 2 GiB more needed"
    )


@pytest.mark.parametrize(
    ("far", "near"),
    [
        (Request("a", 0, 9_000), Request("b", 0, 8_000)),
        (Request("a", 9_000), Request("b", 8_000)),
        (Request("a", resources=(("nic", 3),)), Request("b", resources=(("nic", 2),))),
        (whole("a", 2), whole("b", 1)),
    ],
)
def test_every_amount_counts_for_the_nearest_miss(far: Request, near: Request) -> None:
    nics = (("nic", 4),)
    engine = engine_of(node("n0", resources=nics), node("n1", resources=nics))
    run(engine, far, "n0")
    run(engine, near, "n1")
    found = explain_pod(
        engine, whole("p", 2, cpu_milli=4_000, memory_mib=4_000, resources=(("nic", 3),)), 0.0
    )
    assert found.nearest is not None
    assert found.nearest.node == "n1"
    assert len(found.nearest.lacks) == 1


def test_each_wish_is_told() -> None:
    engine = engine_of(node("n0", 1))
    run(engine, whole("a"))
    wish = DeviceRequest(
        WholeGpus(2), alternatives=(DeviceRequest(GpuShare(500)), DeviceRequest(WholeGpus(1)))
    )
    lines = explain_pod(engine, Request("p", devices=(wish,)), 0.0).text.split("\n")
    assert lines[1:4] == [
        "Wish 1: 1 × too few GPUs, or each too small",
        "Wish 2: 1 × too few GPUs with enough free",
        "Wish 3: 1 × too few GPUs with enough free",
    ]


def test_more_wishes_than_lines_are_counted() -> None:
    engine = engine_of(node("n0", 1))
    run(engine, whole("a"))
    wish = DeviceRequest(
        WholeGpus(2), alternatives=tuple(DeviceRequest(GpuShare(100 * i)) for i in range(1, 5))
    )
    lines = explain_pod(engine, Request("p", devices=(wish,)), 0.0).text.split("\n")
    assert lines[3] == "3 more wishes fail in like ways"


def test_long_names_stay_within_the_width() -> None:
    long = "n" * 250
    engine = engine_of(node(long, 1, gpu_model="M" * 200))
    run(engine, whole("a" * 250, priority=0), end_s=10.0)
    request = whole("p" * 250, priority=5, node_labels=(("k" * 200, "v" * 200),))
    check_text(explain_pod(engine, request, 0.0).text)
    check_text(explain_pod(engine, whole("p" * 250, priority=5), 0.0).text)


def test_the_queue_is_told() -> None:
    tree = QueueTree([Queue("team", guaranteed={"gpu": 1_000}, limit={"gpu": 2_000})])
    usage = Usage(tree, {"team": {"gpu": 2_000}})
    verdict = admits(tree, usage, {"gpu": 1_000}, "team", {"gpu": 8_000})
    engine = engine_of(node("n0"))
    found = explain_pod(engine, whole("p", queue="team"), 0.0, queue_verdict=verdict)
    assert found.text.split("\n") == [
        "Pod p fits now: on n0, GPU 0, but its queue does not admit it.",
        "Queue: queue team uses 2 of its limit of 2 GPUs; 1 asked, 0 left",
    ]
    admitted = explain_pod(engine, whole("p"), 0.0, queue_verdict=Verdict(True))
    assert admitted.limit == ""


def test_a_queue_is_explained() -> None:
    tree = QueueTree(
        [
            Queue("a", guaranteed={"gpu": 4_000}),
            Queue("b", guaranteed={"gpu": 2_000}),
            Queue("c", guaranteed={"gpu": 2_000}),
        ]
    )
    usage = Usage(tree, {"a": {"gpu": 2_000}, "b": {"gpu": 5_000}, "c": {"gpu": 1_000}})
    found = explain_queue(tree, usage, {"gpu": 1_000}, "a", {"gpu": 8_000})
    assert found.text.split("\n") == [
        "Queue a does not admit it: the capacity binds.",
        "Binding: the cluster uses 8 of its capacity of 8 GPUs; 1 asked, 0 left; may reclaim",
        "  queue a: 2 GPUs in use, 4 guaranteed",
        "  the cluster: 8 GPUs in use, 8 guaranteed, capacity 8",
        "Beyond their guarantee (GPUs): b 3",
    ]
    assert found.borrowers == (("b", 3_000),)
    assert explain_queue(tree, usage, {"gpu": 1}, "x", {}).text == "There is no queue x."


def gang_of(n: int, gpus: int = 1, **fields: object) -> Gang:
    members = tuple(whole(f"m{i}", gpus, gang="g", priority=1) for i in range(n))
    return Gang("g", (Role("worker", members),), **fields)  # type: ignore[arg-type]


def test_a_gang_that_starts() -> None:
    engine = engine_of(node("n0"), node("n1"))
    found = explain_gang(engine, gang_of(3), 0.0)
    assert found.text == "Gang g starts now: on 2 nodes (n0 and n1)."


def test_a_gang_that_runs_is_there_already() -> None:
    engine = engine_of(node("n0"), node("n1"))
    gang = gang_of(3)
    for member, where in zip(gang.roles[0].members, ("n0", "n0", "n1"), strict=True):
        run(engine, member, where, 90.0)
    found = explain_gang(engine, gang, 0.0)
    assert (found.starts, found.bound) == (True, True)
    assert found.text == "Gang g is there already: on 2 nodes (n0 and n1)."


def test_a_gang_waits_or_gets_nodes_or_evicts() -> None:
    engine = engine_of(node("n0"), node("n1"))
    run(engine, whole("a"), "n0", 90.0)
    run(engine, whole("b"), "n1", 60.0)
    found = explain_gang(engine, gang_of(4), 30.0)
    assert (found.placed, found.size, found.missing, found.first_left) == (2, 4, 2, "m2")
    assert [(fix.kind, fix.text) for fix in found.fixes] == [
        (FixKind.WAIT, "wait 60 s: 2 pods end, the last of them a"),
        (FixKind.ADD, "add 1 node like n0: 2 GPUs of A, 10 CPU, 9.77 GiB"),
        (FixKind.EVICT, "evict 2 pods of priority up to 0: a and b"),
    ]
    assert found.text.split("\n")[0] == "Gang g does not start: 2 of 4 members fit in the cluster."
    check_text(found.text)


def test_members_with_constraints_of_their_own_wait_each_for_its_node() -> None:
    zones = [(("zone", zone),) for zone in "ab"]
    engine = engine_of(*(node(f"n{i}", 1, labels=labels) for i, labels in enumerate(zones)))
    run(engine, whole("a"), "n0", end_s=10.0)
    run(engine, whole("b"), "n1", end_s=20.0)
    in_a = NodeAffinityTerm((Expression("zone", Operator.IN, ("a",)),))
    members = (
        whole("m0", gang="g", constraints=Constraints(node_affinity=(in_a,))),
        whole("m1", gang="g"),
    )
    found = explain_gang(engine, Gang("g", (Role("workers", members),)), 0.0)
    assert [fix.at_s for fix in found.fixes if fix.kind is FixKind.WAIT] == [20.0]


def test_a_gang_gives_up_its_rack() -> None:
    engine = engine_of(*(node(f"n{i}", labels=((RACK, f"r{i}"),)) for i in range(2)))
    gang = gang_of(3, topology=(Topology(TopologyLevel.RACK),))
    found = explain_gang(engine, gang, 0.0)
    assert [fix.text for fix in found.fixes] == [
        "prefer one rack instead of requiring it",
        "add 1 node like n0: 2 GPUs of A, 10 CPU, 9.77 GiB",
    ]
    (event,) = found.fixes[1].events
    assert isinstance(event, NodeUp)
    assert event.node.labels == ((RACK, "r0"),)


def test_nodes_for_a_gang_are_the_fewest() -> None:
    engine = engine_of(node("n0", 4), node("n1", 2))
    run(engine, whole("a", 4, preemptible=False), "n0")
    found = explain_gang(engine, gang_of(7, 2), 0.0)
    fix = next(fix for fix in found.fixes if fix.kind is FixKind.ADD)
    assert fix.n_nodes == 6


def test_a_taint_is_told_and_tolerated() -> None:
    engine = engine_of(node("n0", taints=(Taint("team", "ml"),)), node("n1", 1))
    found = explain_pod(engine, whole("p", 2, constraints=Constraints()), 0.0)
    assert found.nearest is not None
    relaxed = [fix for fix in found.fixes if fix.kind is FixKind.RELAX]
    assert [fix.text for fix in relaxed] == ["tolerate the taint team=ml: then it fits n0"]
    assert relaxed[0].request is not None
    assert engine.decide(relaxed[0].request, 0.0).placement is not None
    (event,) = next(fix for fix in found.fixes if fix.kind is FixKind.ADD).events
    assert isinstance(event, NodeUp)
    assert event.node.taints == ()


def test_what_every_pod_takes_goes_without_saying() -> None:
    room = replace(node("n0", 2), resources=(("nic", 4), ("pods", 1)))
    engine = engine_of(room)
    run(engine, whole("a")._replace(resources=(("pods", 1),)))
    asked = whole("p", 2, cpu_milli=1_000)._replace(resources=(("nic", 1), ("pods", 1)))
    found = explain_pod(engine, asked, 0.0)
    first, _, nearest = found.text.split("\n")[:3]
    assert first == "Pod p does not fit the only node: 2 GPUs, 1 CPU, 1 nic."
    assert nearest == (
        "Nearest: n0: 1 of 2 GPUs free; 1 more GPU needed; it takes no more pods;"
        " enough CPU and nic"
    )


def test_reasons_that_do_not_fit_the_line_are_counted() -> None:
    reasons = [(reason, 1) for reason in Reason if reason is not Reason.FITS]
    line = reason_line("Nodes", reasons)
    assert len(line) <= 100
    assert re.search(r"; \d+ more reasons$", line)


def test_a_gang_says_once_how_far_it_comes() -> None:
    engine = engine_of(node("n0"), node("n1"))
    found = explain_gang(engine, gang_of(5), 0.0)
    assert found.why.startswith("4 of 5 members fit in the cluster; ")
    lines = found.text.split("\n")
    assert lines[0] == "Gang g does not start: 4 of 5 members fit in the cluster."
    assert lines[1] == "First without a place: m4; by itself it fits 2 nodes."
