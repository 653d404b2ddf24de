"""Who waits in queues: pods by themselves, and gangs whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from bayplan.extender.live.mirror import Mirror
from bayplan.extender.live.owner import Owner
from bayplan.extender.live.reading import Seen
from bayplan.extender.live.rounds import Unit
from bayplan.traces.kubernetes import keys
from bayplan.traces.kubernetes.resources import BadField
from bayplan.traces.kubernetes.run_time import run_time_s
from bayplan.traces.kubernetes.times import seconds_of

GATE = keys.QUEUE
"""The scheduling gate that is ours to lift; all others are somebody else's."""


def waiting_pods(mirror: Mirror) -> tuple[list[Seen], list[str]]:
    """Return the pods that wait for kube-scheduler, or for us to lift their gate.

    The others are the uids of pods that run and are being deleted.
    """
    waiting, leaving, bound = [], [], mirror.assumed
    for seen in mirror.pods.values():
        facts = seen.facts
        if seen.leaving:
            if facts.node:
                leaving.append(seen.uid)
        elif not facts.node and seen.uid not in bound and (not facts.gates or GATE in facts.gates):
            waiting.append(seen)
    return waiting, leaving


def units_of(owner: Owner, waiting: Sequence[Seen], now_s: float) -> Iterator[Unit]:
    """Yield what is served at once, in the order of its first pods.

    Each is as its pods are when it is asked for: the state may move on in between.

    Parameters
    ----------
    owner
        The state.
    waiting
        As ``waiting_pods`` returns them.
    now_s
        The time.
    """
    alone: dict[str, Seen | None] = {}
    gangs: dict[str, list[Seen]] = {}
    for seen in waiting:
        if seen.group:
            gangs.setdefault(seen.group, []).append(seen)
            alone.setdefault(f"{seen.group}/", None)
        else:
            alone[seen.uid] = seen
    for key, one in alone.items():
        if one is not None:
            yield _of_pod(owner, one)
        else:
            name = key[:-1]
            yield from _of_group(owner, name, gangs[name], now_s)


def unsized(owner: Owner, waiting: Iterable[Seen]) -> list[Seen]:
    """Return a pod of each gang whose owner is to be asked how many members it has."""
    found = {seen.group: seen for seen in waiting if seen.group and owner.plans.unsized(seen)}
    return list(found.values())


def is_ready(owner: Owner, unit: Unit) -> bool:
    """Whether room is held for all of a unit."""
    if unit.gang is not None:
        return unit.name in owner.plans.plans
    return unit.requests[0].uid in owner.mirror.holds


def still_there(owner: Owner, units: Iterable[Unit], waiting: Iterable[Seen]) -> list[Unit]:
    """Return the units none of whose pods has changed, those with room as ``ready``.

    Parameters
    ----------
    owner
        The state.
    units
        What was made of ``waiting``.
    waiting
        The pods as they were then.
    """
    pods, assumed = owner.mirror.pods, owner.mirror.assumed
    changed = {s.uid for s in waiting if pods.get(s.uid) is not s or s.uid in assumed}
    found = []
    for unit in units:
        if changed and any(request.uid in changed for request in unit.requests):
            continue
        ready = is_ready(owner, unit)
        found.append(unit if unit.ready is ready else replace(unit, ready=ready))
    return found


def is_as_before(owner: Owner, unit: Unit) -> bool:
    """Whether all of a unit still wait, and ask for what they did when it was looked at.

    Another pod may have come by the same name.
    """
    mirror = owner.mirror
    for request in unit.requests:
        seen = mirror.pods.get(request.uid)
        if seen is None or seen.node or seen.leaving or seen.uid in mirror.assumed:
            return False
        now = mirror.reader.request(seen, seen.group)
        # Which budgets protect a pod that waits is nothing that it asks for.
        if now._replace(disruption_budgets=request.disruption_budgets) != request:
            return False
    return True


def _of_pod(owner: Owner, seen: Seen) -> Unit:
    return Unit(
        seen.uid,
        (owner.mirror.reader.request(seen, seen.group),),
        (seen.uid,) if GATE in seen.facts.gates else (),
        None,
        seconds_of(seen.created) or 0.0,
        _held_back(owner, seen),
        owner.mirror.giving(seen),
        seen.uid in owner.mirror.holds,
        seen.facts.meek,
    )


def _of_group(owner: Owner, name: str, waiting: list[Seen], now_s: float) -> list[Unit]:
    plans, mirror = owner.plans, owner.mirror
    group, gang = plans.group(name), plans.gang(name, lifting=GATE)
    if group is None or gang is None or plans.has_started(group):
        return [_of_pod(owner, seen) for seen in waiting]  # who grows a gang comes alone
    first, gated = waiting[0], [seen.uid for seen in waiting if GATE in seen.facts.gates]
    plans.follow(first, now_s)  # drops a plan that does not stand
    missing = plans.incomplete(first, group, plans.least(group), now_s, lifting=GATE)
    # Who has another gate is not there yet: the others can go without, but are lifted with it.
    foreign = [
        seen for m in group.members
        if gated and (seen := mirror.pods.get(m.uid)) is not None and _others(seen)
    ]  # fmt: skip
    whys = [why for seen in (*waiting, *foreign) if (why := _held_back(owner, seen))]
    if missing is not None:
        whys.append(missing.why)
    return [
        Unit(
            name,
            tuple(mirror.reader.request(seen, name) for seen in waiting),
            tuple(gated),
            gang,
            min(seconds_of(seen.created) or 0.0 for seen in waiting),
            whys[0] if whys else "",
            mirror.giving(first),
            name in plans.plans,
            any(seen.facts.meek for seen in waiting),
        )
    ]


def _held_back(owner: Owner, seen: Seen) -> str:
    """Return why it is not for us to let a pod go; empty: it is."""
    if others := _others(seen):
        return f"it has another scheduling gate, {', '.join(others)}"
    if why := owner.objection(seen):
        return why
    if GATE in seen.facts.gates:
        try:
            run_time_s(seen.facts.member.annotations)
        except BadField as bad:
            return f"{bad.field}: {bad.text}"
    return ""


def _others(seen: Seen) -> list[str]:
    return [gate for gate in seen.facts.gates if gate != GATE]
