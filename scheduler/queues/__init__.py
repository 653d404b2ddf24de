"""Queues in a tree: guarantees, limits, borrowing, reclaim and fair shares.

- ``types``: ``Queue``, ``Verdict``, the names of resources
- ``tree``: ``QueueTree``, checked; ``reading``: from the shape of a TOML or JSON file
- ``usage``: ``Usage``, amounts by queue; ``pods``: what pods take, and ``PodUsage`` of a cluster
- ``admission``: ``admits`` and ``room``; ``admitting``: ``Admission`` of the pods of a cluster
- ``reclaim``: what may be taken back, and from whom
- ``fair``: fair shares of one resource; ``drf``: dominant resource fairness of several
- ``decay``: ``DecayedUsage``, GPU time used where old use counts less
"""

from bayplan.scheduler.queues.admission import admits, room
from bayplan.scheduler.queues.admitting import Admission
from bayplan.scheduler.queues.decay import DecayedUsage
from bayplan.scheduler.queues.drf import Share, dominant_shares, drf_shares
from bayplan.scheduler.queues.fair import fair_shares
from bayplan.scheduler.queues.pods import (
    PodUsage,
    asked_by,
    capacity_of,
    node_capacity,
    taken_by,
    usage_of,
)
from bayplan.scheduler.queues.reading import read_queues
from bayplan.scheduler.queues.reclaim import reclaimable
from bayplan.scheduler.queues.tree import QueueTree
from bayplan.scheduler.queues.types import (
    CPU,
    GPU,
    MEMORY,
    ROOT,
    Amounts,
    Queue,
    Rule,
    Verdict,
    gpu_of,
)
from bayplan.scheduler.queues.usage import Usage

__all__ = [
    "CPU",
    "GPU",
    "MEMORY",
    "ROOT",
    "Admission",
    "Amounts",
    "DecayedUsage",
    "PodUsage",
    "Queue",
    "QueueTree",
    "Rule",
    "Share",
    "Usage",
    "Verdict",
    "admits",
    "asked_by",
    "capacity_of",
    "dominant_shares",
    "drf_shares",
    "fair_shares",
    "gpu_of",
    "node_capacity",
    "read_queues",
    "reclaimable",
    "room",
    "taken_by",
    "usage_of",
]
