"""How much a choice of the extender has to weigh to be kube-scheduler's choice."""

from __future__ import annotations

from bayplan.extender.check.scheduler_file import number
from bayplan.traces.kubernetes.objects import Object, dict_of, objects_in

DEFAULT_WEIGHTS = {
    "TaintToleration": 3,
    "NodeAffinity": 2,
    "PodTopologySpread": 2,
    "InterPodAffinity": 2,
    "NodeResourcesFit": 1,
    "NodeResourcesBalancedAllocation": 1,
    "ImageLocality": 1,
}
"""Score plugins that are on by default, 12 in all (``apis/config/v1/default_plugins.go``, 1.37)."""

ALL = "*"


def least_weight(profile: Object) -> int:
    """Return the least weight with which a profile's plugins never outweigh the extender's choice.

    A plugin counts up to 100 × its weight. The choice has 10 points, other nodes 9 at most, and a
    point counts 10 × the extender's weight: it takes a weight of more than 10 × those of plugins.

    Parameters
    ----------
    profile
        One of ``profiles``.
    """
    plugins = dict_of(profile.get("plugins"))
    weights = dict(DEFAULT_WEIGHTS)
    for point in ("multiPoint", "score"):
        told = dict_of(plugins.get(point))
        off = {str(each.get("name")) for each in objects_in(told.get("disabled"))}
        weights = {} if ALL in off else {k: n for k, n in weights.items() if k not in off}
        for each in objects_in(told.get("enabled")):
            name = str(each.get("name"))
            if point == "score" or name in DEFAULT_WEIGHTS:
                weights[name] = int(number(each.get("weight"), DEFAULT_WEIGHTS.get(name, 1)))
    return 10 * sum(weights.values()) + 1 if weights else 1
