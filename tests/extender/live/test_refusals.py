"""Gangs without room: searched for once, and again only when something may have helped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayplan.extender.live.owner import Owner
from bayplan.extender.live.settings import Live
from extender_things import bound, gang_pod, listed, node, pod, pod_group

Object = dict[str, Any]
GROUPS = "PodGroup.scheduling.x-k8s.io"
APART = {
    "affinity": {
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {
                    "labelSelector": {"matchLabels": {"app": "ours"}},
                    "topologyKey": "kubernetes.io/hostname",
                }
            ]
        }
    }
}

LABELS = st.sampled_from(({}, {"app": "ours"}))


class Watched:
    """An owner whose searches for room of gangs are counted."""

    def __init__(self, *nodes: Object, pods: tuple[Object, ...] = (), least: int = 3) -> None:
        self.owner = Owner(Live())
        self.n_searches = 0
        self.owner.plans.timed = self._counted
        listed(self.owner, "Node", nodes, 0.0)
        listed(self.owner, GROUPS, [pod_group("g", least)], 0.0)
        listed(self.owner, "Pod", pods, 0.0)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self.n_searches += 1
        yield

    def ask(self, *things: Object) -> str:
        """Ask for pods; return what was said of the last one."""
        names = sorted(self.owner.mirror.cluster.nodes)
        for thing in things:
            answer = self.owner.filter(thing, names, 1.0, holds=True)
        return answer.passed[0] if answer.passed else answer.error or answer.counts()[0][0]


def members(n: int = 3, gpus: int = 8, **more: Any) -> tuple[Object, ...]:
    return tuple(gang_pod(f"g-{k}", "g", gpus, **more) for k in range(n))


NO_ROOM = (
    "gang default/g: 2 of 3 members fit in the cluster; default/g-2 does not:"
    " 2 × too few GPUs with enough free"
)


def test_an_impossible_gang_is_searched_for_once_however_often_its_members_are_asked_for() -> None:
    pods = members()
    watched = Watched(node("a"), node("b"), pods=pods)
    assert [watched.ask(each) for each in (*pods, *pods)] == [NO_ROOM] * 6
    assert watched.n_searches == 1


def test_who_takes_room_does_not_help_and_who_leaves_may() -> None:
    pods, busy, more = members(), pod("busy", 1, at="c"), pod("more", 1, at="c")
    watched = Watched(node("a"), node("b"), node("c"), pods=(*pods, busy))
    assert watched.ask(*pods).startswith("gang default/g: 2 of 3 members fit")
    watched.owner.changed("Pod", more, 2.0)
    watched.ask(*pods)
    assert watched.n_searches == 1
    watched.owner.deleted("Pod", busy, 3.0)
    assert watched.ask(*pods).startswith("gang default/g: 2 of 3 members fit")
    assert watched.n_searches == 2
    watched.owner.deleted("Pod", more, 4.0)
    assert sorted(watched.ask(each) for each in pods) == ["a", "b", "c"]
    assert watched.n_searches == 3


def test_a_node_that_comes_or_opens_may_help() -> None:
    pods = members()
    watched = Watched(node("a"), node("b"), pods=pods)
    watched.ask(*pods)
    watched.owner.changed("Node", node("c", cordoned=True), 2.0)
    watched.ask(*pods)
    assert watched.n_searches == 2
    watched.owner.changed("Node", node("c"), 3.0)
    assert sorted(watched.ask(each) for each in pods) == ["a", "b", "c"]


def test_a_gang_that_asks_for_something_else_is_searched_for_anew() -> None:
    pods = members()
    watched = Watched(node("a"), node("b"), pods=pods)
    watched.ask(*pods)
    less = gang_pod("g-2", "g", 0, uid=pods[2]["metadata"]["uid"])
    watched.owner.changed("Pod", less, 2.0)
    assert watched.ask(pods[0]) == "a"
    assert watched.n_searches == 2


def test_a_member_that_is_bound_by_somebody_else_is_one_less_to_be_placed() -> None:
    pods = members()
    watched = Watched(node("a"), node("b"), node("c", 0), pods=pods)
    watched.ask(*pods)
    watched.owner.changed("Pod", bound(pods[2], "c"), 2.0)  # where it does not fit; it is there
    assert sorted(watched.ask(each) for each in pods[:2]) == ["a", "b"]


def test_pods_that_come_may_help_a_gang_that_looks_at_pods() -> None:
    pods = members(labels={"app": "ours"}, gpus=1, spec=APART)
    watched = Watched(node("a"), node("b"), pods=pods)
    watched.ask(*pods)
    first = watched.n_searches
    watched.owner.changed("Pod", pod("x", 1, at="a"), 2.0)
    watched.ask(pods[0])
    assert (first, watched.n_searches) == (1, 2)


def test_nothing_is_remembered_of_a_gang_that_is_gone() -> None:
    pods = members()
    watched = Watched(node("a"), node("b"), pods=pods)
    watched.ask(*pods)
    for each in pods:
        watched.owner.deleted("Pod", each, 2.0)
    for each in pods:
        watched.owner.changed("Pod", each, 3.0)
    assert watched.ask(pods[0]) == NO_ROOM
    assert watched.n_searches == 2


def test_each_set_of_candidates_is_a_question_of_its_own() -> None:
    pods = members()
    watched = Watched(node("a"), node("b"), pods=pods)
    plans = watched.owner.plans
    gang = plans.gang("default/g")
    assert gang is not None
    known = plans.refusals
    view = watched.owner.mirror.cluster.view
    masks = [view.alive[:2].copy() for _ in range(6)]
    for k, mask in enumerate(masks):
        mask[:] = [k & 1, k & 2]
        known.note(gang, mask, f"why {k}")
    found = [known.why(gang, mask) for mask in masks]
    assert found == ["why 4", "why 5", "why 2", "why 3", "why 4", "why 5"]
    assert known.why(gang, None) == ""


@pytest.mark.promise("gangs never partial")
@settings(deadline=None)
@given(st.data())
def test_what_is_remembered_never_hides_room(data: st.DataObject) -> None:
    """Whatever happens, a gang is answered as by an owner that sees all for the first time."""
    spec = data.draw(st.sampled_from(({}, APART)))
    pods = members(3, 4, labels={"app": "ours"}, spec=spec)
    things: dict[str, Object] = {name: node(name) for name in "ab"}
    others: dict[str, Object] = {}
    watched = Watched(*things.values(), pods=pods)
    for _ in range(data.draw(st.integers(1, 8))):
        what = data.draw(st.sampled_from(("pod", "gone", "node", "cordon")))
        name = data.draw(st.sampled_from("abc"))
        if what == "pod":
            uid, gpus = f"x{len(others)}", data.draw(st.integers(1, 8))
            others[uid] = pod(uid, gpus, at=name, labels=data.draw(LABELS))
            watched.owner.changed("Pod", others[uid], 1.0)
        elif what == "gone" and others:
            watched.owner.deleted("Pod", others.pop(min(others)), 1.0)
        elif what == "node":
            things[name] = node(name, data.draw(st.sampled_from((0, 8))))
            watched.owner.changed("Node", things[name], 1.0)
        elif what == "cordon" and name in things:
            things[name] = node(name, cordoned=True)
            watched.owner.changed("Node", things[name], 1.0)
        fresh = Watched(*things.values(), pods=(*pods, *others.values()))
        asked = data.draw(st.sampled_from(pods))
        finds = watched.ask(asked) in things
        watched.owner.plans.drop("default/g", 1.0)  # or it would take room
        assert finds == (fresh.ask(asked) in fresh.owner.mirror.cluster.nodes)
