"""Explanations in plain English: at most 12 lines of at most 100 columns."""

from __future__ import annotations

from collections.abc import Sequence

from bayplan.scheduler.engine import WishReasons
from bayplan.scheduler.explaining.types import Explanation, Fix, GangExplanation, Lack, Miss
from bayplan.scheduler.explaining.words import (
    MAX_NAME,
    PODS,
    WIDTH,
    amount,
    asks,
    clip,
    name,
    names,
    plural,
)
from bayplan.scheduler.queues.types import CPU, GPU, MEMORY, Rule, Verdict
from bayplan.scheduler.types import FIRST_SHORTAGE, GPU_MILLI, Reason

MAX_LINES = 12
_MAX_WAYS = 3
_PER_GPU = {"milli": "milli-GPU", "GPU memory": "of GPU memory"}


def text_of_pod(found: Explanation) -> str:
    """Return an explanation of a pod as lines of text."""
    pod = f"Pod {name(found.request.uid)}"
    limit = [clip(f"Queue: {found.limit}")] if found.limit else []
    if found.placement is not None:
        where = name(found.placement.node) + _gpus(found)
        state = "is there already: on" if found.bound else "fits now: on"
        but = ", but its queue does not admit it" if limit else ""
        return "\n".join([clip(f"{pod} {state} {where}{but}."), *limit])
    nowhere = f"fits none of {found.n_nodes:,} nodes"
    if found.n_nodes == 1:
        nowhere = "does not fit the only node"
    lines = [clip(f"{pod} {nowhere}: {asks(found.request)}.")]
    lines += _wish_lines(found.wishes)
    if found.nearest is not None:
        lines.append(clip(f"Nearest: {miss_line(found.nearest)}"))
    return "\n".join(_with_fixes(lines + limit, found.fixes))


def _gpus(found: Explanation) -> str:
    assert found.placement is not None
    slots = [grant.slot.gpu for grants in found.placement.grants for grant in grants]
    if not slots or min(slots) < 0:
        return ""
    listed = ", ".join(str(gpu) for gpu in sorted(set(slots))[:16])
    return f", {'GPU' if len(set(slots)) == 1 else 'GPUs'} {listed}"


def _wish_lines(wishes: Sequence[WishReasons]) -> list[str]:
    if len(wishes) == 1:
        return [reason_line("Nodes", wishes[0].reasons)]
    lines = [
        reason_line(f"Wish {i + 1}", wish.reasons) for i, wish in enumerate(wishes[:_MAX_WAYS])
    ]
    if len(wishes) > _MAX_WAYS:
        lines[-1] = f"{len(wishes) - _MAX_WAYS + 1:,} more wishes fail in like ways"
    return lines


def reason_line(what: str, reasons: Sequence[tuple[Reason, int]]) -> str:
    """Return reasons with their number of nodes, the most common first, as many as fit."""
    ordered = sorted(reasons, key=lambda pair: (-pair[1], pair[0]))
    parts = [f"{n:,} × {reason.text}" for reason, n in ordered]
    line, shown = f"{what}: ", 0
    for i, part in enumerate(parts):
        longer = line + ("; " if i else "") + part
        rest = len(parts) - i - 1
        if i and len(longer) + (len(_more(rest)) if rest else 0) > WIDTH:
            break
        line, shown = longer, i + 1
    if shown < len(parts):
        line += _more(len(parts) - shown)
    return clip(line if parts else f"{what}: there are none")


def _more(rest: int) -> str:
    return f"; {plural(rest, 'more reason')}"


def miss_line(miss: Miss) -> str:
    """Return in words what the nearest node lacks."""
    parts = [lack_words(lack) for lack in miss.lacks]
    if miss.reason < FIRST_SHORTAGE or not parts:
        parts = [_lasting(miss), *parts]
    enough = [{"GPU": "GPUs"}.get(what, name(what)) for what in miss.enough if what != PODS]
    if enough:
        parts.append(f"enough {names(enough, len(enough))}")
    line = f"{name(miss.node)}: {parts[0]}"
    for part in parts[1:]:
        if len(line) + len(part) + 2 + len("Nearest: ") > WIDTH:
            break
        line += f"; {part}"
    return line


def _lasting(miss: Miss) -> str:
    if miss.reason in (Reason.GPU_MODEL, Reason.GPU_UUID):
        return f"{miss.reason.text}: it has {plural(miss.n_gpus, 'GPU')} of {name(miss.model)}"
    if miss.reason is Reason.GPU_COUNT:
        if not miss.n_gpus:
            return "it has no GPUs"
        return f"it has {plural(miss.n_gpus, 'GPU')} of {name(miss.model)}, too few or too small"
    return miss.reason.text


def lack_words(lack: Lack) -> str:
    """Return one lack in words."""
    if lack.what == "GPU":
        more = "GPU" if lack.missing == 1 else "GPUs"
        return f"{lack.free} of {plural(lack.asked, 'GPU')} free; {lack.missing} more {more} needed"
    if lack.what == PODS:
        return "it takes no more pods"
    if lack.what == "client":
        return f"GPU {lack.gpu} takes no more clients"
    if lack.what == "MIG place":
        return f"GPU {lack.gpu} has enough free, but no place where the MIG profile may start"
    have, want = amount(lack.what, lack.free), amount(lack.what, lack.asked)
    missing = amount(lack.what, lack.missing)
    if lack.gpu >= 0:
        return (
            f"GPU {lack.gpu} has {have} of {want} {_PER_GPU[lack.what]} free; {missing} more needed"
        )
    return f"{have} of {want} {lack.what[:MAX_NAME]} free; {missing} more needed"


def verdict_words(verdict: Verdict) -> str:
    """Return which queue's rule binds and by how much; empty when it admits."""
    if verdict.rule in (Rule.NONE, Rule.UNKNOWN):
        return verdict.why if verdict.rule is Rule.NONE else f"there is no queue {verdict.queue}"
    where = f"queue {name(verdict.queue)}" if verdict.queue else "the cluster"
    what = "limit" if verdict.queue else "capacity"
    of = verdict.resource
    used, bound, asked, left = (
        queue_amount(of, n) for n in (verdict.used, verdict.bound, verdict.asked, verdict.available)
    )
    kept = f"; {name(verdict.keeper)} lends no more" if verdict.keeper else ""
    may = "; may reclaim" if verdict.may_reclaim else ""
    unit = resource_words(of)
    line = f"{where} uses {used} of its {what} of {bound} {unit}; {asked} asked, {left} left"
    return line + kept + may


def resource_words(resource: str) -> str:
    """Return the name of a queue's resource."""
    if resource == GPU:
        return "GPUs"
    if resource.startswith(f"{GPU}:"):
        return f"GPUs of {name(resource[len(GPU) + 1 :])}"
    return {CPU: "CPU", MEMORY: "of memory"}.get(resource, name(resource))


def queue_amount(resource: str, n: int) -> str:
    """Return an amount of a queue's resource."""
    if resource == GPU or resource.startswith(f"{GPU}:"):
        return f"{n / GPU_MILLI:,.3f}".rstrip("0").rstrip(".")
    if resource in (CPU, MEMORY):
        return amount({CPU: "CPU", MEMORY: "memory"}[resource], n)
    return f"{n:,}"


def text_of_gang(found: GangExplanation) -> str:
    """Return an explanation of a gang as lines of text."""
    gang = f"Gang {name(found.gang.name)}"
    limit = [clip(f"Queue: {found.limit}")] if found.limit else []
    if found.starts:
        where = f"{plural(len(found.nodes), 'node')} ({names(found.nodes)})"
        but = ", but its queue does not admit it" if limit else ""
        state = "is there already: on" if found.bound else "starts now: on"
        return "\n".join([clip(f"{gang} {state} {where}{but}."), *limit])
    members = f"{found.placed} of {found.size} members"
    how_far, _, _ = found.why.partition("; ")
    if found.first_left and how_far.startswith(members):
        # What the rest of it says of the first one left, the lines below say in full.
        lines = [clip(f"{gang} does not start: {how_far}.")]
    else:
        lines = [clip(f"{gang} does not start: {members} find a place.")]
        lines += [clip(f"Why: {found.why}")] if found.why else []
    if found.first_left and found.why_left is not None:
        lines += _first_left(found.first_left, found.why_left)
    return "\n".join(_with_fixes(lines + limit, found.fixes))


def _first_left(uid: str, alone: WishReasons) -> list[str]:
    left = f"First without a place: {name(uid)}"
    if alone.fitting:
        return [f"{left}; by itself it fits {plural(alone.fitting, 'node')}."]
    return [f"{left}; by itself it fits no node either.", reason_line("Nodes", alone.reasons)]


def _with_fixes(lines: list[str], fixes: Sequence[Fix]) -> list[str]:
    if not fixes:
        return [*lines, "No fix was found."][:MAX_LINES]
    room = MAX_LINES - len(lines) - 1
    shown = fixes if len(fixes) <= room else fixes[: room - 1]
    lines = [*lines, "What would help, the gentlest first:"]
    lines += [clip(f"  {i}. {fix.text}") for i, fix in enumerate(shown, 1)]
    if len(shown) < len(fixes):
        lines.append(f"  and {len(fixes) - len(shown)} more")
    return lines
