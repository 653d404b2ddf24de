"""Amounts, times and names as people read them."""

from __future__ import annotations

from collections.abc import Sequence

from bayplan.scheduler.types import (
    DeviceRequest,
    GpuShare,
    MigInstances,
    Request,
    WholeGpus,
)

WIDTH = 100
"""The most columns of a line."""

PODS = "pods"
"""The resource that every pod takes one of, which goes without saying."""

MAX_NAME = 40
_GIB = 1024


def name(text: str) -> str:
    """Return a name, its middle left out where it is long."""
    if len(text) <= MAX_NAME:
        return text
    half = (MAX_NAME - 1) // 2
    return f"{text[:half]}…{text[-half:]}"


def names(texts: Sequence[str], most: int = 2) -> str:
    """Return names as a list; those beyond ``most`` are counted."""
    shown = [name(text) for text in texts[:most]]
    more = len(texts) - len(shown)
    if more:
        return f"{', '.join(shown)} and {more:,} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


def clip(line: str) -> str:
    """Return a line of at most ``WIDTH`` columns."""
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"


def plural(n: int, thing: str) -> str:
    """Return a number of things."""
    return f"{n:,} {thing}" + ("" if n == 1 else "s")


def cpus(milli: int) -> str:
    """Return an amount of CPU, without the unit."""
    return f"{milli / 1000:,.3f}".rstrip("0").rstrip(".")


def memory(mib: int) -> str:
    """Return an amount of memory: GiB from 1 GiB on, exact where it has two decimals."""
    if abs(mib) < _GIB:
        return f"{mib} MiB"
    return f"{mib / _GIB:,.2f}".rstrip("0").rstrip(".") + " GiB"


def duration(seconds: float) -> str:
    """Return a time span in the unit that suits it."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    if seconds < 2 * 86_400:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86_400:.1f} days"


def amount(what: str, n: int) -> str:
    """Return an amount of what a ``Lack`` is about."""
    if what == "CPU":
        return cpus(n)
    return memory(n) if what in ("memory", "GPU memory") else f"{n:,}"


def ask(device: DeviceRequest) -> str:
    """Return what a device request asks for."""
    wish = device.ask
    if isinstance(wish, WholeGpus):
        what = plural(wish.count, "GPU")
    elif isinstance(wish, MigInstances):
        what = plural(wish.count, f"{wish.profile} instance")
    else:
        what = _share(wish)
    if device.models:
        what += f" of {' or '.join(sorted(set(device.models))[:3])}"
    if device.least_memory_mib:
        what += f" of at least {memory(device.least_memory_mib)}"
    if device.uuids:
        what += f" by the uuids {names(device.uuids)}"
    return what + (f" but {names(device.not_uuids)}" if device.not_uuids else "")


def _share(wish: GpuShare) -> str:
    parts = []
    if wish.milli:
        parts.append(f"{wish.milli} milli-GPU")
    if wish.memory_mib:
        parts.append(f"{memory(wish.memory_mib)} of GPU memory")
    if wish.memory_milli:
        parts.append(f"{wish.memory_milli / 10:g} % of the GPU memory")
    kept = f" by {' or '.join(i.value for i in wish.isolations)}" if wish.isolations else ""
    each = f"{plural(wish.count, 'GPU')} with " if wish.count > 1 else ""
    return each + " and ".join(parts) + kept


def asks(request: Request) -> str:
    """Return what a request asks for, on one line."""
    parts = [ask(device) for device in request.devices if device.ask.count]
    if request.cpu_milli:
        parts.append(f"{cpus(request.cpu_milli)} CPU")
    if request.memory_mib:
        parts.append(memory(request.memory_mib))
    parts += [f"{n:,} {name(what)}" for what, n in request.resources if n and what != PODS]
    return ", ".join(parts) or "nothing"
