"""Which pods that were refused are woken, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from bayplan.extender.live.owner import Owner
from bayplan.extender.live.settings import Live
from bayplan.extender.service.calls import CallFailed, PodName
from bayplan.extender.service.waiting import MOST_LOOKED_AT, MOST_NUDGED, Waiting
from bayplan.traces.kubernetes.objects import Object
from extender_things import gang_pod, listed, node, pod, pod_group


class Api:
    """Notes who is touched, and with what; those in ``fails`` cannot be."""

    def __init__(self, *fails: str) -> None:
        self.touched: list[str] = []
        self.values: list[str] = []
        self.fails = fails

    async def touch(self, pod: PodName, key: str, value: str) -> None:
        if pod.name in self.fails:
            raise CallFailed("no")
        assert key == "bayplan.io/nudged"
        self.touched.append(pod.name)
        self.values.append(value)

    async def bind(self, pod: PodName, node: str, annotations: Mapping[str, str]) -> None: ...
    async def evict(self, pod: PodName) -> None: ...
    async def read(self, path: str) -> Object | None: ...
    def tell(self, pod: PodName, reason: str, note: str, *, warning: bool) -> None: ...


BUSY = pod("busy", 8, at="a")


def waiting(*pods: Object, fails: tuple[str, ...] = ()) -> tuple[Waiting, Owner, Api]:
    """Return pods that were refused in that order, while the only node was full."""
    owner, api = Owner(Live()), Api(*fails)
    listed(owner, "PodGroup.scheduling.x-k8s.io", [pod_group("g", 3)], 0.0)
    listed(owner, "Node", [node("a")], 0.0)
    listed(owner, "Pod", [BUSY, *pods], 0.0)
    made = Waiting(owner, api, lambda: 1000.5)
    for each in pods:
        made.refused(f"default/{each['metadata']['name']}", "no room")
    return made, owner, api


def pods_of(n: int, gpus: int = 1) -> list[Object]:
    return [pod(f"p{k:03}", gpus) for k in range(n)]


def rounds(made: Waiting, n: int = 1) -> None:
    for _ in range(n):
        asyncio.run(made.wake())


def test_nobody_is_woken_while_nothing_became_free() -> None:
    made, _, api = waiting(*pods_of(3))
    rounds(made, 3)
    assert api.touched == []


def test_those_refused_first_are_woken_first_some_a_round_and_each_once() -> None:
    pods = pods_of(MOST_NUDGED + 5)
    made, owner, api = waiting(*pods)
    made.refused("default/p000", "no room")  # again, after all others
    owner.deleted("Pod", BUSY, 1.0)
    names = [each["metadata"]["name"] for each in [*pods[1:], pods[0]]]
    rounds(made)
    assert api.touched == names[:MOST_NUDGED]
    rounds(made)
    assert api.touched == names
    assert set(api.values) == {"1970-01-01T00:16:40.500+00:00"}
    rounds(made)
    assert api.touched == names


def test_who_was_refused_since_room_became_free_is_not_woken() -> None:
    made, owner, api = waiting(*pods_of(3))
    owner.deleted("Pod", BUSY, 1.0)
    made.refused("default/p001", "no room, again")
    made.forget("default/p002")
    rounds(made)
    assert api.touched == ["p000"]


def test_who_does_not_fit_by_now_is_not_woken_and_does_not_stand_before_who_does() -> None:
    made, owner, api = waiting(*pods_of(MOST_LOOKED_AT + 10, gpus=9), pod("small", 1))
    owner.deleted("Pod", BUSY, 1.0)
    rounds(made)
    assert api.touched == []
    rounds(made)
    assert api.touched == ["small"]


def test_of_a_gang_one_member_is_woken() -> None:
    members = [gang_pod(f"g-{k}", "g", 8) for k in range(3)]
    made, owner, api = waiting(*members, pod("alone", 1))
    owner.deleted("Pod", BUSY, 1.0)
    rounds(made, 2)
    assert api.touched == ["g-0", "alone"]


def test_pods_that_cannot_be_touched_are_logged_once_a_while_and_the_next_is_touched(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made, owner, api = waiting(*pods_of(3), fails=("p000", "p001"))
    owner.deleted("Pod", BUSY, 1.0)
    rounds(made)
    assert api.touched == ["p002"]
    assert [each.message for each in caplog.records] == ["not touched"]


def test_who_has_gone_or_is_bound_while_nobody_told_is_forgotten() -> None:
    gone, elsewhere, stays = pods_of(3)
    made, owner, api = waiting(gone, elsewhere, stays)
    listed(
        owner, "Pod", [{**elsewhere, "spec": {**elsewhere["spec"], "nodeName": "a"}}, stays], 1.0
    )
    rounds(made)
    assert api.touched == ["p002"]
    news = [made.refused(f"default/p00{k}", "no room") for k in range(3)]
    assert news == [True, True, False]


def test_a_reason_is_new_once() -> None:
    made, _, _ = waiting()
    told = [made.refused("default/p", why) for why in ("a", "a", "b", "a")]
    assert told == [True, False, True, True]
    made.forget("default/p")
    assert made.refused("default/p", "a")
