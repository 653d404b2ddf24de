from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.errors import InputError
from bayplan.scheduler.events import NodeChanged, NodeGone, NodeUp
from bayplan.scheduler.gangs import Domains, TopologyKeys
from bayplan.scheduler.types import Node, TopologyLevel

from .brute import domain
from .cases import CLIQUE, LEVELS, RACK, ZONE

LABELS = st.fixed_dictionaries(
    {},
    optional={
        ZONE: st.sampled_from("ab"),
        "topology.kubernetes.io/block": st.sampled_from("xy"),
        RACK: st.sampled_from(("r1", "r2", "")),
        CLIQUE: st.sampled_from(("c1", "c2")),
        "kubernetes.io/arch": st.just("amd64"),
    },
).map(lambda labels: tuple(sorted(labels.items())))


def labelled(name: str, *labels: tuple[str, str]) -> Node:
    return Node(name, 1_000, labels=labels)


def check(domains: Domains, cluster: Cluster) -> None:
    """Two nodes are in one domain exactly if their paths are the same."""
    for level in LEVELS:
        ids = domains.ids(level)
        assert ids.size == cluster.view.n_rows
        paths: dict[int, tuple[str, ...]] = {}
        for row in range(ids.size):
            if not cluster.view.alive[row]:
                assert ids[row] == -1
                continue
            path = domain(cluster.node_at(row), level)
            assert (ids[row] >= 0) == (path is not None)
            if path is not None:
                assert paths.setdefault(int(ids[row]), path) == path
                name = "/".join(part.partition("=")[2] or part for part in path)
                assert domains.name(level, int(ids[row])) == name
        assert len(set(paths.values())) == len(paths)
        assert all(number < domains.count(level) for number in paths)


@given(st.lists(st.tuples(st.sampled_from("pqrstu"), LABELS, st.booleans()), max_size=12))
def test_domains_are_those_of_the_labels_after_every_change(
    steps: list[tuple[str, tuple[tuple[str, str], ...], bool]],
) -> None:
    cluster = Cluster()
    domains = Domains(cluster)
    for name, labels, stays in steps:
        node = labelled(name, *labels)
        if name not in cluster.nodes:
            cluster.apply(NodeUp(node))
        else:
            cluster.apply(NodeChanged(node) if stays else NodeGone(name))
        check(domains, cluster)
    tree = domains.tree()
    assert nx.is_arborescence(tree)
    assert tree.nodes[None, ""]["nodes"] == len(cluster.nodes)
    for number, level in enumerate(LEVELS[1:]):
        sizes = [data["nodes"] for (at, _), data in tree.nodes(data=True) if at is level]
        assert sum(sizes) == np.count_nonzero(domains.ids(level) >= 0), number


def test_racks_of_the_same_name_in_two_zones_are_two_racks() -> None:
    cluster = Cluster(
        [
            labelled("n0", (ZONE, "a"), (RACK, "r1")),
            labelled("n1", (ZONE, "b"), (RACK, "r1")),
            labelled("n2", (RACK, "r1")),
            labelled("n3", (ZONE, "a"), (RACK, "r1")),
            labelled("n4", (ZONE, "a")),
        ]
    )
    domains = Domains(cluster)
    assert domains.ids(TopologyLevel.RACK).tolist() == [0, 1, 2, 0, -1]
    names = [domains.name(TopologyLevel.RACK, number) for number in range(3)]
    assert names == ["a/r1", "b/r1", "r1"]


def test_the_first_key_that_a_node_has_counts() -> None:
    keys = TopologyKeys(((TopologyLevel.RACK, ("mine", "theirs")),))
    nodes = [labelled("n0", ("theirs", "x"), ("mine", "y")), labelled("n1", ("theirs", "x"))]
    domains = Domains(Cluster(nodes), keys)
    ids = domains.ids(TopologyLevel.RACK).tolist()
    assert [domains.name(TopologyLevel.RACK, number) for number in ids] == ["y", "x"]


def test_keys_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(InputError, match="to name both"):
        TopologyKeys(((TopologyLevel.RACK, ("k",)), (TopologyLevel.ZONE, ("k",))))
    with pytest.raises(InputError, match="has no label"):
        TopologyKeys(((TopologyLevel.NODE, ("k",)),))
    with pytest.raises(ValueError, match="inside a node"):
        Domains(Cluster()).ids(TopologyLevel.GPU_ISLAND)


def test_labels_that_come_and_go_do_not_pile_up() -> None:
    cluster = Cluster([labelled("n0")])
    domains = Domains(cluster)
    for i in range(3_000):
        cluster.apply(NodeChanged(labelled("n0", (RACK, f"r{i}"))))
        number = int(domains.ids(TopologyLevel.RACK)[0])
        assert domains.name(TopologyLevel.RACK, number) == f"r{i}"
    assert domains.count(TopologyLevel.RACK) < 2_000


def test_a_node_that_a_trial_took_back_is_passed_over() -> None:
    cluster = Cluster([labelled("a", (RACK, "r1"))])
    domains = Domains(cluster)
    check(domains, cluster)
    with cluster.trial():
        cluster.apply(NodeUp(labelled("b", (RACK, "r2"))))
        check(domains, cluster)
    check(domains, cluster)
