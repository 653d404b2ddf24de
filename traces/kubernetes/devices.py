"""What GPUs a pod asks for, in the words of the device plugin and of its peers.

One way of asking a pod: explicit shares (HAMi, Volcano, gpushare, Koordinator), KAI's
annotations, or whole devices. MIG instances are a resource like any other, because the device
plugin shows their number and not their place. Two ways at once contradict each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

from bayplan.scheduler.types import (
    GPU_MILLI,
    DeviceRequest,
    GpuShare,
    Isolation,
    WholeGpus,
)
from bayplan.traces.kubernetes import keys
from bayplan.traces.kubernetes.gpus import Gpus, is_model
from bayplan.traces.kubernetes.objects import Object
from bayplan.traces.kubernetes.quantity import MIB, NANO
from bayplan.traces.kubernetes.resources import Amounts, BadField, container_amounts, count_of

TOTAL = "spec.containers"
ANNOTATION = "metadata.annotations."
ASKING = (
    keys.HAMI_TYPES, keys.HAMI_NOT_TYPES, keys.HAMI_MODE,
    keys.KAI_FRACTION, keys.KAI_MEMORY, keys.KAI_DEVICES,
)  # fmt: skip
"""Annotations that say what GPUs a pod asks for."""

_PERCENT = GPU_MILLI // 100
_ISOLATIONS = {"hami-core": Isolation.HAMI, "mig": Isolation.MIG, "mps": Isolation.MPS}

Asks = tuple[DeviceRequest, ...]


def devices_of(spec: Object, annotations: Object, wanted: Amounts, gpus: Sequence[Gpus]) -> Asks:
    """Return what GPUs a pod asks for.

    Parameters
    ----------
    spec, annotations
        The pod's.
    wanted
        What it asks for in all, in billionths.
    gpus
        The different GPUs of the cluster, to find out which models a text means.

    Raises
    ------
    BadField
        The pod asks in two ways at once, or for an amount that nothing can have.
    """
    if _WORDS.isdisjoint(wanted) and not _has_kai(wanted, annotations):
        return ()
    for old in keys.VOLCANO_OLD:
        if wanted.get(old):
            raise BadField(
                f"{TOTAL}[*].resources",
                f"{old} is of Volcano's old GPU sharing, which is not read; ask by"
                f" {keys.VOLCANO_NUMBER} and {keys.VOLCANO_MEMORY}",
            )
    asking = [name for name, (asks, _) in _WAYS.items() if asks(wanted, annotations)]
    if len(asking) > 1:
        raise BadField(
            f"{TOTAL}[*].resources", f"asks for GPUs by {' and by '.join(asking)}; keep one of them"
        )
    if not asking:
        return ()
    asks = _WAYS[asking[0]][1](spec, annotations, wanted)
    models = _models(annotations, gpus)
    if not models:
        return asks
    return tuple(DeviceRequest(ask.ask, models) for ask in asks)


def _models(annotations: Object, gpus: Sequence[Gpus]) -> tuple[str, ...]:
    """Return the models that HAMi's annotations allow; empty for any."""
    use, avoid = (
        [part.strip() for part in str(annotations.get(key, "")).split(",") if part.strip()]
        for key in (keys.HAMI_TYPES, keys.HAMI_NOT_TYPES)
    )
    if not use and not avoid:
        return ()
    allowed = {
        each.model
        for each in gpus
        if (not use or any(is_model(text, each) for text in use))
        and not any(is_model(text, each) for text in avoid)
    }
    return tuple(sorted(allowed)) or tuple(use or ["none allowed"])


def _plugin(spec: Object, annotations: Object, wanted: Amounts) -> Asks:
    count = count_of(keys.GPU, wanted[keys.GPU], TOTAL)
    return (DeviceRequest(WholeGpus(count)),) if count else ()


def _hami(spec: Object, annotations: Object, wanted: Amounts) -> Asks:
    names = keys.GPU, keys.HAMI_MEMORY, keys.HAMI_PERCENT, keys.HAMI_CORES
    return _by_container(spec, names, _hami_isolations(annotations))


def _hami_isolations(annotations: Object) -> tuple[Isolation, ...]:
    mode = str(annotations.get(keys.HAMI_MODE, "hami-core"))
    if mode not in _ISOLATIONS:
        field = ANNOTATION + keys.HAMI_MODE
        raise BadField(field, f"{mode!r}; it is one of {', '.join(_ISOLATIONS)}")
    return (_ISOLATIONS[mode],)


def _volcano(spec: Object, annotations: Object, wanted: Amounts) -> Asks:
    return _by_container(spec, keys.VOLCANO_NAMES, (Isolation.HAMI,))


def _by_container(
    spec: Object, names: tuple[str, str, str, str], isolations: tuple[Isolation, ...]
) -> Asks:
    """Return what each container asks for: the amounts are of each of its GPUs."""
    _, memory, percent, cores = names
    asks = []
    for path, amounts in container_amounts(spec):
        n, mib, part, compute = (count_of(name, amounts.get(name, 0), path) for name in names)
        if not (n or mib or part or compute):
            continue
        if mib and part:
            raise BadField(f"{path}.{percent}", f"beside {memory}; keep one of them")
        for name, each in ((percent, part), (cores, compute)):
            if each > 100:
                raise BadField(f"{path}.{name}", f"{each} %; at most 100")
        whole = not mib and part in (0, 100) and compute in (0, 100)
        # Without a memory a vGPU has all of the GPU's.
        ask = GpuShare(
            compute * _PERCENT,
            mib,
            max(1, n),
            isolations,
            0 if mib else (part or 100) * _PERCENT,
        )
        asks.append(DeviceRequest(WholeGpus(max(1, n)) if whole else ask))
    return tuple(asks)


def _aliyun(spec: Object, annotations: Object, wanted: Amounts) -> Asks:
    units = count_of(keys.ALIYUN_MEMORY, wanted.get(keys.ALIYUN_MEMORY, 0), TOTAL)
    count = count_of(keys.ALIYUN_COUNT, wanted.get(keys.ALIYUN_COUNT, 0), TOTAL)
    if not units:
        return (DeviceRequest(WholeGpus(count)),) if count else ()
    if count > 1:
        raise BadField(f"{TOTAL}.{keys.ALIYUN_COUNT}", f"{count} beside {keys.ALIYUN_MEMORY}")
    return (DeviceRequest(GpuShare(memory_mib=units)),)  # in units; see ``in_mib``


def in_mib(asks: Asks, unit_mib: int) -> Asks:
    """Return gpushare's asks with memory in MiB.

    Parameters
    ----------
    asks
        As ``devices_of`` gives them, in units.
    unit_mib
        What a unit is in this cluster.
    """
    return tuple(
        replace(each, ask=GpuShare(memory_mib=each.ask.memory_mib * unit_mib))
        if isinstance(each.ask, GpuShare)
        else each
        for each in asks
    )


def is_aliyun(wanted: Amounts) -> bool:
    """Whether a pod asks in gpushare's words.

    Parameters
    ----------
    wanted
        What it asks for in all.
    """
    return any(name.startswith(keys.ALIYUN) for name in wanted)


def _koordinator(spec: Object, annotations: Object, wanted: Amounts) -> Asks:
    percent = count_of(keys.KOORD_GPU, wanted.get(keys.KOORD_GPU, 0), TOTAL)
    core = count_of(keys.KOORD_CORE, wanted.get(keys.KOORD_CORE, 0), TOTAL) or percent
    ratio = count_of(keys.KOORD_RATIO, wanted.get(keys.KOORD_RATIO, 0), TOTAL) or percent
    mib = -(-wanted.get(keys.KOORD_MEMORY, 0) // (NANO * MIB))
    if mib and ratio:
        raise BadField(f"{TOTAL}.{keys.KOORD_MEMORY}", "beside a part of the memory; keep one")
    count = count_of(keys.KOORD_SHARED, wanted.get(keys.KOORD_SHARED, 0), TOTAL)
    most = max(core, ratio)
    if not count:
        count = max(1, most // 100)
        if most > 100 and most % 100:
            raise BadField(f"{TOTAL}.{keys.KOORD_GPU}", f"{most} %; give a multiple of 100")
    core, ratio, mib = core // count, ratio // count, -(-mib // count)
    if max(core, ratio) > 100:
        raise BadField(f"{TOTAL}.{keys.KOORD_CORE}", f"{max(core, ratio)} % of a GPU; at most 100")
    if not mib and (core or 100) == 100 and (ratio or 100) == 100:
        return (DeviceRequest(WholeGpus(count)),) if count and most else ()
    share = GpuShare(core * _PERCENT, mib, count, memory_milli=ratio * _PERCENT)
    return (DeviceRequest(share),)


def _kai(spec: Object, annotations: Object, wanted: Amounts) -> Asks:
    fraction, memory = annotations.get(keys.KAI_FRACTION), annotations.get(keys.KAI_MEMORY)
    if fraction is not None and memory is not None:
        raise BadField(
            ANNOTATION + keys.KAI_FRACTION, f"beside {keys.KAI_MEMORY}; keep one of them"
        )
    if wanted.get(keys.GPU):
        raise BadField(ANNOTATION + keys.KAI_FRACTION, f"beside {keys.GPU}; keep one of them")
    count = _positive(str(annotations.get(keys.KAI_DEVICES, "1")), keys.KAI_DEVICES)
    if memory is not None:
        mib = _positive(str(memory), keys.KAI_MEMORY)
        return (DeviceRequest(GpuShare(memory_mib=mib, count=count)),)
    return (DeviceRequest(GpuShare(_milli(str(fraction)), count=count)),)


def _milli(text: str) -> int:
    try:
        milli = Fraction(text) * GPU_MILLI
    except (ValueError, ZeroDivisionError):
        milli = Fraction(0)
    if not 0 < milli < GPU_MILLI:
        field = ANNOTATION + keys.KAI_FRACTION
        raise BadField(field, f"{text[:40]!r}; give a number between 0 and 1")
    return -(-milli.numerator // milli.denominator)


def _positive(text: str, key: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 12 and int(text)):
        raise BadField(ANNOTATION + key, f"{text[:40]!r}; give a whole number from 1 on")
    return int(text)


def _has(*names: str) -> Callable[[Amounts, Object], bool]:
    return lambda wanted, _: any(wanted.get(name) for name in names)


def _has_kai(wanted: Amounts, annotations: Object) -> bool:
    return keys.KAI_FRACTION in annotations or keys.KAI_MEMORY in annotations


_WORDS = frozenset(
    {
        keys.GPU, keys.HAMI_MEMORY, keys.HAMI_PERCENT, keys.HAMI_CORES, keys.VOLCANO_NUMBER,
        keys.VOLCANO_MEMORY, keys.VOLCANO_PERCENT, keys.VOLCANO_CORES, keys.ALIYUN_MEMORY,
        keys.ALIYUN_COUNT, keys.KOORD_GPU, keys.KOORD_CORE, keys.KOORD_MEMORY, keys.KOORD_RATIO,
        keys.KOORD_SHARED, *keys.VOLCANO_OLD,
    }
)  # fmt: skip
"""Resources that any way of asking names."""

_HAMI_KEYS = keys.HAMI_MEMORY, keys.HAMI_PERCENT, keys.HAMI_CORES


def _is_plain(wanted: Amounts, annotations: Object) -> bool:
    # HAMi's amounts are of its GPUs, and KAI says itself what is wrong with both.
    return (
        bool(wanted.get(keys.GPU))
        and not any(wanted.get(name) for name in _HAMI_KEYS)
        and not _has_kai(wanted, annotations)
    )


_WAYS: dict[
    str, tuple[Callable[[Amounts, Object], bool], Callable[[Object, Object, Amounts], Asks]]
] = {
    "HAMi (nvidia.com/gpumem, gpucores)": (_has(*_HAMI_KEYS), _hami),
    "Volcano (volcano.sh/vgpu-*)": (
        _has(*keys.VOLCANO_NAMES),
        _volcano,
    ),
    "gpushare (aliyun.com/gpu-*)": (_has(keys.ALIYUN_MEMORY, keys.ALIYUN_COUNT), _aliyun),
    "Koordinator (koordinator.sh/gpu*)": (
        _has(*keys.KOORD_NAMES),
        _koordinator,
    ),
    "KAI (gpu-fraction, gpu-memory)": (_has_kai, _kai),
    "nvidia.com/gpu": (_is_plain, _plugin),
}
