"""From watched objects to what the engine takes, one at a time, in a cluster that changes."""

from __future__ import annotations

from dataclasses import dataclass, field

from bayplan.extender.health.marking import Marker
from bayplan.extender.live.enforcing import Way, asking, way_of, ways_on
from bayplan.extender.live.koordinator import Inventory
from bayplan.scheduler.types import Request
from bayplan.traces.kubernetes import keys
from bayplan.traces.kubernetes.budgets import Budgets, read_budgets
from bayplan.traces.kubernetes.dra.claims import claims_of
from bayplan.traces.kubernetes.dra.types import PodClaim
from bayplan.traces.kubernetes.gpus import Gpus, named_on
from bayplan.traces.kubernetes.minima import wrong_with
from bayplan.traces.kubernetes.nodes import NodeFacts, read_node
from bayplan.traces.kubernetes.objects import Object, dict_of, metadata_of, name_of, objects_in
from bayplan.traces.kubernetes.pods import PodFacts, PodReader, member_of
from bayplan.traces.kubernetes.reader import FINISHED
from bayplan.traces.kubernetes.refining import uuids_in
from bayplan.traces.kubernetes.resources import BadField
from bayplan.traces.kubernetes.schemes import Member, named_by, rivals_of, says_nothing
from bayplan.traces.kubernetes.types import Problem

MOST_REMEMBERED = 50_000
"""Different requests of pods whose reading is remembered."""

_KEPT_OF_SPEC = ("schedulingGroup", "workloadRef")
_KEPT_WHILE_WAITING = (*_KEPT_OF_SPEC, "schedulerName")
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_BY_CLUSTER = (keys.HAMI_TYPES, keys.HAMI_NOT_TYPES, keys.GPU_MODELS)
"""Annotations whose meaning depends on which GPUs the cluster has."""

_BY_CONTAINER = (Way.HAMI, Way.VOLCANO, Way.ALIYUN)
"""Ways in which it matters later which containers ask, or what a unit is."""

_GIB_MIB = 1024

Rivals = tuple[tuple[str, str], ...]
NO_RIVALS: Rivals = ()


@dataclass(slots=True)
class Seen:
    """A pod as it was last seen.

    ``uid`` is namespace/name, ``api_uid`` the API's: of two pods of one name it differs.
    ``version`` is the object's ``resourceVersion``: what has the same is the same.
    ``group`` is namespace/name of its gang and ``grouped_by`` the key that names it, empty without
    one; ``rivals`` are (key, namespace/name) by other keys, which do not count.
    ``leaving``: it is being deleted. ``problem`` says what of it cannot be used. ``thing`` is
    the object of a pod that shares GPUs: it may ask for something else when the cluster gets other
    GPUs, and has to be told which it was given. ``asking`` tells which containers ask for whole
    GPUs; empty where none does. ``claims`` are those of devices. ``created``: when it was made (ISO
    8601), of one with gates.
    """

    uid: str
    api_uid: str
    facts: PodFacts
    way: Way | None = None
    group: str = ""
    grouped_by: str = ""
    leaving: bool = False
    problem: str = ""
    thing: Object | None = None
    version: str = ""
    asking: tuple[bool, ...] = ()
    rivals: Rivals = NO_RIVALS
    claims: tuple[PodClaim, ...] = ()
    created: str = ""

    @property
    def node(self) -> str:
        """Where it runs; empty while it waits."""
        return self.facts.node


@dataclass(slots=True)
class Reader:
    """Reads nodes and pods, and knows of the cluster what their reading depends on.

    Attributes
    ----------
    nodes
        The nodes by name.
    problems
        What of each node could not be used.
    budgets
        Disruption budgets, as far as ``learn_budgets`` has read them.
    n_way_changes
        How often a node came to enforce other shares than before.
    by_claims
        The nodes whose GPUs a driver of dynamic resource allocation gives out.
    named
        The uuids of GPUs that pods have named, which nodes show of their GPUs. None is forgotten:
        kinds of GPUs are not, either.
    health
        Reads what nodes say of sick GPUs; None: nobody does.
    koordinator
        The GPUs of Koordinator's Devices; None: nobody looks at these.
    """

    nodes: dict[str, NodeFacts] = field(default_factory=dict)
    problems: dict[str, tuple[Problem, ...]] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)
    _ways: dict[str, frozenset[Way]] = field(default_factory=dict)
    _gpus: dict[Gpus, int] = field(default_factory=dict)
    _pods: PodReader = field(default_factory=lambda: PodReader([], {}, _GIB_MIB))
    n_way_changes: int = 0
    by_claims: set[str] = field(default_factory=set)
    budgets: Budgets = field(default_factory=lambda: Budgets({}, {}))
    _budgets: dict[str, Object] = field(default_factory=dict)
    _budgets_read: bool = True
    health: Marker | None = None
    koordinator: Inventory | None = None

    def see_node(self, thing: Object) -> tuple[NodeFacts, bool]:
        """Return a node, and whether what some pods ask for has to be read anew.

        Parameters
        ----------
        thing
            The Node object.
        """
        problems: list[Problem] = []
        facts, ways = read_node(thing, problems), ways_on(thing)
        if self.koordinator is not None:
            facts, ways = self.koordinator.see_node(thing, facts, ways, problems)
        if self.health is not None:
            facts = self.health.see(thing, facts, problems)
        name = facts.node.name
        before = self.nodes.get(name)
        self.nodes[name] = facts
        self.n_way_changes += ways != self._ways.get(name)
        self._ways[name] = ways
        self.problems.pop(name, None)
        if problems:
            self.problems[name] = tuple(problems)
        return facts, self._count(before, facts)

    def forget_node(self, name: str) -> bool:
        """Forget a node; return as ``see_node``.

        Parameters
        ----------
        name
            The node.
        """
        self._ways.pop(name, None)
        self.problems.pop(name, None)
        if self.health is not None:
            self.health.forget(name)
        if self.koordinator is not None:
            self.koordinator.forget_node(name)
        return self._count(self.nodes.pop(name, None), None)

    def enforces(self, name: str, way: Way) -> bool:
        """Whether a node enforces shares that are asked for in a way.

        Parameters
        ----------
        name, way
            The node, and the way.
        """
        return way in self._ways.get(name, ())

    def see_pod(self, thing: Object) -> Seen | None:
        """Return a pod; None for one that has ended.

        Parameters
        ----------
        thing
            The Pod object.

        Raises
        ------
        BadField
            It has no name.
        """
        status, metadata = dict_of(thing.get("status")), metadata_of(thing)
        member = member_of(thing)
        if status.get("phase") in FINISHED:
            return None
        self._pods.forget_if_many(MOST_REMEMBERED)
        facts, way, problem = self._read(member, status)
        self.named |= uuids_in(facts.room[2])
        if status.get("extendedResourceClaimStatus"):
            facts = _by_claim(facts, status)
        key, group, rivals = "", "", NO_RIVALS
        if not says_nothing(member):
            key, name = named_by(member)
            group = f"{member.namespace}/{name}" if name else ""
            rivals = tuple((by, f"{member.namespace}/{n}") for by, n in rivals_of(member, key))
            if not problem and (wrong := wrong_with(member)):
                problem = f"{wrong.field}: {wrong.text}"
        api_uid = str(metadata.get("uid") or "")
        leaving = bool(metadata.get("deletionTimestamp"))
        return Seen(
            member.uid,
            api_uid,
            facts._replace(member=_slim(member)),
            way,
            group,
            key,
            leaving,
            problem,
            thing if _is_looked_at_again(member, way) else None,
            str(metadata.get("resourceVersion") or ""),
            asking(member.spec) if way in (None, Way.PLUGIN) else (),
            rivals,
            _claims(member, status),
            str(metadata.get("creationTimestamp") or "") if facts.gates else "",
        )

    def request(self, seen: Seen, gang: str = "") -> Request:
        """Return what a pod asks for; of one that runs, what it holds.

        Parameters
        ----------
        seen
            The pod.
        gang
            Its gang.
        """
        return self._pods.finished(seen.facts, gang, self._protecting(seen))

    def held_form(self, seen: Seen, node: str, gang: str = "") -> Request:
        """Return what a pod that waits will hold on a node once it runs there.

        kube-scheduler has looked at its constraints already.

        Parameters
        ----------
        seen, gang
            The pod, and its gang.
        node
            The node.
        """
        facts = seen.facts._replace(node=node, node_labels=())
        return self._pods.finished(facts, gang, self._protecting(seen))

    def see_budget(self, thing: Object) -> None:
        """Note a disruption budget as it is shown; it is read when somebody asks.

        Parameters
        ----------
        thing
            The PodDisruptionBudget object.
        """
        self._budgets[name_of(thing)] = thing
        self._budgets_read = False

    def forget_budget(self, name: str) -> None:
        """Forget a disruption budget.

        Parameters
        ----------
        name
            Its namespace/name.
        """
        self._budgets.pop(name, None)
        self._budgets_read = False

    @property
    def budget_names(self) -> set[str]:
        """The disruption budgets that were shown."""
        return set(self._budgets)

    def learn_budgets(self) -> bool:
        """Read the disruption budgets; return whether other pods may be protected than before."""
        if self._budgets_read:
            return False
        before = self.budgets
        self.budgets = read_budgets([self._budgets[name] for name in sorted(self._budgets)], [])
        self._budgets_read = True
        return before.selectors != self.budgets.selectors

    def uuids_on(self, name: str) -> tuple[tuple[int, str], ...]:
        """Return (index, uuid) of the GPUs of a node that some pod has named.

        Parameters
        ----------
        name
            The node.
        """
        return named_on(self.nodes[name].gpus, self.named) if self.named else ()

    @property
    def n_selecting(self) -> int:
        """How many labels any constraint looks at: more of them change what pods ask."""
        return len(self._pods.selecting)

    def twin(self) -> Reader:
        """Return a reader that knows the same and shares nothing that changes."""
        pods = PodReader(self._pods.gpus, {}, self._pods.aliyun_mib, set(self._pods.selecting))
        named = set(self.named)
        nodes, ways, gpus = dict(self.nodes), dict(self._ways), dict(self._gpus)
        by_claims = set(self.by_claims)
        return Reader(nodes, {}, named, ways, gpus, pods, by_claims=by_claims)

    def _protecting(self, seen: Seen) -> tuple[str, ...]:
        member = seen.facts.member
        return self.budgets.protecting(member.namespace, member.labels)

    def _count(self, before: NodeFacts | None, after: NodeFacts | None) -> bool:
        known = set(self._gpus)
        for facts, sign in ((before, -1), (after, 1)):
            if facts is not None:
                n = self._gpus.get(facts.gpus, 0) + sign
                if n:
                    self._gpus[facts.gpus] = n
                else:
                    del self._gpus[facts.gpus]
        if known == set(self._gpus):
            return False
        distinct = {gpus.product: gpus for gpus in self._gpus}
        unit = min((gpus.aliyun_mib for gpus in self._gpus), default=_GIB_MIB)
        self._pods.learn(list(distinct.values()), unit)
        return True

    def _read(self, member: Member, status: Object) -> tuple[PodFacts, Way | None, str]:
        way = None
        try:
            way = way_of(member.spec, member.annotations)
            facts = self._pods.read(member, status)
        except BadField as bad:
            return self._pods.salvaged(member, status), way, f"{bad.field}: {bad.text}"
        return facts, way, ""


def _by_claim(facts: PodFacts, status: Object) -> PodFacts:
    """Return a pod without what kube-scheduler has made a claim of: its devices are the claim's.

    Resources that a DeviceClass has a name for are given out so (KEP-5004).
    """
    made = objects_in(dict_of(status.get("extendedResourceClaimStatus")).get("requestMappings"))
    names = {str(each.get("resourceName")) for each in made}
    cpu, memory, devices, others = facts.room
    kept = tuple((name, n) for name, n in others if name not in names)
    return facts._replace(room=(cpu, memory, () if keys.GPU in names else devices, kept))


def _claims(member: Member, status: Object) -> tuple[PodClaim, ...]:
    if not member.spec.get("resourceClaims"):
        return ()
    return claims_of(member.spec, status, member.namespace)


def _is_looked_at_again(member: Member, way: Way | None) -> bool:
    """Whether what a pod asks for depends on the cluster's GPUs, or its GPUs are written on it."""
    return way in _BY_CONTAINER or any(key in member.annotations for key in _BY_CLUSTER)


def _slim(member: Member) -> Member:
    """Return a pod without what is not looked at again."""
    kept = _KEPT_OF_SPEC if member.spec.get("nodeName") else _KEPT_WHILE_WAITING
    return member._replace(
        annotations={k: v for k, v in member.annotations.items() if k != _LAST_APPLIED},
        spec={key: member.spec[key] for key in kept if key in member.spec},
    )
