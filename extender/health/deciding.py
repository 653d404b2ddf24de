"""What is quarantined and what is let go, by what is written on a node and what a source shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from msgspec.structs import replace

from bayplan.extender.health.codes import Lift, code_of, xid_name
from bayplan.extender.health.entries import Entry, named_by
from bayplan.extender.health.shown import Gpu, Gpus


@dataclass(frozen=True, slots=True)
class Decided:
    """What is to be written, and what of it is new: who is quarantined, and who is let go why."""

    entries: tuple[Entry, ...]
    begun: tuple[Entry, ...] = ()
    ended: tuple[tuple[Entry, str], ...] = ()


def decide(
    entries: Iterable[Entry],
    gpus: Gpus | None,
    *,
    xids: frozenset[int],
    boot: str,
    release: str,
    now: str,
) -> Decided:
    """Return what becomes of the GPUs of a node.

    Parameters
    ----------
    entries
        What is written on the node.
    gpus
        What the source shows of it; None: it could not be read, or shows none of its GPUs.
    xids
        The Xids that quarantine.
    boot
        The node's boot; empty: unknown.
    release
        What a person let go; empty: nothing.
    now
        The time, for those that begin.
    """
    kept, ended = [], []
    for entry in entries:
        if release and not entry.released and named_by(release, entry):
            entry = replace(entry, released=True)
            ended.append((entry, "a person let it go"))
        if gpus is None:
            kept.append(entry)
            continue
        after, why = _after(entry, gpus, boot)
        if after is not None:
            kept.append(after)
        elif not entry.released:
            ended.append((entry, why))
    known = {(entry.uuid, entry.code) for entry in kept}
    begun = tuple(
        Entry(uuid, gpu.index, code, now, boot)
        for uuid, gpu in sorted((gpus or {}).items())
        for code in _sick(gpu, xids)
        if (uuid, code) not in known
    )
    every = sorted((*kept, *begun), key=lambda each: (each.gpu, each.uuid, each.code))
    return Decided(tuple(every), begun, tuple(ended))


def _after(entry: Entry, gpus: Gpus, boot: str) -> tuple[Entry | None, str]:
    """Return an entry as it is after a look at the GPUs, or that and why there is none."""
    gpu, booted = gpus.get(entry.uuid), bool(boot and entry.boot and boot != entry.boot)
    if gpu is None:
        # One that fell off the bus is not shown either; after a boot it is not there at all.
        return (None, "the node has booted without it") if booted else (entry, "")
    if gpu.index >= 0:
        entry = replace(entry, gpu=gpu.index)
    lift = code_of(entry.code).lift
    if gpu.has(entry.code):
        if entry.released and booted and lift is Lift.BOOT:
            return None, ""  # what is shown is not what was let go
        return (replace(entry, boot=boot) if booted else entry), ""
    if entry.released:
        return None, ""
    if lift is Lift.LEVEL and gpu.levels.get(entry.code) is False:
        return None, "the source says that it is over"
    if lift is Lift.BOOT and booted:
        return None, "the node has booted, and it was not seen since"
    return entry, ""


def _sick(gpu: Gpu, xids: frozenset[int]) -> Iterator[str]:
    yield from (xid_name(xid) for xid in sorted(gpu.xids & xids))
    yield from sorted(name for name, is_so in gpu.levels.items() if is_so)
