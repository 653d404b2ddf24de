"""How a node goes from one layout to another: what is to be written next, by what is seen of it.

A function of the Node object and the time, without memory of its own: the annotation
``bayplan.io/repartition`` says how far the node is, so that whoever comes next goes on from there.
Every step is one write, which the API server takes only if the node is still as it was seen.

    idle  -->  cordoned  -->  applying  -->  idle again
                  |              |
                  v              v
            idle again        failed  -->  idle again
             (undone)

mig-manager acts when the label ``nvidia.com/mig.config`` changes, and then writes
``nvidia.com/mig.config.state``: ``pending``, perhaps ``rebooting``, in the end ``success`` or
``failed`` (``reconfigure-mig.sh`` of NVIDIA/mig-parted). A state that is there already is about the
config before, so it is taken away with the same write that changes the config.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from bayplan.extender.repartition.mark import Mark, Step, written_time
from bayplan.extender.repartition.observing import SeenNode
from bayplan.extender.repartition.settings import Repartition
from bayplan.traces.kubernetes import keys
from bayplan.traces.kubernetes.objects import Object

SUCCESS, FAILED = "success", "failed"
"""States of a MIG manager that is done."""


class Result(Enum):
    """What a write means, for people: metrics, Events and the log name it so."""

    BEGUN = "begun"
    APPLIED = "applied"
    DONE = "done"
    UNDONE = "undone"
    FAILED = "failed"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Write:
    """A write to a node: the node as it is then.

    ``mark`` None ends what is under way, at ``ended_s``. ``cordoned`` None leaves that as it is.
    ``labels`` are set, None takes one away.
    """

    result: Result
    why: str
    mark: Mark | None
    ended_s: float | None = None
    cordoned: bool | None = None
    labels: Mapping[str, str | None] | None = None

    def patch(self) -> Object:
        """Return it as a merge patch (RFC 7386)."""
        annotations = {keys.REPARTITION: None if self.mark is None else self.mark.text}
        if self.ended_s is not None:
            annotations[keys.REPARTITIONED] = written_time(self.ended_s)
        metadata: Object = {"annotations": annotations}
        if self.labels is not None:
            metadata["labels"] = dict(self.labels)
        patch: Object = {"metadata": metadata}
        if self.cordoned is not None:
            patch["spec"] = {"unschedulable": True if self.cordoned else None}
        return patch


@dataclass(frozen=True, slots=True)
class Around:
    """What matters around a node that is under way.

    ``hindrance`` says why its GPUs are to stay as they are, empty: nothing is against it.
    ``wanted``: somebody whom it is for still waits. ``shows``: its device plugin shows what the
    config makes.
    """

    hindrance: str
    wanted: bool
    shows: bool


def begin(node: SeenNode, config: str, pods: tuple[str, ...], now_s: float) -> Write:
    """Return the first step of a node: it is cordoned.

    Parameters
    ----------
    node
        As it is seen; its repartition must have been found allowed.
    config, pods
        What it is to have, and for whom.
    now_s
        The time.
    """
    mark = Mark(Step.CORDONED, config, node.config, int(now_s), pods)
    return Write(Result.BEGUN, f"to {config}, for {_list(pods)}", mark, cordoned=True)


def advance(
    node: SeenNode, mark: Mark, around: Around, now_s: float, settings: Repartition
) -> Write | None:
    """Return the next step of a node that is under way; None: there is nothing to do now.

    Parameters
    ----------
    node, mark
        As it is seen.
    around
        What matters around it.
    now_s, settings
        The time, and what the controller goes by.
    """
    match mark.step:
        case Step.CORDONED:
            return _from_cordoned(node, mark, around, now_s, settings)
        case Step.APPLYING:
            return _from_applying(node, mark, around, now_s, settings)
        case Step.FAILED:
            return _from_failed(node, mark, around, now_s, settings)


def _from_cordoned(
    node: SeenNode, mark: Mark, around: Around, now_s: float, settings: Repartition
) -> Write | None:
    if not node.cordoned:
        return Write(Result.LEFT, "somebody has uncordoned it", None, now_s)
    if node.config != mark.before:
        return _undone(f"somebody has set {keys.MIG_CONFIG}={node.config}", now_s)
    if around.hindrance:
        return _undone(around.hindrance, now_s)
    if not around.wanted:
        return _undone("nobody waits for it any more", now_s)
    if now_s - mark.since_s < settings.settle_s:
        return None
    labels = {keys.MIG_CONFIG: mark.config, keys.MIG_STATE: None}
    applying = replace(mark, step=Step.APPLYING, since_s=int(now_s))
    return Write(Result.APPLIED, f"{mark.before or 'nothing'} -> {mark.config}", applying,
                 labels=labels)  # fmt: skip


def _from_applying(
    node: SeenNode, mark: Mark, around: Around, now_s: float, settings: Repartition
) -> Write | None:
    if node.config != mark.config:
        return _failed(mark, f"somebody has set {keys.MIG_CONFIG}={node.config}", now_s, settings)
    if node.state == SUCCESS and around.shows:
        return _done(mark, now_s)
    if node.state == FAILED:
        why = f"{keys.MIG_STATE} is failed: see the log of the MIG manager"
        return _failed(mark, why, now_s, settings)
    if now_s - mark.since_s > settings.limit_s:
        what = "its device plugin does not show the instances"
        if node.state != SUCCESS:
            what = f"{keys.MIG_STATE} is {node.state or 'not set'}"
        return _failed(mark, f"{what} after {settings.limit_s:.0f} s", now_s, settings)
    return None


def _from_failed(
    node: SeenNode, mark: Mark, around: Around, now_s: float, settings: Repartition
) -> Write | None:
    if mark.config and (node.config, node.state) == (mark.config, SUCCESS) and around.shows:
        return _done(mark, now_s)  # late, or mended by somebody
    if not node.cordoned and not settings.uncordon_failed:
        return Write(Result.LEFT, "somebody has uncordoned it", None, now_s)
    return None


def _undone(why: str, now_s: float) -> Write:
    return Write(Result.UNDONE, why, None, now_s, cordoned=False)


def _done(mark: Mark, now_s: float) -> Write:
    why = f"{mark.before or 'nothing'} -> {mark.config}"
    return Write(Result.DONE, why, None, now_s, cordoned=False)


def _failed(mark: Mark, why: str, now_s: float, settings: Repartition) -> Write:
    failed = replace(mark, step=Step.FAILED, since_s=int(now_s), why=why)
    cordoned = False if settings.uncordon_failed else None
    return Write(Result.FAILED, why, failed, cordoned=cordoned)


def _list(pods: tuple[str, ...]) -> str:
    return ", ".join(pods) or "nobody"
