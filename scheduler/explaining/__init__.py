"""Why a pod, a gang or a queue waits, and what would help.

- ``explain_pod`` and ``explain_gang`` give reasons, the nearest miss and fixes that were tried
- ``explain_queue`` says what a queue uses, what binds it and who borrows
- ``brief``: the short answer; ``briefing`` finds it, ``lines`` words it for terminals and Events
- ``types``: what they say; ``text`` words it
- ``lacks``: what every node lacks, as arrays; ``releases``: what pods give back at their ends;
  ``room``: what a node has once some pods left
- one module for each kind of fix: ``waiting``, ``relaxing``, ``cutting``, ``adding``, ``moving``,
  ``freeing``, ``evicting``; of gangs ``gang_waiting``, ``gang_relaxing``, ``gang_adding``
"""

from bayplan.scheduler.explaining.gangs import explain_gang
from bayplan.scheduler.explaining.pods import MAX_FIXES, explain_pod
from bayplan.scheduler.explaining.queues import QueueExplanation, QueueUse, explain_queue
from bayplan.scheduler.explaining.types import (
    Effort,
    Explanation,
    Fix,
    FixKind,
    GangExplanation,
    Lack,
    Miss,
    Move,
    SlicePlace,
)

__all__ = [
    "MAX_FIXES",
    "Effort",
    "Explanation",
    "Fix",
    "FixKind",
    "GangExplanation",
    "Lack",
    "Miss",
    "Move",
    "QueueExplanation",
    "QueueUse",
    "SlicePlace",
    "explain_gang",
    "explain_pod",
    "explain_queue",
]
