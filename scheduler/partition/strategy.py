"""What the device plugin shows of a node's MIG instances: the strategies none, single, mixed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import Enum

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.partition.types import Layout

GPU_RESOURCE = "nvidia.com/gpu"
MIG_RESOURCE = "nvidia.com/mig-"


class MigStrategy(Enum):
    """``mig.strategy`` of NVIDIA's Kubernetes device plugin."""

    NONE = "none"
    SINGLE = "single"
    MIXED = "mixed"


def resource_of(profile: str) -> str:
    """Return the extended resource of a profile under ``mixed``: ``+me`` becomes ``.me``."""
    return MIG_RESOURCE + profile.replace("+", ".")


def shown_resources(layouts: Sequence[Layout | None], strategy: MigStrategy) -> dict[str, int]:
    """Return the extended resources of a node, by name.

    ``none`` counts GPUs, whatever is on them. ``single`` shows every instance as a GPU, and needs
    all GPUs cut into instances of one profile. ``mixed`` shows undivided GPUs as such, and
    instances by profile. What is shown are counts: where an instance lies is never visible.

    Parameters
    ----------
    layouts
        One for each GPU; None is an undivided GPU.
    strategy
        The device plugin's setting.

    Raises
    ------
    InputError
        ``single`` over undivided GPUs beside divided ones, or over different profiles.
    """
    counts = Counter(i.profile_name for layout in layouts if layout for i in layout)
    undivided = sum(layout is None for layout in layouts)
    if strategy is MigStrategy.NONE or not counts:
        return {GPU_RESOURCE: len(layouts)}
    if strategy is MigStrategy.SINGLE:
        if undivided or len(counts) > 1:
            shown = ", ".join([*sorted(counts), *(["undivided GPUs"] if undivided else [])])
            raise InputError(
                f"mig.strategy single over {shown}", fix="cut all GPUs alike, or use mixed"
            )
        return {GPU_RESOURCE: counts.total()}
    whole = {GPU_RESOURCE: undivided} if undivided else {}
    return whole | {resource_of(profile): counts[profile] for profile in sorted(counts)}
