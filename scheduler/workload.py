"""The target workload of fragmentation-aware policies: typical pods and how common each is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from bayplan.scheduler.arrays import BoolArray, FloatArray, IntArray, IntTable
from bayplan.scheduler.hardware import Product, smallest_covering
from bayplan.scheduler.kinds import Kind
from bayplan.scheduler.kindtable import KindTable
from bayplan.scheduler.needs import NEVER, Need, Want
from bayplan.scheduler.shape import shapes_of, want_of
from bayplan.scheduler.types import GPU_MILLI, Request
from bayplan.scheduler.view import View

Level = tuple[int, str, bool]

_MAX_CLUSTERS = 64


class KernelClasses(NamedTuple):
    """A workload as ``kernels.fragment`` takes it: levels by kind of slot, and classes.

    ``classes`` are (number with GPUs, CPU, count, level, weight, allowed kinds).
    """

    levels: IntArray
    level_milli: IntTable
    level_shift: IntTable
    level_most: IntTable
    classes: tuple[int, IntArray, IntArray, IntArray, FloatArray, BoolArray]


@dataclass(frozen=True, slots=True, eq=False)
class Workload:
    """A distribution over pod classes: arrays (n_classes,), weights adding up to 1.

    The classes with GPUs come first, each kind the commonest first. ``cpu`` in millicores,
    ``count`` GPUs (0: CPU only) with ``milli`` each, or MIG instances of a ``profile``; ``models``
    the allowed models (empty: any). ``levels`` are the distinct (milli, profile, whether of
    several GPUs) of the GPU classes, ascending, and ``level`` is each class's index among them.
    """

    cpu: IntArray
    count: IntArray
    milli: IntArray
    profile: tuple[str, ...]
    models: tuple[tuple[str, ...], ...]
    weight: FloatArray
    levels: tuple[Level, ...]
    level: IntArray
    n_gpu_classes: int
    _known: dict[int, tuple[KindTable, int, KernelClasses]] = field(
        default_factory=dict, repr=False
    )
    _alike: dict[tuple[Kind, ...], KernelClasses] = field(default_factory=dict, repr=False)

    def for_kernels(self, view: View) -> KernelClasses:
        """Return what ``kernels.fragment`` takes of it for the kinds of slots of a cluster."""
        kinds = view.kinds
        known = self._known.get(id(kinds))
        # The table only grows, and is kept here, so that its id stays its own; it is compared all
        # the same, because a workload that was pickled has ids of another process.
        if known is None or known[0] is not kinds or known[1] != kinds.size:
            if len(self._known) >= _MAX_CLUSTERS:
                self._known.clear()
                self._alike.clear()
            # Copies of a cluster, and the runs of an experiment, have the same kinds.
            content = tuple(kinds.kinds)
            classes = self._alike.get(content)
            if classes is None:
                classes = self._alike[content] = self._classes(kinds)
            known = self._known[id(kinds)] = kinds, kinds.size, classes
        return known[2]

    def profile_mix(self, product: Product) -> dict[str, float]:
        """Return how many instances of each profile of a product a random pod asks for.

        A share counts as the smallest profile that covers it; whole GPUs and what the product
        does not have count nothing.
        """
        mix: dict[str, float] = {}
        for i, name in enumerate(self.profile):
            if not name and self.count[i] == 1 and self.milli[i] != GPU_MILLI:
                covering = smallest_covering(product, int(self.milli[i]))
                name = covering.name if covering else ""
            if any(profile.name == name for profile in product.profiles):
                mix[name] = mix.get(name, 0.0) + float(self.count[i] * self.weight[i])
        return mix

    def _classes(self, kinds: KindTable) -> KernelClasses:
        needs = [
            [kinds.need(_want(level), number) for level in self.levels]
            for number in range(kinds.size)
        ]
        return KernelClasses(
            np.array([NEVER if profile else milli for milli, profile, _ in self.levels], np.int64),
            self._table(needs, "milli"),
            self._table(needs, "shift"),
            self._table(needs, "most"),
            (
                self.n_gpu_classes,
                self.cpu,
                self.count,
                self.level,
                self.weight,
                self._allowed(kinds),
            ),
        )

    def _table(self, needs: list[list[Need]], part: str) -> IntTable:
        table = [[getattr(need, part) for need in row] for row in needs]
        return np.array(table, np.int64).reshape(len(needs), len(self.levels))

    def _allowed(self, kinds: KindTable) -> BoolArray:
        table = [
            [not models or kind.model in models for models in self.models] for kind in kinds.kinds
        ]
        return np.array(table, np.bool_).reshape(kinds.size, len(self.models))


def _want(level: Level) -> Want:
    milli, profile, spread = level
    whole = milli == GPU_MILLI and not profile
    return Want(milli, whole=whole, profile=profile, spread=spread and not whole)


def typical_workload(requests: Iterable[Request], coverage: float = 0.95) -> Workload:
    """Return the commonest classes of pods that together make up ``coverage`` of all.

    Classes are (CPU, milli per GPU, GPUs, models, MIG profile) of a request's first wish, sorted
    by how common they are, the larger class first among equals. Requests for GPU memory without
    compute, and for devices of different kinds, have no place among them and do not count.

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


_Class = tuple[int, int, int, str, str]


def _has_class(request: Request) -> bool:
    wants = {want_of(device) for device in request.devices if device.ask.count}
    return len(wants) <= 1 and all(want.milli or want.profile for want in wants)


def _class_of(request: Request) -> _Class:
    shape = shapes_of(request)[0]
    # Models as they were written: the published workloads tell "A|B" from "A|B|B".
    written = next(("|".join(ask.models) for ask in shape.asks if ask.ask.count), "")
    return shape.cpu, shape.want.milli, shape.count, written, shape.want.profile


def _workload(classes: list[_Class], weights: list[float]) -> Workload:
    cpu, milli, count, models, profile = zip(*classes, strict=True)
    several = [n > 1 and m not in (0, GPU_MILLI) for n, m in zip(count, milli, strict=True)]
    asked = list(zip(milli, profile, several, strict=True))
    levels = sorted({level for level, n in zip(asked, count, strict=True) if n})
    return Workload(
        np.array(cpu, np.int64),
        np.array(count, np.int64),
        np.array(milli, np.int64),
        profile,
        tuple(tuple(m.split("|")) if m else () for m in models),
        np.array(weights, np.float64),
        tuple(levels),
        np.array(
            [levels.index(level) if n else 0 for level, n in zip(asked, count, strict=True)],
            np.int64,
        ),
        sum(n > 0 for n in count),
    )
