"""What the read-only pages show."""

from __future__ import annotations

import asyncio

from bayplan.extender.live.asking import objection
from bayplan.extender.live.enforcing import missing
from bayplan.extender.live.owner import Owner
from bayplan.extender.live.reading import Seen
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.explaining.gangs import explain_gang
from bayplan.scheduler.explaining.pods import explain_pod
from bayplan.scheduler.explaining.words import ask
from bayplan.scheduler.types import GPU_MILLI, Request
from bayplan.traces.kubernetes.objects import Object

MOST_LISTED = 100


async def explained(owner: Owner, uid: str, now_s: float) -> Object:
    """Say why a pod is where it is, or nowhere; worked out on a copy, beside the live state.

    Raises
    ------
    KeyError
        There is no such pod.
    """
    seen = owner.mirror.pods[uid]
    page: Object = {"pod": uid, "node": seen.node or owner.mirror.assumed.get(uid, "")}
    page["asks"] = _asks(owner.mirror.reader.request(seen, seen.group))
    if why := objection(seen, owner.settings):
        return page | {"problem": why, "text": f"Pod {uid}: {why}"}
    held = owner.mirror.holds.get(uid)
    if held is not None:
        page["held"] = {"node": owner.mirror.cluster.pods[uid].placement.node, "until_s": held}
    if seen.group:
        page["gang"] = _gang_page(owner, seen)
    copy = owner.mirror.cluster.copy()
    engine = Engine(copy, owner.engine.policy, seed=owner.engine.seed)
    gang = owner.plans.gang(seen.group) if seen.group else None
    nodes, others = owner.mirror.giving(seen), missing(seen.way)
    if seen.claims:
        nodes, others = owner.steering.nodes_for(seen)
        if not nodes.any() and not page["node"]:
            return page | {"text": f"Pod {uid} fits none of {len(copy.nodes)} nodes: {others}."}
    if gang is not None:
        text = await asyncio.to_thread(lambda: explain_gang(engine, gang, now_s, nodes=nodes).text)
    else:
        request = owner.mirror.reader.request(seen)
        text = await asyncio.to_thread(
            lambda: explain_pod(engine, request, now_s, nodes=nodes).text
        )
    if nodes is not None and not page["node"]:
        n, n_nodes = int(nodes.sum()), len(copy.nodes)
        if n < n_nodes:
            text += f"\nCandidates are {n} of {n_nodes} nodes; others: {others}."
    return page | {"text": text}


def overview(owner: Owner) -> Object:
    """Return the state in short: sums, gangs under way, what is wrong."""
    mirror, cluster = owner.mirror, owner.mirror.cluster
    view = cluster.view
    problems = [str(each) for group in mirror.reader.problems.values() for each in group]
    problems += [str(each) for group in owner.plans.problems.values() for each in group]
    problems += owner.steering.problems()
    problems += [f"pod {uid}: {why}" for uid, why in mirror.crowded()]
    problems += [f"pod {uid}: {seen.problem}" for uid, seen in mirror.pods.items() if seen.problem]
    return {
        "nodes": len(cluster.nodes),
        "gpus": sum(node.gpu_count for node in cluster.nodes.values()),
        "idle_gpus": int(view.idle_milli[: view.n_rows].sum()) // GPU_MILLI,
        "pods": len(mirror.pods),
        "bound": len(cluster.pods) - len(mirror.holds),
        "held": len(mirror.holds),
        "assumed": len(mirror.assumed),
        "gangs": [
            {"name": plan.name, "least": plan.least, "there": owner.plans.there(plan)}
            for plan in list(owner.plans.plans.values())[:MOST_LISTED]
        ],
        "problems": sorted(problems)[:MOST_LISTED],
        "n_problems": len(problems),
    }


def _gang_page(owner: Owner, seen: Seen) -> Object:
    group = owner.plans.group(seen.group)
    plan = owner.plans.plans.get(seen.group)
    page: Object = {
        "name": seen.group,
        "named_by": seen.grouped_by,
        "pods": len(owner.mirror.groups.get(seen.group, ())),
        "least": owner.plans.least(group) if group is not None else 1,
    }
    if plan is not None:
        page["plan"] = {uid: plan.nodes[uid] for uid in sorted(plan.nodes)}
        page["there"] = owner.plans.there(plan)
    return page


def _topology(request: Request) -> str:
    if request.topology is None:
        return ""
    level = request.topology.level.name.lower().replace("_", " ")
    return f"one {level}, {'required' if request.topology.required else 'preferred'}"


def _asks(request: Request) -> Object:
    return {
        "cpu_milli": request.cpu_milli,
        "memory_mib": request.memory_mib,
        "devices": [ask(device) for device in request.devices],
        "models": sorted({model for device in request.devices for model in device.models}),
        "gpu_memory_mib": max([device.least_memory_mib for device in request.devices], default=0),
        "uuids": sorted({uuid for device in request.devices for uuid in device.uuids}),
        "not_uuids": sorted({uuid for device in request.devices for uuid in device.not_uuids}),
        "topology": _topology(request),
        "resources": dict(request.resources),
        "priority": request.priority,
        "queue": request.queue,
    }
