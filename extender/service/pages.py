"""What the read-only pages show."""

from __future__ import annotations

from itertools import islice

from bayplan.extender.live.owner import Owner
from bayplan.extender.service.answering import Answering
from bayplan.extender.service.question import asked
from bayplan.scheduler.explaining.brief import as_data
from bayplan.scheduler.explaining.lines import text_of
from bayplan.scheduler.explaining.words import ask
from bayplan.scheduler.types import GPU_MILLI, Request
from bayplan.traces.kubernetes.gpus import in_parts
from bayplan.traces.kubernetes.objects import Object

MOST_LISTED = 100
VENDOR = "nvidia.com/"


async def explained(owner: Owner, answering: Answering, name: str, now_s: float) -> Object:
    """Say why a pod or a gang is where it is, or nowhere; worked out beside the live state.

    Raises
    ------
    KeyError
        There is no such pod or gang.
    """
    question, page = asked(owner, name, now_s), facts(owner, name)
    brief = (await answering.all_of({name: question}))[name]
    return page | {"why": as_data(brief), "text": text_of(brief)}


def facts(owner: Owner, name: str) -> Object:
    """Return what the state has of a pod or gang.

    Raises
    ------
    KeyError
        There is no such pod or gang.
    """
    seen = owner.mirror.pods.get(name)
    if seen is None:
        return {"gang": _gang_page(owner, name)}
    page: Object = {"pod": name, "node": seen.node or owner.mirror.assumed.get(name, "")}
    page["asks"] = _asks(owner.mirror.reader.request(seen, seen.group))
    if why := owner.objection(seen):
        return page | {"problem": why}
    held = owner.mirror.holds.get(name)
    if held is not None:
        page["held"] = {"node": owner.mirror.cluster.pods[name].placement.node, "until_s": held}
    if seen.group:
        page["gang"] = _gang_page(owner, seen.group)
    if not page["node"] and _wants_gpus(page["asks"]) and (sick := _sick(owner)):
        page["sick_gpus"] = sick
    return page


def overview(owner: Owner) -> Object:
    """Return the state in short: sums, gangs under way, what is wrong."""
    mirror, cluster = owner.mirror, owner.mirror.cluster
    problems = [str(each) for group in mirror.reader.problems.values() for each in group]
    problems += [str(each) for group in owner.plans.problems.values() for each in group]
    problems += owner.steering.problems()
    problems += [f"pod {uid}: {why}" for uid, why in mirror.crowded()]
    problems += [f"pod {uid}: {seen.problem}" for uid, seen in mirror.pods.items() if seen.problem]
    state: Object = {
        "nodes": len(cluster.nodes),
        **_gpus(owner),
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
    if mirror.reader.health is not None:
        state["sick_gpus"] = _sick(owner)
    if owner.helper is not None:
        state["making_room"] = owner.helper.page()
    return state


def _gpus(owner: Owner) -> Object:
    """Return how many GPUs there are; replicas and instances of MIG, if any, are counted apart."""
    cluster = owner.mirror.cluster
    idle_milli = cluster.view.idle_milli
    count, idle = {"gpus": 0}, {"gpus": 0}
    for name, node in cluster.nodes.items():
        kind = "gpu_parts" if in_parts(node) else "gpus"
        count[kind] = count.get(kind, 0) + node.gpu_count
        idle[kind] = idle.get(kind, 0) + int(idle_milli[cluster.row(name)])
    return count | {f"idle_{kind}": milli // GPU_MILLI for kind, milli in idle.items()}


def _wants_gpus(asks: Object) -> bool:
    return bool(asks["devices"]) or any(name.startswith(VENDOR) for name in asks["resources"])


def _sick(owner: Owner) -> list[str]:
    """Return why GPUs take no new pods, one of them or one node a line."""
    health = owner.mirror.reader.health
    return [] if health is None else [line for _, line in islice(health.lines(), MOST_LISTED)]


def _gang_page(owner: Owner, name: str) -> Object:
    group, uids = owner.plans.group(name), owner.mirror.groups.get(name, {})
    plan = owner.plans.plans.get(name)
    page: Object = {
        "name": name,
        "named_by": next((owner.mirror.pods[uid].grouped_by for uid in uids), ""),
        "pods": len(uids),
        "least": owner.plans.least(group) if group is not None else 1,
    }
    if problems := owner.plans.problems.get(name):
        page["problems"] = [str(each) for each in problems]
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
