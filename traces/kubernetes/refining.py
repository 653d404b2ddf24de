"""Which GPUs a pod wishes among those that it asks for: our own annotations, and others' uuids.

They only refine a request that a component of the node enforces; by themselves they ask for
nothing. Uuids are HAMi's (``pkg/device/nvidia``: ``nvidia.com/use-gpuuuid``, ``nouse-gpuuuid``)
and Volcano's (volcano-sh/volcano#5726: ``volcano.sh/vgpu-use-gpuuuid``, ``vgpu-nouse-gpuuuid``).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bayplan.scheduler.types import Topology, TopologyLevel
from bayplan.traces.kubernetes import keys
from bayplan.traces.kubernetes.devices import ANNOTATION, Asks
from bayplan.traces.kubernetes.gpus import Gpus, is_product
from bayplan.traces.kubernetes.objects import Object
from bayplan.traces.kubernetes.quantity import MIB, NANO, nano_of, text_of, up
from bayplan.traces.kubernetes.resources import Amounts, BadField

TOPOLOGIES = {
    "island": Topology(TopologyLevel.GPU_ISLAND),
    "island-preferred": Topology(TopologyLevel.GPU_ISLAND, required=False),
}
"""Values of ``bayplan.io/gpu-topology``."""

_HAMI_UUIDS = (keys.HAMI_UUIDS, keys.HAMI_NOT_UUIDS)
_VOLCANO_UUIDS = (keys.VOLCANO_UUIDS, keys.VOLCANO_NOT_UUIDS)
_UUIDS = (*_HAMI_UUIDS, *_VOLCANO_UUIDS)
_TYPES = (keys.HAMI_TYPES, keys.HAMI_NOT_TYPES)
_OURS = (keys.GPU_MODELS, keys.LEAST_MEMORY, keys.GPU_TOPOLOGY)
_OTHERS = frozenset({keys.GANG_OF_JOB, keys.NUDGED, keys.RUN_TIME})
_THEIRS = frozenset({*_UUIDS, *_TYPES})
_COUNTED = (keys.MIG_PREFIX, keys.GPU_SHARED)
_NOT_HAMI = (keys.VOLCANO, keys.ALIYUN, keys.KOORD)
_NOT_VOLCANO = (keys.GPU, keys.ALIYUN, keys.KOORD)

Wishes = Mapping[str, str]
"""The annotations of a pod that this is about."""


def wishes_in(annotations: Object) -> Wishes:
    """Return the annotations of a pod that say which GPUs it wishes, and unknown ones of ours.

    Parameters
    ----------
    annotations
        The pod's.
    """
    return {
        key: str(value)
        for key, value in annotations.items()
        if key in _THEIRS or (key.startswith(keys.OURS) and key not in _OTHERS)
    }


def refined(asks: Asks, wishes: Wishes, wanted: Amounts, gpus: Sequence[Gpus]) -> Asks:
    """Return what a pod asks for, with its wishes.

    Parameters
    ----------
    asks
        Without them.
    wishes
        As ``wishes_in`` gives them.
    wanted
        What the pod asks for in all.
    gpus
        The different GPUs of the cluster, to find out which models a text means.

    Raises
    ------
    BadField
        A wish that cannot be read or met, that contradicts another one, or that refines nothing.
    """
    counted = sorted(name for name in wanted if name.startswith(_COUNTED) and wanted[name])
    if asks or counted:
        for key in wishes:
            _check_known(key)
    given = [key for key in (*_OURS, *_UUIDS) if key in wishes]
    if not given:
        return asks
    if counted:
        raise _bad(
            given[0],
            f"the node's device plugin counts {counted[0]} by number and tells none from another;"
            " choose nodes by their labels instead",
        )
    if not asks:
        if given[0] in _UUIDS:
            return asks  # neither HAMi nor Volcano looks at such a pod
        raise _bad(given[0], "the pod asks for no GPU, and the annotation alone asks for none")
    least, (uuids, not_uuids) = _least_mib(wishes), _uuids(wishes, wanted)
    topology_of(wishes)  # raises on what is none
    return tuple(
        replace(
            ask,
            models=_models(ask.models, wishes, gpus),
            least_memory_mib=least,
            uuids=uuids,
            not_uuids=not_uuids,
        )
        for ask in asks
    )


def uuids_in(asks: Asks) -> set[str]:
    """Return the uuids of GPUs that a pod names, be it to have them or to avoid them.

    Parameters
    ----------
    asks
        What it asks for.
    """
    return {uuid for ask in asks for uuid in (*ask.uuids, *ask.not_uuids)}


def topology_of(wishes: Wishes) -> Topology | None:
    """Return how near to each other a pod wishes its GPUs.

    Parameters
    ----------
    wishes
        As ``wishes_in`` gives them.

    Raises
    ------
    BadField
        The value is none of ``TOPOLOGIES``.
    """
    text = wishes.get(keys.GPU_TOPOLOGY)
    if text is None:
        return None
    if text not in TOPOLOGIES:
        raise _bad(keys.GPU_TOPOLOGY, f"{text[:40]!r}; it is one of {', '.join(TOPOLOGIES)}")
    return TOPOLOGIES[text]


def _check_known(key: str) -> None:
    if not key.startswith(keys.OURS) or key in _OURS:
        return
    known = [*_OURS, keys.GANG_OF_JOB, keys.RUN_TIME]
    nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.0)[0]
    raise _bad(key, f"no annotation of a pod; did you mean {nearest}?")


def _least_mib(wishes: Wishes) -> int:
    text = wishes.get(keys.LEAST_MEMORY)
    if text is None:
        return 0
    try:
        mib = up(nano_of(text_of(text)), NANO * MIB)
    except ValueError:
        raise _bad(keys.LEAST_MEMORY, f"{text[:40]!r} is no quantity; write 40Gi") from None
    if mib <= 1:
        raise _bad(keys.LEAST_MEMORY, f"{text} is no memory of a GPU; write 40Gi for 40 GiB")
    return mib


def _uuids(wishes: Wishes, wanted: Amounts) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the uuids of the GPUs that a pod may have (empty: any), and may not."""
    given = [key for key in _UUIDS if key in wishes]
    if not given:
        return (), ()
    for key in given:
        whose, others = ("HAMi", _NOT_HAMI) if key in _HAMI_UUIDS else ("Volcano", _NOT_VOLCANO)
        for name in wanted:
            if name.startswith(others):
                raise _bad(key, f"{whose}'s word beside {name}; keep one of them")
    pair = _HAMI_UUIDS if given[0] in _HAMI_UUIDS else _VOLCANO_UUIDS
    use, avoid = (_listed(wishes.get(key, "")) for key in pair)
    for key, listed in zip(pair, (use, avoid), strict=True):
        if key in wishes and not listed:
            raise _bad(key, "names no GPU; write uuids with commas between them")
    allowed = sorted(set(use) - set(avoid))
    if use and not allowed:
        raise _bad(pair[0], f"{pair[1]} excludes all of them; keep one of the two")
    return tuple(allowed), tuple(sorted(set(avoid))) if not use else ()


def _models(by_hami: tuple[str, ...], wishes: Wishes, gpus: Sequence[Gpus]) -> tuple[str, ...]:
    """Return the allowed models (empty: any), of those that HAMi's types allow."""
    text = wishes.get(keys.GPU_MODELS)
    if text is None:
        return by_hami
    texts = _listed(text)
    if not texts:
        raise _bad(keys.GPU_MODELS, "names no product; write some with commas between them")
    ours = {each.model for each in gpus if any(is_product(one, each) for one in texts)}
    if not by_hami:
        return tuple(sorted(ours)) or tuple(texts)
    theirs = {each.model for each in gpus} & set(by_hami)
    if ours and theirs and not ours & theirs:
        raise _bad(
            keys.GPU_MODELS,
            f"allows {_or(sorted(ours))}, and {' and '.join(k for k in _TYPES if k in wishes)} only"
            f" {_or(sorted(theirs))}; no GPU is both",
        )
    return tuple(sorted(ours & theirs)) or (by_hami if ours else tuple(texts))


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _or(names: Sequence[str]) -> str:
    return " or ".join(names)


def _bad(key: str, text: str) -> BadField:
    return BadField(ANNOTATION + key, text)
