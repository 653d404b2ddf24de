"""Gangs are read again when a word of them changes, and not before."""

from __future__ import annotations

from typing import Any

import pytest

from bayplan.extender.live import gang_reader
from bayplan.extender.live.owner import Owner
from bayplan.extender.live.settings import Live
from bayplan.traces.kubernetes.gangs import group_of
from extender_things import gang_pod, listed, node, pod_group

Object = dict[str, Any]
GROUPS = "PodGroup.scheduling.x-k8s.io"


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The gangs that were read, in order."""
    found: list[str] = []

    def noted(name: str, *rest: Any) -> Any:
        found.append(name)
        return group_of(name, *rest)

    monkeypatch.setattr(gang_reader, "group_of", noted)
    return found


def owner_of(*pods: Object) -> Owner:
    owner = Owner(Live())
    listed(owner, "Node", [node("a")], 0.0)
    listed(owner, GROUPS, [pod_group("g", 2)], 0.0)
    listed(owner, "Pod", pods, 0.0)
    return owner


def pods(n: int, **more: Any) -> list[Object]:
    return [gang_pod(f"g-{k}", "g", uid=f"uid-{k}", **more) for k in range(n)]


def test_a_gang_is_read_once_for_all_its_members(reads: list[str]) -> None:
    owner = owner_of(*pods(3))
    plans = owner.plans
    assert [plans.group("default/g") for _ in range(3)] == [plans.group("default/g")] * 3
    assert plans.gang("default/g") is plans.gang("default/g")
    assert reads == ["default/g"]
    for each in pods(3):  # seen again, and the same: a status that nobody reads
        owner.changed("Pod", each, 1.0)
    gang = plans.gang("default/g")
    assert gang is plans.gang("default/g")
    assert reads == ["default/g"]


def test_a_member_or_a_pod_group_that_says_something_else_is_read(reads: list[str]) -> None:
    owner = owner_of(*pods(3))
    plans = owner.plans
    before = plans.gang("default/g")
    assert before is not None
    assert before.roles[0].min_members == 2
    owner.changed(GROUPS, pod_group("g", 3), 1.0)
    after = plans.gang("default/g")
    assert after is not None
    assert after.roles[0].min_members == 3
    (larger,) = pods(1, asks={"nvidia.com/gpu": "4"})
    owner.changed("Pod", larger, 2.0)
    changed = plans.gang("default/g")
    assert changed is not None
    assert changed.roles[0].members[0].devices != after.roles[0].members[0].devices
    n_read = len(reads)
    owner.changed("Pod", pods(4)[3], 3.0)
    grown = plans.group("default/g")
    assert grown is not None
    assert len(grown.members) == 4
    assert len(reads) == n_read + 1
    owner.deleted("Pod", pods(4)[3], 4.0)
    shrunk = plans.gang("default/g")
    assert shrunk is not None
    assert len(shrunk.roles[0].members) == 3


def test_what_is_wrong_with_a_gang_is_said_until_it_is_mended() -> None:
    strange = {"annotations": {"kueue.x-k8s.io/podset-required-topology": "floor"}}
    owner = owner_of(*pods(2, **strange))
    for _ in range(2):
        owner.plans.group("default/g")
        (problem,) = owner.plans.problems["default/g"]
        assert "'floor' is no topology level" in problem.text
    for each in pods(2):
        owner.changed("Pod", each, 1.0)
    owner.plans.group("default/g")
    assert owner.plans.problems == {}


def test_a_gang_that_comes_to_be_protected_by_a_budget_is_made_anew() -> None:
    owner = owner_of(*pods(2))
    before = owner.plans.gang("default/g")
    budget = {
        "metadata": {"name": "b", "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"scheduling.x-k8s.io/pod-group": "g"}}},
        "status": {"disruptionsAllowed": 1},
    }
    owner.changed("PodDisruptionBudget", budget, 1.0)
    owner.mirror.learn_budgets(1.0)
    after = owner.plans.gang("default/g")
    assert before is not None
    assert after is not None
    assert before.roles[0].members[0].disruption_budgets == ()
    assert after.roles[0].members[0].disruption_budgets == ("default/b",)
