"""The last look at who is about to be evicted, on the live state."""

from __future__ import annotations

from bayplan.extender.evicting.help import Unit, is_there, staying
from bayplan.extender.live.owner import Owner


def protected(owner: Owner, unit: Unit, now_s: float) -> str:
    """Return which disruption budget does not let all of a unit go; empty: all do.

    Parameters
    ----------
    owner, unit, now_s
        The state, who leaves together, and the time.
    """
    mirror = owner.mirror
    mirror.learn_budgets(now_s)
    allowed, n = mirror.reader.budgets.allowed, dict[str, int]()
    for victim in unit:
        pod = mirror.cluster.pods.get(victim.uid)
        for name in set(pod.request.disruption_budgets) if pod is not None else ():
            n[name] = n.get(name, 0) + 1
    over = sorted(name for name, wanted in n.items() if wanted > allowed.get(name, wanted))
    return f"disruption budget {over[0]} allows {allowed[over[0]]} evictions" if over else ""


def may_go(owner: Owner, unit: Unit) -> bool:
    """Whether a unit is as it was, and no gang is left with too few.

    Parameters
    ----------
    owner, unit
        The state, and who leaves together.
    """
    mirror = owner.mirror
    there = [v for v in unit if is_there(mirror, v) and mirror.pods[v.uid].node == v.node]
    if len(there) < len(unit):
        return False
    for gang in {victim.gang for victim in unit if victim.gang}:
        group = owner.plans.group(gang)
        n = staying(mirror, gang, [victim.uid for victim in unit])
        if group is not None and 0 < n < owner.plans.least(group):
            return False
    return True
