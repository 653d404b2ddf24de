"""What is wrong with kube-scheduler's configuration as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bayplan.extender.check.calling import (
    ON_NO_NODE,
    name_of,
    of_calls,
    of_pods,
    of_shares,
    ours,
    schedulers,
)
from bayplan.extender.check.findings import Facts, Finding, error, note, some, warning
from bayplan.extender.check.scheduler_file import number
from bayplan.extender.check.scoring import least_weight
from bayplan.extender.config.evicting import scheduler_names
from bayplan.extender.evicting.settings import GANGS
from bayplan.traces.kubernetes.objects import Object, dict_of, objects_in

ALL_NODES, SAMPLED_FROM = 100, 100
"""``percentageOfNodesToScore`` that shows all nodes; from so many nodes on it matters."""
DEFAULT_QPS = 50


def of_scheduler(config: Object, values: Mapping[str, object], facts: Facts) -> Iterator[Finding]:
    """Yield what is wrong with a configuration.

    Parameters
    ----------
    config
        kube-scheduler's.
    values
        The extender's.
    facts
        The cluster.
    """
    yield from _binders(config)
    yield from _leading(config)
    entry = ours(config, values)
    if entry is None:
        end = f":{values['server.port']}{values['server.prefix']}"
        yield error("extenders", "none of them calls us", f"add one with urlPrefix …{end}")
        return
    yield from of_calls(entry, values)
    yield from of_pods(entry, config, facts)
    for key in ON_NO_NODE:
        if values[key]:
            yield from of_shares(entry, config, key)
    if entry.get("prioritizeVerb"):
        yield from _weight(config, entry)
    yield from _sampling(config, facts)
    yield from _helped(config, values)
    qps = number(dict_of(config.get("clientConnection")).get("qps"), DEFAULT_QPS)
    if qps <= DEFAULT_QPS:
        yield note("clientConnection", f"{qps:g} calls a second: so many pods are placed at most",
                   "set qps: 200 and burst: 400")  # fmt: skip


def _binders(config: Object) -> Iterator[Finding]:
    found = [str(each.get("urlPrefix")) for each in objects_in(config.get("extenders"))
             if each.get("bindVerb")]  # fmt: skip
    if len(found) > 1:
        yield error("bindVerb", f"{len(found)} extenders have one ({some(found)}), and"
                    " kube-scheduler does not start", "leave one")  # fmt: skip


def _leading(config: Object) -> Iterator[Finding]:
    told = dict_of(config.get("leaderElection"))
    if told.get("leaderElect", True) is False:
        yield note("leaderElection", "is off: let there be one kube-scheduler of this file only")
        return
    lease = (
        told.get("resourceNamespace") or "kube-system",
        told.get("resourceName") or "kube-scheduler",
    )
    is_second = "default-scheduler" not in schedulers(config)
    if is_second and lease == ("kube-system", "kube-scheduler"):
        yield error("leaderElection", "uses the Lease of the cluster's first kube-scheduler: this"
                    " one waits for ever", "set resourceNamespace and resourceName")  # fmt: skip


def _weight(config: Object, entry: Object) -> Iterator[Finding]:
    weight = number(entry.get("weight"), 0)
    if weight <= 0:
        yield error("weight", f"is {weight:g}, and kube-scheduler does not start", "set it above 0")
        return
    for profile in objects_in(config.get("profiles")) or [{}]:
        least = least_weight(profile)
        if weight < least:
            yield warning(
                "weight", f"is {weight:g}, and score plugins of the profile {name_of(profile)} can"
                " outweigh it: pods go elsewhere than we chose",
                f"set weight: {least}, or turn the profile's score plugins off (disabled:"
                ' [{name: "*"}])',
            )  # fmt: skip


def _helped(config: Object, values: Mapping[str, object]) -> Iterator[Finding]:
    """Yield that others would be evicted for gangs of nobody who calls us."""
    if values["preemption.evict"] != GANGS:
        return
    names = schedulers(config)
    if not names & scheduler_names(values):
        yield warning(
            "preemption.schedulers", f"is {values['preemption.schedulers']}, which no profile"
            f" ({some(sorted(names))}) is called: nobody is evicted for its gangs",
            "name the profiles whose gangs are helped",
        )  # fmt: skip


def _sampling(config: Object, facts: Facts) -> Iterator[Finding]:
    for profile in objects_in(config.get("profiles")) or [{}]:
        share = profile.get("percentageOfNodesToScore", config.get("percentageOfNodesToScore"))
        if share == ALL_NODES:
            continue
        is_small = facts.nodes is not None and len(facts.nodes) < SAMPLED_FROM
        make = note if is_small else warning
        said = "is not set" if not share else f"is {share}"
        yield make(
            "percentageOfNodesToScore", f"{said}: from {SAMPLED_FROM} nodes on the best one may"
            " not be shown to us", "set percentageOfNodesToScore: 100",
        )  # fmt: skip
        return
