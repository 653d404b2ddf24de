"""What follows from the version of Kubernetes and from the APIs that are served."""

from __future__ import annotations

from collections.abc import Iterator

from bayplan.extender.check.findings import Facts, Finding, error, note, warning
from bayplan.extender.watch.kinds import KINDS, POD_GROUPS

OLDEST, NEWEST = (1, 34), (1, 37)
"""Between these the tests of `make e2e` run."""
BATCHING = (1, 35)
"""From here on ``OpportunisticBatching`` (KEP-5598) is on by default."""
EMPTY_VICTIMS = (1, 38)
"""From here on extenders may be asked for victims where in-tree filters find none (k/k#135486)."""


def of_version(facts: Facts) -> Iterator[Finding]:
    """Yield what follows from the version.

    Parameters
    ----------
    facts
        The cluster.
    """
    about = f"Kubernetes {_written(facts.version)}"
    if facts.version < OLDEST:
        yield warning(about, f"older than {_written(OLDEST)}, the oldest that is tested",
                      "upgrade the cluster")  # fmt: skip
    if facts.version > NEWEST:
        yield note(about, f"newer than {_written(NEWEST)}, the newest that is tested")
    if facts.version >= BATCHING:
        yield note(
            about,
            "kube-scheduler's OpportunisticBatching is on by default: pods that are alike come"
            " with one node and without scores",
            "start kube-scheduler with --feature-gates=OpportunisticBatching=false",
        )
    if facts.version >= EMPTY_VICTIMS:
        yield note(about, "kube-scheduler asks extenders for victims where its own filters find"
                   " none, too: shares are preempted")  # fmt: skip
    else:
        yield note(about, "kube-scheduler preempts only where its own filters find victims that"
                   " make room: whole GPUs, not shares")  # fmt: skip


def of_apis(facts: Facts) -> Iterator[Finding]:
    """Yield which PodGroups there are, and whether kube-scheduler waits for some that are not.

    Parameters
    ----------
    facts
        The cluster.
    """
    if facts.gates.get("GenericWorkload") and not facts.served.get(POD_GROUPS):
        yield error(
            "GenericWorkload",
            "the feature gate is on and scheduling.k8s.io has no PodGroup: kube-scheduler never"
            " becomes ready (k/k#142886)",
            "serve it: --runtime-config=scheduling.k8s.io/v1beta1=true, or turn the gate off",
        )
    there = [
        f"{kind.group}/{version}"
        for kind in KINDS
        if kind.kind == "PodGroup" and (version := facts.served.get(kind.name))
    ]
    if there:
        yield note("PodGroups", f"read from {', '.join(there)}")
    else:
        yield note("PodGroups", "the API server has none: gangs come by labels and annotations")


def _written(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
