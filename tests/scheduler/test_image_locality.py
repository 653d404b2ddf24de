"""Placement by the images that nodes have: kube-scheduler's points, and a cache that stays right.

By hand, in MiB of ten nodes, of which "big" is on 5 and "small" on one: 600 × 5/10 = 300 of big
are 100 × (300 - 23) / (1000 - 23) = 28.35 points, and 200 × 1/10 = 20 of small are below 23: none.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import InvalidRequest
from bayplan.scheduler.events import Gone, ImagesChanged, NodeChanged, NodeGone, NodeUp
from bayplan.scheduler.gangs.types import Gang, Role
from bayplan.scheduler.policies.image_locality import ImageLocality
from bayplan.scheduler.policies.mix import parse_mix
from bayplan.scheduler.types import Node, Request

from .support import bind, node, policy, where, whole

NAMES = ("a", "b", "c")
MIB = 1 << 20


def engine_of(*nodes: Node) -> Engine:
    return Engine(Cluster(nodes), ImageLocality())


def ten(**images: tuple[tuple[str, int], ...]) -> Engine:
    """Ten nodes n0 to n9 with one GPU, of which some have images."""
    return engine_of(*[node(f"n{i}", 1, images=images.get(f"n{i}", ())) for i in range(10)])


def points(engine: Engine, *images: str) -> list[float]:
    found: list[float] = engine.scores(whole("p", images=images)).tolist()
    return found


# --- by hand -----------------------------------------------------------------------------------


def test_an_image_counts_by_its_size_and_by_how_many_nodes_have_it() -> None:
    big = (("big", 600),)
    both = (("big", 600), ("small", 200))
    engine = ten(n0=both, n1=big, n2=big, n3=big, n4=big)
    assert points(engine, "big") == [28.0] * 5 + [0.0] * 5
    assert points(engine, "small") == [0.0] * 10
    # Of two images 2,000 are all of the points: 100 × (320 - 23) / 1,977 = 15.02, and 14.01.
    assert points(engine, "big", "small") == [15.0, 14.0, 14.0, 14.0, 14.0] + [0.0] * 5
    assert points(engine, "unknown") == points(engine) == [0.0] * 10


def test_more_than_the_most_is_the_most() -> None:
    engine = engine_of(node("n", images=(("huge", 20_000),)))
    assert points(engine, "huge") == [100.0]
    assert points(engine, "huge", "huge") == [100.0]
    assert points(engine, "huge", "no", "no") == [100.0]


def test_a_pod_goes_where_its_image_is() -> None:
    engine = ten(n3=(("big", 9_000),), n7=(("big", 9_000),))
    assert where(engine.decide(whole("p", images=("big",)), 0.0)) == ("n3", (0,))
    bind(engine, whole("q", images=("big",)))
    assert where(engine.decide(whole("p", images=("big",)), 0.0)) == ("n7", (0,))
    assert where(engine.decide(whole("p", images=("other",)), 0.0)) == ("n0", (0,))
    assert where(engine.decide(whole("p"), 0.0)) == ("n0", (0,))


def test_members_of_a_gang_go_where_their_images_are() -> None:
    engine = ten(n3=(("big", 9_000),), n7=(("big", 9_000),))
    members = tuple(whole(f"g/{i}", gang="g", images=("big",)) for i in range(2))
    plan = engine.decide_gang(Gang("g", (Role("", members),)), 0.0)
    assert sorted(d.placement.node for d in plan.decisions if d.placement) == ["n3", "n7"]


# --- what changes ------------------------------------------------------------------------------


def test_an_image_that_comes_to_one_node_changes_the_points_of_the_others() -> None:
    engine = ten(n0=(("big", 600),))
    assert points(engine, "big") == [3.0] + [0.0] * 9  # 100 × (60 - 23) / 977 = 3.79
    engine.cluster.apply(ImagesChanged("n9", (("big", 600),)))
    assert points(engine, "big") == [9.0] + [0.0] * 8 + [9.0]  # 100 × (120 - 23) / 977 = 9.93
    engine.cluster.apply(NodeGone("n5"))  # 600 × 2/9 = 133: 11.29
    assert [points(engine, "big")[i] for i in (0, 9)] == [11.0, 11.0]
    engine.cluster.apply(NodeChanged(node("n0", 1)))  # 600 × 1/9 = 66: 4.48
    assert [points(engine, "big")[i] for i in (0, 9)] == [0.0, 4.0]
    engine.cluster.check()


def test_images_of_a_trial_are_rolled_back() -> None:
    engine = ten(n0=(("big", 600),))
    before = points(engine, "big")
    with engine.cluster.trial():
        engine.cluster.apply(ImagesChanged("n0", (("small", 5),)))
        engine.cluster.apply(ImagesChanged("n1", (("big", 600),)))
        engine.cluster.apply(NodeGone("n2"))
        engine.cluster.apply(NodeUp(node("late", images=(("big", 700),))))
        assert points(engine, "big") != before
        engine.cluster.check()
    engine.cluster.check()
    assert points(engine, "big") == before


def test_a_copy_has_images_of_its_own() -> None:
    engine = ten(n0=(("big", 600),))
    twin = engine.cluster.copy()
    twin.apply(ImagesChanged("n0", ()))
    twin.check()
    engine.cluster.check()
    assert points(engine, "big")[0] == 3.0
    assert points(Engine(twin, ImageLocality()), "big")[0] == 0.0


@pytest.mark.parametrize(
    ("images", "line"),
    [
        ((("a", 1), ("a", 2)), "node n: an image is there twice"),
        ((("a", -1),), "node n: sizes of images are whole numbers"),
        ((("a", 1.5),), "node n: sizes of images are whole numbers"),
    ],
)
def test_images_that_cannot_be_are_refused(images: Any, line: str) -> None:
    with pytest.raises(InvalidRequest, match=line):
        Cluster([node("n", images=images)])
    cluster = Cluster([node("n", images=(("a", 7),))])
    with pytest.raises(InvalidRequest, match=line):
        cluster.apply(ImagesChanged("n", images))
    cluster.check()
    assert cluster.nodes["n"].images == (("a", 7),)


# --- shapes ------------------------------------------------------------------------------------


def test_images_make_another_question_only_for_who_looks_at_them() -> None:
    first, second = whole("p", images=("a",)), whole("q", images=("b",))._replace(devices=())
    second = second._replace(devices=first.devices)
    for name, apart in (("image-locality", True), ("best-fit", False), ("1*fgd+1*pwr", False)):
        engine = Engine(Cluster([node("n")]), policy(name))
        assert (engine.shapes(first) != engine.shapes(second)) is apart
        assert (engine.shapes(first)[0].images == ("a",)) is apart


def test_a_sum_looks_at_images_when_a_part_does() -> None:
    mixed = parse_mix("0.5*image-locality+0.5*best-fit", policy)
    assert mixed.uses_images
    cluster = Cluster([node("small", 1), node("large", 4, images=(("big", 9_000),))])
    request = whole("p", images=("big",))
    alone = [
        Engine(cluster, policy(name)).scores(request) for name in ("image-locality", "best-fit")
    ]
    summed = Engine(cluster, mixed).scores(request)
    assert summed.tolist() == (0.5 * alone[0] + 0.5 * alone[1]).tolist()
    assert where(Engine(cluster, mixed).decide(request, 0.0))[0] == "large"
    assert where(Engine(cluster, mixed).decide(whole("p"), 0.0))[0] == "small"


# --- against plain Python ----------------------------------------------------------------------


def plain_points(cluster: Cluster, request: Request) -> list[float]:
    """The points of each row by kube-scheduler's rule, a node and an image at a time."""
    found = []
    for row in range(cluster.view.n_rows):
        if not cluster.view.alive[row]:
            found.append(float("-inf"))
            continue
        total = 0
        for image in request.images:
            mib = dict(cluster.node_at(row).images).get(image)
            if mib is not None:
                having = sum(image in dict(each.images) for each in cluster.nodes.values())
                total += int(mib * MIB * (having / len(cluster.nodes)))
        most = 1000 * MIB * len(request.images)
        total = min(max(total, 23 * MIB), most)
        found.append(float(100 * (total - 23 * MIB) // (most - 23 * MIB)))
    return found


IMAGES = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 3_000), max_size=3).map(
    lambda images: tuple(sorted(images.items()))
)
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["up", "gone", "images", "bind", "leave"]), st.integers(0, 7), IMAGES
    ),
    max_size=12,
)
ASKED = st.lists(st.sampled_from((*NAMES, "nowhere")), min_size=1, max_size=4).map(tuple)


@given(st.lists(IMAGES, min_size=1, max_size=8), CHANGES, st.lists(ASKED, min_size=1, max_size=3))
def test_points_are_those_of_plain_python_after_every_change(
    nodes: list[Any], changes: list[tuple[str, int, Any]], asked: list[tuple[str, ...]]
) -> None:
    engine = engine_of(*[node(f"n{i}", 4, images=images) for i, images in enumerate(nodes)])
    cluster = engine.cluster
    requests = [Request(f"p{i}", images=images) for i, images in enumerate(asked)]
    for step, (what, number, images) in enumerate([("", 0, ()), *changes]):
        name = f"n{number}"
        if what == "up" and name not in cluster.nodes:
            cluster.apply(NodeUp(node(name, 4, images=images)))
        elif what == "gone" and name in cluster.nodes and len(cluster.nodes) > 1:
            cluster.apply(NodeGone(name))
        elif what == "images" and name in cluster.nodes:
            cluster.apply(ImagesChanged(name, images))
        elif what == "bind":
            bind(engine, Request(f"b{step}", cpu_milli=1, images=requests[0].images))
        elif what == "leave" and cluster.pods:
            cluster.apply(Gone(min(cluster.pods)))
        for request in requests[step % 2 :]:  # some columns are left behind, and catch up
            assert engine.scores(request).tolist() == plain_points(cluster, request)
        cluster.check()
