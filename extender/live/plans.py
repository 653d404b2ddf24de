"""Gangs: planned whole at the first member, followed by the others, bound together.

A plan holds room for every member that it places, so no two gangs hold half of the cluster each. It
lives until its members are bound, until one of its holds is gone, or until its time limit; then
the gang is planned anew, and who is bound stays where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from bayplan.extender.live.gang_reader import GangReader
from bayplan.extender.live.mirror import Mirror
from bayplan.extender.live.reading import Seen
from bayplan.extender.live.refusals import Refusals
from bayplan.extender.live.settings import Gangs
from bayplan.scheduler.arrays import BoolArray
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.errors import StateError
from bayplan.scheduler.gangs.types import Gang, GangPlan
from bayplan.scheduler.types import Decision
from bayplan.traces.kubernetes.gangs import Group, role_of
from bayplan.traces.kubernetes.objects import Object, name_of
from bayplan.traces.kubernetes.schemes import SCHEMES, Member
from bayplan.traces.kubernetes.types import Problem

SIZED_BY_OWNER = frozenset(scheme.key for scheme in SCHEMES if scheme.sized_by_owner)
"""Keys that name a gang and whose pods do not say how many there will be: their owner does."""

POD_GROUPS = {f"PodGroup.{api}": api for scheme in SCHEMES for api in scheme.pod_groups}
"""Kinds of PodGroups, the API's own first, and their API groups."""


@dataclass(slots=True)
class Plan:
    """Where the members of a gang go: ``nodes`` by uid, of those that waited. Until ``until_s``.

    ``least`` members must be there before any is bound, and ``arrived`` have come to be bound.
    ``told``: those who waited know of it. ``passed``: so many came that members are bound.
    ``stood_at``: the cluster's change after which it was seen to stand.
    """

    name: str
    least: int
    nodes: dict[str, str]
    until_s: float
    arrived: set[str] = field(default_factory=set)
    told: bool = False
    passed: bool = False
    stood_at: int = -1


@dataclass(frozen=True, slots=True)
class NoPlan:
    """Why a gang has no plan; ``waits``: for something that comes by itself and soon."""

    why: str
    waits: bool = False


@dataclass(slots=True)
class Plans:
    """The gangs that wait, and what was planned for them.

    Attributes
    ----------
    pod_groups
        PodGroup objects by kind, and by namespace/name.
    sizes
        How many members a gang has as its owner says, by namespace/name; None: nobody can tell.
    over
        Returns which limit of a queue some decisions would break; None: there are no queues.
    timed
        Surrounds each plan while the engine makes it.
    refusals
        The gangs that the engine found no room for.
    n_stated
        How often a PodGroup came, changed or left.
    """

    mirror: Mirror
    engine: Engine
    settings: Gangs
    pod_groups: dict[str, dict[str, Object]] = field(default_factory=dict)
    sizes: dict[str, int | None] = field(default_factory=dict)
    problems: dict[str, tuple[Problem, ...]] = field(default_factory=dict)
    over: Callable[[Sequence[Decision]], str] | None = None
    plans: dict[str, Plan] = field(default_factory=dict)
    timed: Callable[[], AbstractContextManager[Any]] = nullcontext
    refusals: Refusals = field(init=False)
    n_stated: int = 0
    _newest_s: dict[str, tuple[int, float]] = field(default_factory=dict)
    _reader: GangReader = field(init=False)

    def __post_init__(self) -> None:
        self.refusals = Refusals(self.mirror)
        self._reader = GangReader(self.mirror.reader)

    def see_pod_group(self, kind: str, thing: Object) -> None:
        """Let a PodGroup be as it is shown; lists of the API's own do not say whose they are."""
        known = self.pod_groups.setdefault(kind, {})
        known[name_of(thing)] = {**thing, "apiVersion": f"{POD_GROUPS[kind]}/"}
        self.n_stated += 1

    def forget_pod_group(self, kind: str, name: str) -> None:
        """Let a PodGroup be gone, if there is one of the name."""
        self.pod_groups.get(kind, {}).pop(name, None)
        self.n_stated += 1

    def group(self, name: str) -> Group | None:
        """Return a gang as its pods and its PodGroup say; None: one pod that waits for nobody."""
        pods = self.mirror.pods
        uids = self.mirror.groups.get(name, {})
        members = [pods[uid].facts.member for uid in uids]
        # Replicas of a workload's group share its spec.
        wanted = (name, name.rpartition("/")[0])
        stated = [
            thing
            for kind in POD_GROUPS
            for key in wanted
            if (thing := self.pod_groups.get(kind, {}).get(key)) is not None
        ]
        self.problems.pop(name, None)
        if not members:
            return None
        found, problems = self._reader.read(name, members, stated)
        if problems:
            self.problems[name] = problems
        if len(members) > 1 or found.least > 1:
            return found
        # The first of more, as far as is known?
        return None if found.sized or self.sizes.get(name) == 1 else found

    def gang(self, name: str, *, lifting: str = "") -> Gang | None:
        """Return a gang as the engine takes it, of the members that there are; or None.

        Who is gated is not there, unless ``lifting`` is the only gate that it has.
        """
        group = self.group(name)
        if group is None or not (here := self._here(group, lifting)):
            return None
        return self._gang(group, here, self.least(group))

    def least(self, group: Group) -> int:
        """Return how many members must start together, by the owner where the pods do not say."""
        size = self.sizes.get(group.name)
        return max(group.least, size) if size is not None else group.least

    def unsized(self, seen: Seen) -> bool:
        """Whether the owner of a pod's gang is still to be asked how many members it has."""
        return seen.grouped_by in SIZED_BY_OWNER and seen.group not in self.sizes

    def learn(self, name: str, size: int | None) -> None:
        """Note the size of a gang as its owner says; None: it does not.

        One whose pods are gone by now is not known any more: another may come by its name.
        """
        if name in self.mirror.groups:
            self.sizes[name] = size

    def follow(self, seen: Seen, now_s: float) -> str:
        """Return the node that a plan that stands has for a pod; empty: there is none."""
        plan = self.plans.get(seen.group)
        if plan is None:
            return ""
        if plan.until_s > now_s and self._stands(plan):
            return plan.nodes.get(seen.uid, "")
        self.drop(seen.group, now_s)
        return ""

    def make(
        self,
        seen: Seen,
        group: Group,
        now_s: float,
        nodes: BoolArray | None,
        *,
        holds: bool,
        lifting: str = "",
    ) -> Plan | NoPlan:
        """Plan a gang anew, who is bound stays; with ``holds`` keep the room for its members.

        Those are planned with whose only gate is ``lifting``: it is about to be lifted.
        """
        least = self.least(group)
        if missing := self.incomplete(seen, group, least, now_s, lifting=lifting):
            return missing
        self.drop(group.name, now_s)
        gang = self._gang(group, self._here(group, lifting), least)
        if (why := self.refusals.why(gang, nodes)) and seen.uid not in self.mirror.cluster.pods:
            return NoPlan(why)
        with self.timed():
            plan = self.engine.decide_gang(gang, now_s, nodes)
        if not plan.decisions:
            if seen.uid in self.mirror.cluster.pods:
                return NoPlan("the pod is bound already")
            why = f"gang {group.name}: {plan.why or 'nobody is left to place'}"
            self.refusals.note(gang, nodes, why)
            return NoPlan(why)
        if (n := len(plan.decisions) + len(plan.bound)) < least:
            return NoPlan(f"gang {group.name}: {n} of {least} members find room")
        if self.over is not None and (over := self.over(plan.decisions)):
            return NoPlan(f"gang {group.name}: {over}")
        made = Plan(group.name, least, _nodes(plan), now_s + self.settings.hold_s)
        if holds and not self._hold(plan, made):
            return NoPlan(f"gang {group.name}: room went while it was planned", waits=True)
        return made

    def missing(self, group: Group, least: int, *, lifting: str = "") -> str:
        """Return who is not there without whom a gang cannot start; empty: nobody.

        ``lifting`` is a gate that is as good as lifted.
        """
        here, of = self._here(group, lifting), f"gang {group.name}:"
        n = len(here)
        gated = f", {len(group.members) - n} more are gated" if n < len(group.members) else ""
        if n < least:
            return f"{of} {n} of {least} pods exist{gated}"
        for task, needed in sorted(group.tasks.items()):
            if (k := sum(role_of(member) == task for member in here)) < needed:
                return f"{of} {k} of {needed} pods of {task} exist{gated}"
        return ""

    def drop(self, name: str, now_s: float) -> None:
        """Give up a gang's plan and the room that is held for it."""
        plan = self.plans.pop(name, None)
        if plan is None:
            return
        for uid in plan.nodes:
            if uid in self.mirror.holds:
                self.mirror.release(uid, now_s)

    def drop_overdue(self, now_s: float) -> list[str]:
        """Give up the plans whose time is over; return the names of their gangs."""
        late = [name for name, plan in self.plans.items() if plan.until_s <= now_s]
        for name in late:
            self.drop(name, now_s)
        return late

    def forget(self, name: str) -> None:
        """Forget a gang without pods."""
        if name not in self.mirror.groups:
            self.sizes.pop(name, None)
            self.problems.pop(name, None)
            self._newest_s.pop(name, None)
            self.refusals.forget(name)
            self._reader.forget(name)
            self.plans.pop(name, None)

    def decision(self, uid: str, now_s: float) -> Decision | None:
        """Return what is held for a pod, as a decision to bind it."""
        pod = self.mirror.cluster.pods.get(uid)
        if pod is None or pod.held_until_s is None:
            return None
        return Decision(pod.request, now_s, pod.placement)

    def there(self, plan: Plan) -> int:
        """Return how many members are bound or have come to be bound."""
        uids = self.mirror.groups.get(plan.name, ())
        return sum(uid in plan.arrived or self.mirror.is_bound(uid) for uid in uids)

    def begun(self, plan: Plan) -> bool:
        """Whether members are bound already: the gang is in part until all others are."""
        return any(map(self.mirror.is_bound, self.mirror.groups.get(plan.name, ())))

    def bound(self, group: Group) -> list[str]:
        """Return the members that are bound."""
        return [m.uid for m in group.members if self.mirror.is_bound(m.uid)]

    def has_started(self, group: Group) -> bool:
        """Whether as many members are bound as must start together."""
        return len(self.bound(group)) >= self.least(group)

    def least_of_running(self) -> dict[str, int]:
        """Return how many members each gang must keep of which some are bound."""
        is_bound = self.mirror.is_bound
        running = [name for name, uids in self.mirror.groups.items() if any(map(is_bound, uids))]
        groups = [group for name in running if (group := self.group(name)) is not None]
        return {group.name: self.least(group) for group in groups}

    def incomplete(
        self, seen: Seen, group: Group, least: int, now_s: float, *, lifting: str = ""
    ) -> NoPlan | None:
        """Return why a gang cannot be planned yet: members are to come; None: it can."""
        if missing := self.missing(group, least, lifting=lifting):
            return NoPlan(missing, waits=True)
        n = len(self._here(group, lifting))
        if group.sized or self.sizes.get(group.name) is not None:
            return None
        if self.unsized(seen):
            return NoPlan(f"gang {group.name}: its owner is asked for its size", waits=True)
        known, since_s = self._newest_s.get(group.name, (0, now_s))
        if known != n:
            known, since_s = self._newest_s[group.name] = n, now_s
        if now_s - since_s < self.settings.settle_s:
            return NoPlan(f"gang {group.name}: {n} pods so far; others may come", waits=True)
        return None

    # --- inside ---------------------------------------------------------------------------

    def _here(self, group: Group, lifting: str) -> list[Member]:
        """Return the members that may be placed: those with no gate but one that is lifted."""
        pods = self.mirror.pods
        return [m for m in group.members if pods[m.uid].facts.gates in ((), (lifting,))]

    def _gang(self, group: Group, here: Sequence[Member], least: int) -> Gang:
        return self._reader.gang(group, [self.mirror.pods[m.uid] for m in here], least)

    def _hold(self, plan: GangPlan, made: Plan) -> bool:
        cluster = self.mirror.cluster
        with cluster.trial() as trial:
            try:
                for decision in plan.decisions:
                    self.mirror.hold(decision, made.until_s)
            except StateError:
                for decision in plan.decisions:
                    self.mirror.holds.pop(decision.request.uid, None)
                return False
            trial.keep()
        self.plans[made.name] = made
        return True

    def _stands(self, plan: Plan) -> bool:
        now = self.mirror.cluster.log.number
        if plan.stood_at != now and all(self._is_at(*pair) for pair in plan.nodes.items()):
            plan.stood_at = now
        return plan.stood_at == now

    def _is_at(self, uid: str, node: str) -> bool:
        pod = self.mirror.cluster.pods.get(uid)
        return pod is not None and pod.placement.node == node


def _nodes(plan: GangPlan) -> dict[str, str]:
    decided: Iterable[Decision] = plan.decisions
    return {
        decision.request.uid: decision.placement.node
        for decision in decided
        if decision.placement is not None
    }
