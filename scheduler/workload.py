"""The target workload of fragmentation-aware policies: typical pods and how common each is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from bayplan.scheduler.shape import per_gpu, shapes_of
from bayplan.scheduler.types import GpuShare, Request, WholeGpus
from bayplan.scheduler.view import BoolArray, FloatArray, IntArray, View

KernelClasses = tuple[IntArray, int, IntArray, IntArray, IntArray, FloatArray, BoolArray]

_MAX_CLUSTERS = 64


@dataclass(frozen=True, slots=True, eq=False)
class Workload:
    """A distribution over pod classes: arrays (n_classes,), weights adding up to 1.

    The classes with GPUs come first, each kind the commonest first. ``cpu`` in millicores,
    ``count`` GPUs (0: CPU only) with ``milli`` each, ``models`` the allowed models (empty: any).
    ``levels`` are the distinct ``milli`` of the GPU classes, ascending, and ``level`` is each
    class's index among them.
    """

    cpu: IntArray
    count: IntArray
    milli: IntArray
    models: tuple[tuple[str, ...], ...]
    weight: FloatArray
    levels: IntArray
    level: IntArray
    n_gpu_classes: int
    _known: dict[int, tuple[list[str], int, KernelClasses]] = field(
        default_factory=dict, repr=False
    )

    def for_kernels(self, view: View) -> KernelClasses:
        """Return what ``kernels.fragment`` takes of it for the models of a cluster."""
        names = view.model_names
        known = self._known.get(id(names))
        # The list only grows, and is kept here, so that its id stays its own; it is compared all
        # the same, because a workload that was pickled has ids of another process.
        if known is None or known[0] is not names or known[1] != len(names):
            if len(self._known) >= _MAX_CLUSTERS:
                self._known.clear()
            allowed = self._table(names)
            n_gpu = self.n_gpu_classes
            classes = self.levels, n_gpu, self.cpu, self.count, self.level, self.weight, allowed
            known = self._known[id(names)] = names, len(names), classes
        return known[2]

    def _table(self, model_names: Sequence[str]) -> BoolArray:
        table = [[not m or name in m for m in self.models] for name in model_names]
        return np.array(table, np.bool_).reshape(len(model_names), len(self.models))


def typical_workload(requests: Iterable[Request], coverage: float = 0.95) -> Workload:
    """Return the commonest classes of pods that together make up ``coverage`` of all.

    Classes are (CPU, milli per GPU, GPUs, models) of a request's first wish, sorted by how
    common they are, the larger class first among equals. Requests for MIG instances, for GPU
    memory without compute, and for GPUs of different kinds have no place among them and do not
    count.

    Raises
    ------
    ValueError
        There are no requests.

    References
    ----------
    Weng et al., USENIX ATC 2023, section 4: the target workload.
    """
    alike: dict[tuple[object, ...], Request] = {}
    multiples: Counter[tuple[object, ...]] = Counter()
    for request in requests:
        question: tuple[object, ...] = (request.cpu_milli, request.devices)
        alike.setdefault(question, request)
        multiples[question] += 1
    alike = {question: request for question, request in alike.items() if _has_class(request)}
    if not alike:
        raise ValueError("a workload needs at least one request of CPUs or GPU compute")
    counts: Counter[_Class] = Counter()
    for question, request in alike.items():
        counts[_class_of(request)] += multiples[question]
    ranked = sorted(counts.items(), key=lambda item: (item[1], item[0]), reverse=True)
    total, taken = sum(counts.values()), 0
    kept = []
    for entry in ranked:
        if taken / total >= coverage:
            break
        kept.append(entry)
        taken += entry[1]
    # The weights are rounded in two steps, as the published ones were: FGD's truncated scores
    # depend on the last bit. Classes with GPUs come first, because the kernels sum the two kinds
    # apart, each in the order given here.
    kept.sort(key=lambda entry: entry[0][2] == 0)
    return _workload([key for key, _ in kept], [(n / total) / (taken / total) for _, n in kept])


_Class = tuple[int, int, int, str]


def _has_class(request: Request) -> bool:
    used = [device for device in request.devices if device.ask.count]
    asks = [device.ask for device in used]
    kinds = {(per_gpu(device), tuple(sorted(set(device.models)))) for device in used}
    return len(kinds) <= 1 and all(
        isinstance(ask, WholeGpus) or (isinstance(ask, GpuShare) and ask.milli > 0) for ask in asks
    )


def _class_of(request: Request) -> _Class:
    shape = shapes_of(request)[0]
    # Models as they were written: the published workloads tell "A|B" from "A|B|B".
    written = next(("|".join(ask.models) for ask in shape.asks if ask.ask.count), "")
    return shape.cpu, shape.milli if shape.count else 0, shape.count, written


def _workload(classes: list[_Class], weights: list[float]) -> Workload:
    cpu, milli, count, models = zip(*classes, strict=True)
    levels = sorted({m for m, n in zip(milli, count, strict=True) if n})
    return Workload(
        np.array(cpu, np.int64),
        np.array(count, np.int64),
        np.array(milli, np.int64),
        tuple(tuple(m.split("|")) if m else () for m in models),
        np.array(weights, np.float64),
        np.array(levels, np.int64),
        np.array(
            [levels.index(m) if n else 0 for m, n in zip(milli, count, strict=True)], np.int64
        ),
        sum(n > 0 for n in count),
    )
