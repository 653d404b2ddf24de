"""Where a pod may go besides having room: taints, affinity, spread. Data of the Kubernetes API.

The meanings are those of the filters of kube-scheduler (plugins ``TaintToleration``,
``NodeAffinity``, ``PodTopologySpread`` and ``InterPodAffinity``); names follow the pod's fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

Labels = tuple[tuple[str, str], ...]
"""Labels as pairs, each key once."""

HOSTNAME = "kubernetes.io/hostname"
NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""The label that every namespace has: its name."""


class Effect(Enum):
    """What a taint does to pods that do not tolerate it."""

    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


class TolerationOperator(Enum):
    """How a toleration compares; ``GT`` and ``LT`` need Kubernetes 1.35 (KEP-5471)."""

    EQUAL = "Equal"
    EXISTS = "Exists"
    GT = "Gt"
    LT = "Lt"


class Operator(Enum):
    """How an expression compares a label; ``GT`` and ``LT`` are for labels of nodes only."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"
    GT = "Gt"
    LT = "Lt"


class Unsatisfiable(Enum):
    """What becomes of a pod that would break a spread constraint."""

    DO_NOT_SCHEDULE = "DoNotSchedule"
    SCHEDULE_ANYWAY = "ScheduleAnyway"


@dataclass(frozen=True, slots=True)
class Taint:
    """A taint of a node. ``PREFER_NO_SCHEDULE`` keeps nobody away."""

    key: str
    value: str = ""
    effect: Effect = Effect.NO_SCHEDULE


@dataclass(frozen=True, slots=True)
class Toleration:
    """What taints a pod puts up with; no ``effect`` is any, and ``EXISTS`` without a key all.

    ``GT`` tolerates taints whose value is a greater whole number than ``value``.
    """

    key: str = ""
    operator: TolerationOperator = TolerationOperator.EQUAL
    value: str = ""
    effect: Effect | None = None


@dataclass(frozen=True, slots=True)
class Expression:
    """One requirement on one label; an absent label satisfies ``NOT_IN`` and ``DOES_NOT_EXIST``."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeAffinityTerm:
    """All ``expressions`` (labels) and ``fields`` (``metadata.name``); without any: no node."""

    expressions: tuple[Expression, ...] = ()
    fields: tuple[Expression, ...] = ()


@dataclass(frozen=True, slots=True)
class Selector:
    """A label selector: all expressions (``matchLabels`` are ``IN`` with one value).

    Without expressions it selects everything; where there is no selector at all (None), nothing.
    """

    expressions: tuple[Expression, ...] = ()


@dataclass(frozen=True, slots=True)
class PodTerm:
    """A required term of pod affinity or anti-affinity.

    ``namespaces`` and those that ``namespace_selector`` selects count together; with neither, the
    namespace of the pod that has the term. An empty ``namespace_selector`` is all namespaces.
    """

    topology_key: str
    selector: Selector | None = None
    namespaces: tuple[str, ...] = ()
    namespace_selector: Selector | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """A topology spread constraint.

    ``node_affinity_honored`` and ``node_taints_honored``: only nodes that the pod's node affinity
    (and its ``node_labels``) allows, or whose taints it tolerates, count as part of a domain.
    ``match_label_keys``: the pod's own values of these labels narrow the selector.
    """

    max_skew: int
    topology_key: str
    selector: Selector | None = None
    unsatisfiable: Unsatisfiable = Unsatisfiable.DO_NOT_SCHEDULE
    min_domains: int = 1
    node_affinity_honored: bool = True
    node_taints_honored: bool = False
    match_label_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Constraints:
    """What a pod brings to the filters, and is to the filters of others.

    ``labels`` and ``namespace`` are the pod's own; ``namespace_labels`` those of its namespace
    (its name is one of them without being listed). ``node_affinity``: one of the terms must match
    the node; None is no wish, and no terms are no node. What is ``preferred`` (by its field in
    the pod's spec) and what is ``unmodelled`` (volumes, host ports) is named in decisions, and
    otherwise not looked at.
    """

    labels: Labels = ()
    namespace: str = "default"
    namespace_labels: Labels = ()
    tolerations: tuple[Toleration, ...] = ()
    node_affinity: tuple[NodeAffinityTerm, ...] | None = None
    pod_affinity: tuple[PodTerm, ...] = ()
    pod_anti_affinity: tuple[PodTerm, ...] = ()
    spread: tuple[Spread, ...] = ()
    preferred_node_affinity: tuple[tuple[int, NodeAffinityTerm], ...] = ()
    preferred_pod_affinity: tuple[tuple[int, PodTerm], ...] = ()
    preferred_pod_anti_affinity: tuple[tuple[int, PodTerm], ...] = ()
    unmodelled: tuple[str, ...] = ()

    @property
    def not_looked_at(self) -> tuple[str, ...]:
        """What of the pod's wishes no decision looks at: ``unmodelled``, and the preferences."""
        soft = (
            (self.preferred_node_affinity, "preferred node affinity"),
            (self.preferred_pod_affinity, "preferred pod affinity"),
            (self.preferred_pod_anti_affinity, "preferred pod anti-affinity"),
            (
                [s for s in self.spread if s.unsatisfiable is Unsatisfiable.SCHEDULE_ANYWAY],
                "topology spread with ScheduleAnyway",
            ),
        )
        return (*self.unmodelled, *(name for wishes, name in soft if wishes))
