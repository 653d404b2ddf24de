"""What clients are told, as text for people and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import orjson

from bayplan.extender.remote.types import Event, NodeState, Snapshot, Standing
from bayplan.scheduler.preemption.types import Preemption
from bayplan.scheduler.types import ANONYMOUS, GPU_MILLI, Decision, Grant, Placement


def as_json(thing: object) -> str:
    """Return something as a line of JSON.

    Parameters
    ----------
    thing
        Data of the scheduler or of a client.
    """
    return orjson.dumps(thing, default=_pairs).decode()


def decision_text(decision: Decision) -> str:
    """Return where a request goes, or why nowhere.

    Parameters
    ----------
    decision
        The decision.
    """
    uid = decision.request.uid
    if decision.placement is not None:
        return f"{uid} goes to {decision.placement.node}{_devices(decision.placement)}"
    lines = [f"{uid} fits nowhere"]
    lines += [f"  {n:,} × {reason.text}" for reason, n in decision.reasons]
    return "\n".join(lines)


def decision_data(decision: Decision) -> dict[str, object]:
    """Return a decision as plain data.

    Parameters
    ----------
    decision
        The decision.
    """
    return {
        "uid": decision.request.uid,
        "now_s": decision.now_s,
        "placement": decision.placement,
        "score": decision.score,
        "rests_on": dict(decision.rests_on),
        "reasons": [{"text": reason.text, "nodes": n} for reason, n in decision.reasons],
    }


def preemption_text(found: Preemption) -> str:
    """Return whom to evict, the best node first.

    Parameters
    ----------
    found
        Whom.
    """
    if not found.nodes:
        return f"evicting nobody helps {found.request.uid}: {found.why}"
    lines = []
    for each in found.nodes:
        gone = ", ".join(each.uids) or "nobody"
        lines.append(
            f"{each.node}: {gone} ({each.violations} budgets violated,"
            f" {each.lost_gpu_s / 3600:,.1f} GPU-hours lost)"
        )
    return "\n".join(lines)


def preemption_data(found: Preemption) -> dict[str, object]:
    """Return whom to evict as plain data.

    Parameters
    ----------
    found
        Whom.
    """
    return {"uid": found.request.uid, "now_s": found.now_s, "nodes": found.nodes, "why": found.why}


def snapshot_text(state: Snapshot) -> str:
    """Return the state as a table of nodes, and who has room beside the pods that are bound.

    Parameters
    ----------
    state
        The state.
    """
    rows: list[tuple[str, ...]] = [
        ("node", "GPUs idle", "partly", "of", "model", "CPU free", "GiB free", "")
    ]
    rows += [_row(node) for node in state.nodes]
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = ["  ".join(_aligned(row, widths)).rstrip() for row in rows]
    standings = Counter(pod.standing for pod in state.pods)
    counts = [f"{standings[each]:,} {each.value}" for each in Standing]
    lines.append(f"{len(state.nodes):,} nodes; pods: {', '.join(counts)}")
    for pod in state.pods:
        if pod.standing is not Standing.BOUND:
            until = "until it is released"
            if pod.until_s is not None:
                until = f"for {max(0.0, pod.until_s - state.now_s):,.0f} s more"
            lines.append(f"{pod.uid} is {pod.standing.value} on {pod.placement.node} {until}")
    return "\n".join(lines)


def event_text(event: Event) -> str:
    """Return an event as a line.

    Parameters
    ----------
    event
        The event.
    """
    time = datetime.fromtimestamp(event.time_s, UTC).strftime("%H:%M:%S")
    parts = [time, event.kind.replace("_", " "), event.uid]
    parts += [f"on {event.node}"] if event.node else []
    parts += [f"by {event.client}"] if event.client else []
    parts += [f"evicting {', '.join(event.victims)}"] if event.victims else []
    parts += [f"({event.why})"] if event.why else []
    parts += [f"[{event.missed:,} events before were missed]"] if event.missed else []
    return " ".join(parts)


def _devices(placement: Placement) -> str:
    words = [_word(grant) for grants in placement.grants for grant in grants]
    return f": {', '.join(_counted(words))}" if words else ""


def _counted(words: Iterable[str]) -> Iterator[str]:
    for word, n in Counter(words).items():
        yield word if n == 1 else f"{n} × {word}"


def _word(grant: Grant) -> str:
    gpu = "a GPU" if grant.slot.gpu == ANONYMOUS else f"GPU {grant.slot.gpu}"
    if grant.slot.profile:
        return f"{grant.slot.profile} at {grant.slot.start} of {gpu}"
    if grant.milli < GPU_MILLI:
        return f"{grant.milli} milli and {grant.memory_mib:,} MiB of {gpu}"
    return gpu


def _row(node: NodeState) -> tuple[str, ...]:
    free = [slot.free_milli for slot in node.slots if not slot.slot.size]
    idle = sum(milli == GPU_MILLI for milli in free)
    partly = sum(0 < milli < GPU_MILLI for milli in free)
    return (
        node.name,
        str(idle),
        str(partly),
        str(len(node.slots if node.anonymous_gpus else {slot.slot.gpu for slot in node.slots})),
        node.gpu_model or "-",
        f"{node.free_cpu_milli / 1000:,.1f}",
        f"{node.free_memory_mib / 1024:,.1f}",
        "" if node.schedulable else "takes no new pods",
    )


def _aligned(row: tuple[str, ...], widths: list[int]) -> Iterator[str]:
    for k, (text, width) in enumerate(zip(row, widths, strict=True)):
        yield text.ljust(width) if k in (0, 4, 7) else text.rjust(width)


def _pairs(thing: object) -> object:
    """Return a named tuple as its fields, which JSON has no form for by itself."""
    if isinstance(thing, tuple) and hasattr(thing, "_asdict"):
        return thing._asdict()
    raise TypeError(f"{type(thing).__name__} has no form in JSON")
