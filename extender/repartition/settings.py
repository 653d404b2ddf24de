"""What the repartition controller goes by."""

from __future__ import annotations

from dataclasses import dataclass, field

from bayplan.extender.repartition.configs import Configs


@dataclass(frozen=True, slots=True)
class Repartition:
    """How nodes are repartitioned.

    Attributes
    ----------
    configs
        The layouts that MIG managers have names for.
    label
        ``key`` or ``key=value``: nodes without that label are left alone. Empty: all may be
        changed that a MIG manager looks after.
    max_nodes
        Nodes under way at the same time; one that has failed counts.
    wait_s
        How long a pod must have been waiting before a node is changed for it.
    settle_s
        How long a node is cordoned before it is changed: pods that were being bound to it when it
        was cordoned are seen there by then.
    limit_s
        How long the MIG manager may take. It waits up to 5 minutes for each of the daemons that
        it pauses, and a reboot may come on top.
    cooldown_s
        How long a node is left alone after a change.
    uncordon_failed
        Whether a node is uncordoned on which the change failed.
    """

    configs: Configs = field(default_factory=Configs)
    label: str = ""
    max_nodes: int = 1
    wait_s: float = 60.0
    settle_s: float = 15.0
    limit_s: float = 1800.0
    cooldown_s: float = 1800.0
    uncordon_failed: bool = False
