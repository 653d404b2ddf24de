"""Whether there are as many Pods as the Leases allow, and whether they are kube-scheduler's."""

from __future__ import annotations

from collections.abc import Iterator

from bayplan.extender.check.findings import Facts, Finding, error, note
from bayplan.extender.config.reading import Values
from bayplan.extender.permissions import LEADER
from bayplan.traces.kubernetes.objects import Object, dict_of, metadata_of


def of_pods(facts: Facts, values: Values) -> Iterator[Finding]:
    """Yield what is wrong with how many Pods there are.

    Parameters
    ----------
    facts
        The cluster.
    values
        The extender's configuration.
    """
    pods = facts.own_pods or ()
    n = sum("deletionTimestamp" not in metadata_of(pod) for pod in pods)
    if n > 1 and not values[LEADER]:
        yield error(
            "leader.on",
            f"is false, and there are {n} Pods: each keeps room that the others do not know of",
            "have one replica, or apply extender/deploy/ha",
        )
    if n == 1 and values[LEADER]:
        yield note("leader.on", "is true, and there is one Pod: nobody takes over from it")


def of_election(scheduler: Object, values: Values) -> Iterator[Finding]:
    """Yield where the Lease that is looked at is not that of kube-scheduler.

    Parameters
    ----------
    scheduler
        kube-scheduler's configuration; what it leaves out has the defaults of
        ``config/v1`` of k8s.io/component-base.
    values
        The extender's configuration.
    """
    if not values[LEADER] or not (wanted := str(values["leader.scheduler"])):
        return
    election = dict_of(scheduler.get("leaderElection"))
    if election.get("leaderElect", True) is not True:
        yield error("leaderElection", "leaderElect is false: both kube-schedulers would schedule",
                    "set it to true")  # fmt: skip
    name = str(election.get("resourceName") or "kube-scheduler")
    space = str(election.get("resourceNamespace") or "kube-system")
    if name != wanted:
        yield error("leaderElection", f"resourceName is {name}, and leader.scheduler {wanted}: no"
                    " pod would be bound", "give both one name")  # fmt: skip
    ours = str(values["leader.namespace"])
    if ours and ours != space:
        yield error("leaderElection", f"resourceNamespace is {space}, and leader.namespace {ours}:"
                    " no pod would be bound", "give both one namespace")  # fmt: skip
