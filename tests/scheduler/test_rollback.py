"""A cluster on which something was tried, beside its twin on which nothing was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import StateError
from bayplan.scheduler.events import (
    Bound,
    Checkpointed,
    Event,
    Gone,
    Held,
    HoldExpired,
    NodeChanged,
    NodeGone,
    NodeUp,
)
from bayplan.scheduler.explaining import explain_pod
from bayplan.scheduler.gangs.types import Gang, Role
from bayplan.scheduler.preemption import preempt
from bayplan.scheduler.types import Node, Request

from .support import policy, snapshot
from .test_state_machine import NAMES, gpus, hosts, requests

Step = tuple[str, Any]


@dataclass
class Side:
    """A cluster, and its engines, which remember what they scored."""

    cluster: Cluster = field(default_factory=Cluster)

    def __post_init__(self) -> None:
        self.engines = [Engine(self.cluster, policy(name)) for name in ("best-fit", "fgd")]

    def tell(self, event: Event) -> object:
        """Apply an event; what came of it."""
        try:
            self.cluster.apply(event)
        except StateError as error:
            return type(error)
        return event

    def play(self, step: Step) -> object:
        """Do a step; what came of it, in terms that do not depend on versions."""
        return STEPS[step[0]](self, step[1])

    def held(self, which: int) -> str:
        uids = sorted(u for u, p in self.cluster.pods.items() if p.held_until_s is not None)
        return uids[which % len(uids)] if uids else "nobody"

    def node(self, which: int) -> str:
        names = sorted(self.cluster.nodes)
        return names[which % len(names)] if names else "nowhere"

    def uid(self, which: int) -> str:
        uids = sorted(self.cluster.pods)
        return uids[which % len(uids)] if uids else "nobody"


def _change(side: Side, given: Any) -> object:
    which, host, gpu = given
    name = side.node(which)
    return side.tell(NodeChanged(replace(side.cluster.nodes.get(name, Node(name)), **host, **gpu)))


def _pod(side: Side, given: Any) -> object:
    request, number, keep = given
    decision = side.engines[number % 2].decide(request._replace(uid=f"p{number}"), 1.0)
    if decision.placement is None:
        return decision.reasons
    side.tell(Held(decision, 9.0) if keep else Bound(decision, 1.0))
    return decision.placement


def _gang(side: Side, request: Request) -> object:
    members = tuple(request._replace(uid=f"m{i}") for i in range(2))
    plan = side.engines[0].decide_gang(Gang("m", (Role("w", members),)), 1.0)
    for decision in plan.decisions:
        side.tell(Bound(decision, 1.0))
    return [decision.placement for decision in plan.decisions], plan.missing, plan.why


def _victims(side: Side, request: Request) -> object:
    found = preempt(side.engines[0], request._replace(uid="new", priority=5), 2.0)
    for uid in found.nodes[0].uids if found.nodes else ():
        side.tell(Gone(uid))
    return found.nodes, found.why


def _why(side: Side, request: Request) -> object:
    return explain_pod(side.engines[1], request._replace(uid="why"), 2.0)


STEPS: dict[str, Callable[[Side, Any], object]] = {
    "up": lambda side, given: side.tell(NodeUp(Node(given[0], **given[1], **given[2]))),
    "change": _change,
    "down": lambda side, which: side.tell(NodeGone(side.node(which))),
    "pod": _pod,
    "gang": _gang,
    "victims": _victims,
    "why": _why,
    "gone": lambda side, which: side.tell(Gone(side.uid(which))),
    "saved": lambda side, which: side.tell(Checkpointed(side.uid(which), 2.0)),
    "expired": lambda side, which: side.tell(HoldExpired(side.held(which), 9.0)),
}
names, which = st.sampled_from(NAMES), st.integers(0, 9)
pods = st.tuples(st.just("pod"), st.tuples(requests, st.integers(0, 30), st.booleans()))
steps: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("up"), st.tuples(names, hosts, gpus)),
    st.tuples(st.just("change"), st.tuples(which, hosts, st.just({}) | gpus)),
    st.tuples(st.just("down"), which),
    pods,
    pods,
    st.tuples(st.sampled_from(["gang", "victims", "why"]), requests),
    st.tuples(st.sampled_from(["gone", "saved", "expired"]), which),
)
histories = st.lists(steps, max_size=10)


@dataclass(frozen=True)
class Attempt:
    """Steps that are tried, with attempts inside, some kept; whether it breaks off by an error."""

    parts: tuple[Any, ...]
    kept: bool
    breaks_off: bool


attempts: st.SearchStrategy[Attempt] = st.recursive(
    st.builds(Attempt, st.lists(steps, max_size=6).map(tuple), st.booleans(), st.booleans()),
    lambda inner: st.builds(
        Attempt,
        st.lists(st.one_of(steps, inner), max_size=5).map(tuple),
        st.booleans(),
        st.booleans(),
    ),
    max_leaves=3,
)


class Enough(Exception):
    """Breaks off an attempt."""


def attempt(side: Side, what: Attempt, *, outermost: bool = True) -> None:
    before = snapshot(side.cluster)
    stays = what.kept and not what.breaks_off and not outermost
    after = before
    try:
        with side.cluster.trial() as trial:
            for part in what.parts:
                if isinstance(part, Attempt):
                    attempt(side, part, outermost=False)
                else:
                    side.play(part)
            after = snapshot(side.cluster)
            if what.kept and not outermost:
                trial.keep()
            if what.breaks_off:
                raise Enough
    except Enough:
        pass
    assert snapshot(side.cluster) == (after if stays else before)


@pytest.mark.promise("rollback exact")
@given(histories, st.lists(attempts, min_size=1, max_size=2), histories)
def test_who_tried_something_is_as_its_twin_that_did_not_then_and_ever_after(
    before: list[Step], tried: list[Attempt], after: list[Step]
) -> None:
    side, twin = Side(), Side()
    for step in [("up", ("n0", {"cpu_milli": 8000, "memory_mib": 8000}, GPUS)), *before]:
        assert side.play(step) == twin.play(step)
    for each in tried:
        attempt(side, each)
        side.cluster.check()
        assert snapshot(side.cluster) == snapshot(twin.cluster)
    for step in after:
        assert side.play(step) == twin.play(step), step
        assert snapshot(side.cluster) == snapshot(twin.cluster)


GPUS = {"gpu_count": 4, "gpu_model": "A", "gpu_memory_mib": 8000}
