"""Random admissions and releases in random trees: what must hold after every step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bayplan.scheduler.queues import (
    GPU,
    QueueTree,
    Usage,
    admits,
    fair_shares,
    reclaimable,
)

from .support import guarantee_of, inside_of, rest_of, trees, used_of

MIN_RUN_S = 5


@dataclass(frozen=True, slots=True)
class Pod:
    queue: str
    amounts: Mapping[str, int]
    start_s: int
    preemptible: bool


class Admissions(RuleBasedStateMachine):
    """Pods are let in only when admitted, or for a guarantee after an eviction."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0
        self.pods: list[Pod] = []

    @initialize(tree=trees(), spare=st.integers(0, 4))
    def start(self, tree: QueueTree, spare: int) -> None:
        self.tree = tree
        self.usage = Usage(tree)
        self.capacity = {GPU: guarantee_of(tree, "") + spare, "cpu": 12}

    def own(self, resource: str = GPU) -> dict[str, int]:
        own = dict.fromkeys(self.tree.names, 0)
        for pod in self.pods:
            own[pod.queue] += pod.amounts.get(resource, 0)
        return own

    def let_in(self, pod: Pod) -> None:
        self.pods.append(pod)
        self.usage.add(pod.queue, pod.amounts)

    def evict(self, pod: Pod) -> None:
        self.pods.remove(pod)
        self.usage.remove(pod.queue, pod.amounts)

    @rule(data=st.data(), gpu=st.integers(0, 5), cpu=st.integers(0, 4), preemptible=st.booleans())
    def submit(self, data: st.DataObject, gpu: int, cpu: int, preemptible: bool) -> None:
        queue = data.draw(st.sampled_from(self.tree.names))
        pod = Pod(queue, {GPU: gpu, "cpu": cpu}, self.now_s, preemptible)
        verdict = admits(self.tree, self.usage, pod.amounts, queue, self.capacity)
        # Who may not be evicted is let in only within the guarantee: else it could not be reached.
        if verdict.admitted and (preemptible or not verdict.borrows):
            self.let_in(pod)

    @precondition(lambda self: self.pods)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        self.evict(self.pods[data.draw(st.integers(0, len(self.pods) - 1))])

    @rule(passed_s=st.integers(1, 4))
    def wait(self, passed_s: int) -> None:
        self.now_s += passed_s

    @rule(data=st.data(), amount=st.integers(1, 4))
    def claim_the_guarantee(self, data: st.DataObject, amount: int) -> None:
        """Evict pods a milli-GPU at a time; all borrowers that are old enough may go."""
        queue = data.draw(st.sampled_from(self.tree.names))
        amount = min(amount, rest_of(self.tree, queue) - self.own()[queue])
        if amount <= 0:
            return
        while True:
            verdict = admits(self.tree, self.usage, {GPU: amount}, queue, self.capacity)
            if verdict.admitted:
                break
            found = reclaimable(
                self.tree, self.usage, by=queue, amount=amount, within=verdict.queue
            )
            assert verdict.may_reclaim
            assert found
            if not any(self.shrink(name) for name in found):
                return  # the borrowers started just now
        assert not verdict.borrows
        self.let_in(Pod(queue, {GPU: amount}, self.now_s, False))

    def shrink(self, queue: str) -> bool:
        """Take one milli-GPU from a pod that may go; whether there is one."""
        for pod in self.pods:
            old = self.now_s - pod.start_s >= MIN_RUN_S
            if pod.queue == queue and pod.preemptible and old and pod.amounts[GPU]:
                self.evict(pod)
                smaller = {**pod.amounts, GPU: pod.amounts[GPU] - 1}
                self.let_in(Pod(queue, smaller, pod.start_s, True))
                return True
        # Those of its pods that may not go are within the guarantee, or started just now.
        fixed = sum(p.amounts[GPU] for p in self.pods if p.queue == queue and not p.preemptible)
        assert fixed <= rest_of(self.tree, queue)
        return False

    @invariant()
    def usage_is_that_of_the_pods(self) -> None:
        for resource in (GPU, "cpu"):
            own = self.own(resource)
            for name in self.tree.names:
                assert self.usage.own(name, resource) == own[name]
                assert self.usage.used(name, resource) == used_of(self.tree, own, name)
        column = self.usage.column(GPU)
        assert column.inside == [inside_of(self.tree, self.own(), n) for n in self.tree.names]

    @invariant()
    def no_limit_is_ever_passed(self) -> None:
        own = self.own()
        for name, queue in self.tree.queues.items():
            if GPU in queue.limit:
                assert inside_of(self.tree, own, name) <= queue.limit[GPU]
        assert inside_of(self.tree, own, "") <= self.capacity[GPU]
        assert self.usage.used("", "cpu") <= self.capacity["cpu"]

    @invariant()
    def what_is_kept_can_be_had_at_once(self) -> None:
        own = self.own()
        for name, queue in self.tree.queues.items():
            kept = guarantee_of(self.tree, name) - queue.lending_limit.get(
                GPU, guarantee_of(self.tree, name)
            )
            left = kept - inside_of(self.tree, own, name)
            free = rest_of(self.tree, name) - own[name]
            if left > 0 and free > 0:
                amounts = {GPU: min(left, free)}
                assert admits(self.tree, self.usage, amounts, name, self.capacity).admitted

    @invariant()
    def shares_of_what_is_used_fit_the_capacity(self) -> None:
        shares = fair_shares(self.tree, self.own(), self.capacity[GPU])
        assert shares[""] <= self.capacity[GPU] + 1e-9


TestAdmissions = pytest.mark.promise("queues never over limit")(Admissions.TestCase)
