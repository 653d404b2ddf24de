"""From a Pod object to what the engine takes: a request, and whether the pod runs or waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from bayplan.scheduler.constraints.types import Constraints, Toleration, TolerationOperator
from bayplan.scheduler.types import Request, Topology
from bayplan.traces.kubernetes import keys
from bayplan.traces.kubernetes.devices import ASKING, Asks, devices_of, in_mib, is_aliyun
from bayplan.traces.kubernetes.gpus import Gpus
from bayplan.traces.kubernetes.objects import Object, dict_of, key_of, metadata_of, objects_in
from bayplan.traces.kubernetes.quantity import up
from bayplan.traces.kubernetes.refining import Wishes, refined, topology_of, wishes_in
from bayplan.traces.kubernetes.resources import (
    CPU,
    MEMORY,
    PODS,
    Amounts,
    BadField,
    in_unit,
    wanted_by,
)
from bayplan.traces.kubernetes.salvage import readable_amounts, readable_devices
from bayplan.traces.kubernetes.schemes import Member
from bayplan.traces.kubernetes.selectors import constraints_of, keys_in, node_labels_of

QUEUES = (
    ("kueue.x-k8s.io/queue-name", "labels"),
    ("kai.scheduler/queue", "labels"),
    ("runai/queue", "labels"),
    ("scheduling.volcano.sh/queue-name", "annotations"),
    ("scheduling.volcano.sh/queue-name", "labels"),
    ("yunikorn.apache.org/queue", "labels"),
    ("quota.scheduling.koordinator.sh/name", "labels"),
)
"""Where others name the queue of a pod, by precedence; ``keys.QUEUE`` comes before all."""

_QUEUE_WORDS = frozenset(key for key, _ in QUEUES)

PREEMPTIBILITY, NON_PREEMPTIBLE = "kai.scheduler/preemptibility", "non-preemptible"
VOLCANO_PREEMPTABLE = "volcano.sh/preemptable"
YUNIKORN_PREEMPTION = "yunikorn.apache.org/allow-preemption"
MIRROR = "kubernetes.io/config.mirror"
_SAYS_WHETHER = frozenset({MIRROR, VOLCANO_PREEMPTABLE, YUNIKORN_PREEMPTION})
SYSTEM = {"system-node-critical": 2_000_001_000, "system-cluster-critical": 2_000_000_000}

NO_CONSTRAINTS = Constraints()

_EVERYWHERE = (Toleration(operator=TolerationOperator.EXISTS),)
"""What runs somewhere may stay there, whatever the node's taints and labels by now."""

MAX_PRIORITY = 2**31
"""The API has 32 bits for it."""

_BY_THEMSELVES = frozenset({CPU, MEMORY, PODS, keys.GPU})

_WHERE = ("nodeSelector", "tolerations", "affinity", "topologySpreadConstraints")
"""Fields that say where a pod may be."""

Labels = tuple[tuple[str, str], ...]
Room = tuple[int, int, Asks, tuple[tuple[str, int], ...]]
"""CPU (millicores), memory (MiB), GPUs and other resources."""


class PodFacts(NamedTuple):
    """A pod that is read but for its gang. There are many: a plain tuple is made the fastest.

    ``node`` is where it runs, empty while it waits. ``template`` are its constraints without
    labels and namespace. ``wholly``: all that it holds could be read. ``topology`` is what one that
    waits wishes of its GPUs.
    """

    member: Member
    room: Room
    template: Constraints
    node: str
    start: str
    node_labels: Labels = ()
    priority: int = 0
    preemptible: bool = False
    queue: str = ""
    gates: tuple[str, ...] = ()
    meek: bool = False
    wholly: bool = True
    topology: Topology | None = None


@dataclass(slots=True)
class PodReader:
    """Reads pods of one dump; equal parts of them become one object.

    ``gpus`` are the different GPUs of the cluster, ``priorities`` what priority classes mean,
    ``aliyun_mib`` what a unit of gpushare's memory is.
    """

    gpus: Sequence[Gpus]
    priorities: Mapping[str, int]
    aliyun_mib: int
    selecting: set[str] = field(default_factory=set)
    _asks: dict[Asks, Asks] = field(default_factory=dict)
    _rooms: dict[str | bytes, Room] = field(default_factory=dict)
    _templates: dict[tuple[str | bytes, str], tuple[Constraints, Labels]] = field(
        default_factory=dict
    )
    _constraints: dict[tuple[int, Labels, str, bool], tuple[Constraints, Constraints]] = field(
        default_factory=dict
    )

    def read(self, member: Member, status: Object) -> PodFacts:
        """Return what a pod asks for.

        Parameters
        ----------
        member
            The pod.
        status
            Its ``status``.

        Raises
        ------
        BadField
            Something of it cannot be used.
        """
        spec = member.spec
        # What runs somewhere may stay there, whatever its annotations say by now.
        wishes = {} if spec.get("nodeName") else wishes_in(member.annotations)
        room = self._amounts(member, wishes)
        template, node_labels = self._template(spec)
        node = str(spec.get("nodeName") or "")
        return PodFacts(
            member,
            room,
            template,
            node,
            str(status.get("startTime") or scheduled_at(status)),
            () if node else node_labels,
            self._priority(spec),
            _may_be_evicted(member),
            _queue(member),
            () if node else gates_of(spec),
            spec.get("preemptionPolicy") == "Never",
            topology=topology_of(wishes) if wishes else None,
        )

    def salvaged(self, member: Member, status: Object) -> PodFacts:
        """Return what can be read of a running pod that is broken; nobody is to evict it.

        Parameters
        ----------
        member
            The pod.
        status
            Its ``status``.
        """
        spec, wholly = member.spec, True
        try:
            room = self._amounts(member, {})
        except BadField:
            wholly = False
            amounts = readable_amounts(spec)
            devices = readable_devices(spec, member.annotations, amounts, self.gpus)
            room = (
                in_unit(CPU, amounts.get(CPU, 0), up, CPU),
                in_unit(MEMORY, amounts.get(MEMORY, 0), up, MEMORY),
                in_mib(devices, self.aliyun_mib) if is_aliyun(amounts) else devices,
                _others(amounts),
            )
        start = str(status.get("startTime") or scheduled_at(status))
        node = str(spec.get("nodeName") or "")
        gates = () if node else gates_of(spec)
        return PodFacts(member, room, NO_CONSTRAINTS, node, start, gates=gates, wholly=wholly)

    def finished(self, facts: PodFacts, gang: str, budgets: tuple[str, ...]) -> Request:
        """Return a pod's request with its gang, budgets and constraints.

        Only labels that some selector of the dump looks at are kept: pods of one kind then ask
        the same question. All pods must have been read before.

        Parameters
        ----------
        facts
            The pod.
        gang, budgets
            What it belongs to.
        """
        member = facts.member
        labels = tuple(
            sorted((k, str(v)) for k, v in member.labels.items() if k in self.selecting)
        ) if self.selecting else ()  # fmt: skip
        key = id(facts.template), labels, member.namespace, bool(facts.node)
        known = self._constraints.get(key)
        if known is not None:
            constraints = known[1]
        else:
            constraints = replace(facts.template, labels=labels, namespace=member.namespace)
            if facts.node:
                constraints = Constraints(
                    labels=labels,
                    namespace=member.namespace,
                    tolerations=_EVERYWHERE,
                    pod_anti_affinity=facts.template.pod_anti_affinity,
                )
            # With the template, so that no other one gets its id.
            self._constraints[key] = facts.template, constraints
        return Request(
            member.uid,
            *facts.room,
            facts.node_labels,
            facts.topology,
            priority=facts.priority,
            preemptible=facts.preemptible,
            disruption_budgets=budgets,
            gang=gang,
            queue=facts.queue,
            constraints=constraints,
        )

    def learn(self, gpus: Sequence[Gpus], aliyun_mib: int) -> None:
        """Go by other GPUs of the cluster from now on.

        Parameters
        ----------
        gpus, aliyun_mib
            As the attributes say.
        """
        self.gpus, self.aliyun_mib = gpus, aliyun_mib
        self._rooms.clear()

    def forget_if_many(self, most: int) -> None:
        """Drop what is remembered of equal parts where that is much.

        Parameters
        ----------
        most
            How many different ones may be remembered.
        """
        if max(len(self._rooms), len(self._templates), len(self._constraints)) > most:
            self._rooms.clear()
            self._templates.clear()
            self._constraints.clear()
            self._asks.clear()

    def _template(self, spec: Object) -> tuple[Constraints, Labels]:
        # Parsing is slow and pods are alike: the text of the fields tells those that differ.
        key = key_of([spec.get(name) for name in _WHERE]), _volumes_and_ports(spec)
        known = self._templates.get(key)
        if known is None:
            known = self._templates[key] = constraints_of(spec), node_labels_of(spec)
            self.selecting.update(keys_in(known[0]))
        return known

    def _amounts(self, member: Member, wishes: Wishes) -> Room:
        """Return CPU, memory, GPUs and other resources; pods of one kind ask for the same."""
        spec, annotations = member.spec, member.annotations
        key = key_of(
            [
                *[spec.get(name) for name in ("initContainers", "overhead", "resources")],
                *[each.get("resources") for each in objects_in(spec.get("containers"))],
                *[(name, annotations[name]) for name in ASKING if name in annotations],
                *sorted(wishes.items()),
            ]
        )
        known = self._rooms.get(key)
        if known is None:
            wanted = wanted_by(spec)
            known = self._rooms[key] = (
                in_unit(CPU, wanted.get(CPU, 0), up, "spec.containers"),
                in_unit(MEMORY, wanted.get(MEMORY, 0), up, "spec.containers"),
                self._devices(member, wanted, wishes),
                _others(wanted),
            )
        return known

    def _devices(self, member: Member, wanted: Amounts, wishes: Wishes) -> Asks:
        asks = devices_of(member.spec, member.annotations, wanted, self.gpus)
        if asks and is_aliyun(wanted):
            asks = in_mib(asks, self.aliyun_mib)
        if wishes:
            asks = refined(asks, wishes, wanted, self.gpus)
        return self._asks.setdefault(asks, asks) if asks else ()

    def _priority(self, spec: Object) -> int:
        priority = spec.get("priority")
        if priority is not None:
            if isinstance(priority, bool) or not isinstance(priority, int):
                raise BadField("spec.priority", f"{str(priority)[:40]!r} is no whole number")
            if abs(priority) > MAX_PRIORITY:
                raise BadField("spec.priority", f"more than {MAX_PRIORITY}")
            return priority
        name = str(spec.get("priorityClassName") or "")
        return self.priorities.get(name, SYSTEM.get(name, 0))


def member_of(thing: Object) -> Member:
    """Return a pod by its parts.

    Parameters
    ----------
    thing
        The Pod object.

    Raises
    ------
    BadField
        It has no name, or one that cannot be printed.
    """
    metadata = metadata_of(thing)
    name, space = str(metadata.get("name") or ""), str(metadata.get("namespace") or "default")
    uid = f"{space}/{name}"
    if not name or not uid.isprintable():
        raise BadField("metadata.name", f"{name!r} is no name")
    return Member(
        uid,
        space,
        name,
        dict_of(metadata.get("labels")),
        dict_of(metadata.get("annotations")),
        dict_of(thing.get("spec")),
    )


def gates_of(spec: Object) -> tuple[str, ...]:
    """Return the names of a pod's scheduling gates, in their order.

    Parameters
    ----------
    spec
        Its ``spec``.
    """
    return tuple(str(each.get("name", "")) for each in objects_in(spec.get("schedulingGates")))


def shares_by_groups(member: Member) -> bool:
    """Whether a pod shares a GPU in KAI's way: by a group, whose GPU nobody names.

    Parameters
    ----------
    member
        The pod.
    """
    return keys.KAI_FRACTION in member.annotations or keys.KAI_MEMORY in member.annotations


def scheduled_at(status: Object) -> str:
    """Return when a pod was scheduled, for one without a start time.

    Parameters
    ----------
    status
        Its ``status``.
    """
    for condition in objects_in(status.get("conditions")):
        if condition.get("type") == "PodScheduled" and condition.get("status") == "True":
            return str(condition.get("lastTransitionTime") or "")
    return ""


def _others(wanted: Amounts) -> tuple[tuple[str, int], ...]:
    """Return what else is counted, sorted by name: each pod is one of the pods of its node."""
    found = [(PODS, 1)]
    for name, nano in wanted.items():
        if name in _BY_THEMSELVES or name.startswith(keys.SHARED_PREFIXES):
            continue
        amount = in_unit(name, nano, up, "spec.containers")
        if amount:
            found.append((name, amount))
    found.sort()
    return tuple(found)


def _may_be_evicted(member: Member) -> bool:
    if str(member.labels.get(PREEMPTIBILITY, "")) == NON_PREEMPTIBLE:
        return False
    return _SAYS_WHETHER.isdisjoint(member.annotations) or not (
        MIRROR in member.annotations
        or str(member.annotations.get(VOLCANO_PREEMPTABLE, "true")).lower() == "false"
        or str(member.annotations.get(YUNIKORN_PREEMPTION, "true")).lower() == "false"
    )


def _queue(member: Member) -> str:
    """Return the pod's queue; two different ones of others contradict each other."""
    if ours := member.labels.get(keys.QUEUE):
        return str(ours)
    if _QUEUE_WORDS.isdisjoint(member.labels) and _QUEUE_WORDS.isdisjoint(member.annotations):
        return ""
    found: dict[str, str] = {}
    for key, where in QUEUES:
        name = (member.labels if where == "labels" else member.annotations).get(key)
        if name:
            found.setdefault(str(name), key)
    if len(found) > 1:
        said = " and ".join(f"{name} ({key})" for name, key in found.items())
        raise BadField("metadata.labels", f"names two queues, {said}; keep one")
    return next(iter(found), "")


def _volumes_and_ports(spec: Object) -> str:
    found = ""
    for volume in objects_in(spec.get("volumes")):
        if "persistentVolumeClaim" in volume or "ephemeral" in volume:
            found = "volumes"
    for container in objects_in(spec.get("containers")):
        for port in objects_in(container.get("ports")):
            if "hostPort" in port:
                return f"{found} ports"
    return found
