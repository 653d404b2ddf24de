"""Which runs can be decided elsewhere, by a live service: what it cannot do is refused before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bayplan.scheduler.constraints.types import Effect
from bayplan.scheduler.errors import InputError
from bayplan.scheduler.policies import Ties, make_policy, uses_images
from bayplan.scheduler.sharing import UNGOVERNED, Sharing, sharing_of
from bayplan.scheduler.types import GPU_MILLI, Node
from bayplan.simulator.core.deciding import Decider
from bayplan.simulator.scenario.keys import NONE
from bayplan.simulator.scenario.ready import Ready
from bayplan.simulator.scenario.scenario import Scenario

POSSIBLE: Mapping[str, tuple[str, ...]] = {
    "cluster.changes": ("",),
    "services.file": ("",),
    "policy.backfill": (NONE, "conservative"),
    "policy.preemption": (NONE,),
    "policy.partitioning": (NONE,),
    "policy.elasticity": (NONE,),
    "policy.deferral": (NONE,),
    "stragglers.detector": (NONE,),
}
"""Values that keys may have. Under others nodes change, which are not ours; or it is tried out on
the run's own cluster what would be if somebody left or came, which says nothing of another."""

EXPORT = "`bayplan remote snapshot --nodes FILE` writes what is there"


def check_elsewhere(scenario: Scenario, ready: Ready, decider: Decider) -> None:
    """Refuse a run that cannot be decided elsewhere; else choose the nodes for it there.

    Parameters
    ----------
    scenario, ready
        What is to be run.
    decider
        Who decides.

    Raises
    ------
    InputError
        The first thing that is wrong.
    """
    for problem in _problems(scenario, ready, decider):
        raise problem
    decider.choose_among([node.name for node in ready.nodes])


def _problems(scenario: Scenario, ready: Ready, decider: Decider) -> Iterator[InputError]:
    for path, values in POSSIBLE.items():
        if scenario[path] not in values:
            fix = f"set it to {' or '.join(values)}" if values[0] else "leave it out"
            yield scenario.error(path, f"{decider.where} does not do this", fix)
    if ready.spare or ready.elastic or ready.outages or ready.gpu_outages:
        problem = f"its nodes fail, or come and go, and those of {decider.where} stay"
        yield scenario.error("cluster.file", problem, "leave that out")
    yield from _about_policy(scenario, decider)
    yield from _about_nodes(scenario, ready.nodes, decider)
    yield from _about_jobs(scenario, ready, decider)


def _about_policy(scenario: Scenario, decider: Decider) -> Iterator[InputError]:
    key = "policy.placement"
    if scenario[key] != decider.placement:
        problem = f"it is {scenario[key]}, and {decider.placement} at {decider.where}"
        yield scenario.error(key, problem, f"set it to {decider.placement}")
        return
    policy = make_policy(decider.placement)
    if policy.ties is Ties.LEAST_HASH:
        problem = f"{decider.placement} draws by names of pods, which are others elsewhere"
        yield scenario.error(key, problem, "choose one that draws nothing, there too")
    if uses_images(policy):
        problem = f"{decider.placement} goes by images, which are not told to others"
        yield scenario.error(key, problem, "choose one that does not, there too")


def _about_nodes(
    scenario: Scenario, nodes: Sequence[Node], decider: Decider
) -> Iterator[InputError]:
    there = {node.name: node for node in decider.nodes}
    for node in nodes:
        if node.name not in there:
            problem = f"there is no node {node.name} at {decider.where}"
        elif problem := _sharing(node, there[node.name], decider.where):
            fix = "set it to how they are shared there"
            yield scenario.error("sharing.mode", problem, fix)
            continue
        else:
            problem = _difference(node, there[node.name], decider.where)
        if problem:
            yield scenario.error("cluster.file", problem, EXPORT)
    names = {node.name for node in nodes}
    order = [node.name for node in decider.nodes if node.name in names]
    for here, elsewhere in zip(nodes, order, strict=False):
        if here.name != elsewhere:
            problem = (
                f"of equal nodes {elsewhere} comes before {here.name} at {decider.where}, and"
                " behind it here"
            )
            yield scenario.error("cluster.file", problem, EXPORT)


def _difference(here: Node, there: Node, where: str) -> str:
    """Return what is another thing at a node elsewhere, sharing aside; empty: nothing is."""
    if not there.schedulable:
        return f"node {here.name} takes no new pods at {where}"
    for taint in there.taints:
        if taint.effect is not Effect.PREFER_NO_SCHEDULE:
            return f"node {here.name} has the taint {taint.key} at {where}"
    for what, mine, other in (
        ("milli-CPU", here.cpu_milli, there.cpu_milli),
        ("MiB", here.memory_mib, there.memory_mib),
        ("GPUs", here.gpu_count, there.gpu_count),
        ("MiB a GPU", here.gpu_memory_mib, there.gpu_memory_mib),
    ):
        if mine != other:
            return f"node {here.name} has {mine:,} {what}, and {other:,} are free at {where}"
    if here.gpu_model != there.gpu_model:
        models = here.gpu_model or "unnamed", there.gpu_model or "unnamed"
        return f"node {here.name} has {models[0]} GPUs, and {models[1]} at {where}"
    if there.unhealthy:
        return f"GPU {there.unhealthy[0]} of node {here.name} is not free at {where}"
    return ""


def _sharing(here: Node, there: Node, where: str) -> str:
    """Return which GPU of a node is shared in another way elsewhere; empty: none is."""
    for gpu in range(min(here.gpu_count, there.gpu_count)):
        mine, other = sharing_of(here.sharing, gpu), sharing_of(there.sharing, gpu)
        if mine != other:
            what = f"GPU {gpu} of node {here.name}"
            return f"{what} is shared by {_shown(mine)}, and by {_shown(other)} at {where}"
    return ""


def _shown(sharing: Sharing) -> str:
    """Return a way to share as a scenario names it, with its limits."""
    text = repr(sharing)
    return "nothing" if sharing == UNGOVERNED else text[:1].lower() + text[1:]


def _about_jobs(scenario: Scenario, ready: Ready, decider: Decider) -> Iterator[InputError]:
    """Refuse shares of GPUs that a device plugin picks: here they have an index, there none."""
    names = {node.name for node in ready.nodes}
    picks = next(
        (each for each in decider.nodes if each.anonymous_gpus and each.name in names), None
    )
    if picks is None:
        return
    jobs = ready.jobs
    shares = (jobs.gpu_count > 0) & ((jobs.gpu_milli < GPU_MILLI) | (jobs.gpu_memory_mib > 0))
    for name, is_share, profile in zip(jobs.name, shares.tolist(), jobs.mig_profile, strict=True):
        if is_share or profile:
            problem = (
                f"job {name} asks for a part of a GPU, and at {decider.where} the device plugin of"
                f" node {picks.name} hands out whole ones"
            )
            yield scenario.error("jobs.file", problem, "leave such jobs out")
