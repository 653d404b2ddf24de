"""Plans of MIG layouts: which instances a GPU is to have, and what changes get it there.

``types`` is what crosses the door; ``static`` reads presets and node labels; ``fitted`` splits a
cluster after a workload histogram; ``dynamic`` plans changes for pending demand; ``times`` says how
long the changes take. Nothing here knows a clock or carries a plan out.
"""

from bayplan.scheduler.partition.dynamic import plan_changes
from bayplan.scheduler.partition.fitted import WHOLE, Split, fit_split
from bayplan.scheduler.partition.static import MIG_CONFIG_LABEL, labelled_layout, static_layout
from bayplan.scheduler.partition.strategy import MigStrategy, resource_of, shown_resources
from bayplan.scheduler.partition.times import Path, ReconfigurationTimes, reconfiguration_s
from bayplan.scheduler.partition.types import (
    Change,
    Create,
    Destroy,
    GpuState,
    Instance,
    Layout,
    Plan,
)

__all__ = [
    "MIG_CONFIG_LABEL",
    "WHOLE",
    "Change",
    "Create",
    "Destroy",
    "GpuState",
    "Instance",
    "Layout",
    "MigStrategy",
    "Path",
    "Plan",
    "ReconfigurationTimes",
    "Split",
    "fit_split",
    "labelled_layout",
    "plan_changes",
    "reconfiguration_s",
    "resource_of",
    "shown_resources",
    "static_layout",
]
