"""A cluster with its GPUs shared in one way or another: what replays and simulations compare."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.hardware import Product, find_product, smallest_covering
from bayplan.scheduler.sharing import Exclusive, Hami, Mig, Mps, Sharing, TimeSlicing
from bayplan.scheduler.types import GPU_MILLI, Node
from bayplan.traces import NodeTable, PodTable
from bayplan.traces.jobs import JobTable

if TYPE_CHECKING:
    from bayplan.scheduler.partition.types import Layout

# The planners are imported where they are called: replays without layouts do without them.

MODES = ("exclusive", "mig-static", "mig-dynamic", "mps", "timeslice", "hami")
ALL = "all"
FITTED = "fitted"
DEFAULT_LAYOUTS = ("all-balanced", FITTED)
MAX_OVERSUBSCRIBE = 16.0

Demands = TypeVar("Demands", PodTable, JobTable)


@dataclass(frozen=True, slots=True)
class Called:
    """What the person who is told of a problem calls the settings."""

    layout: str = "--layout"
    oversubscribe: str = "--oversubscribe"
    gpu: str = "give --gpu, such as --gpu A100-80GB, to replay with other GPUs"


@dataclass(frozen=True, slots=True)
class Modes:
    """What the modes are made of.

    ``layout`` of ``mig-static``: a preset's name, ``profile@start,…``, or ``fitted``; empty is
    both all-balanced and fitted. ``oversubscribe`` is the milli-GPU handed out of one GPU, over
    1000, under mps, timeslice and hami. ``ignore_memory``: under timeslice the memory of
    co-residents need not fit.
    """

    names: tuple[str, ...] = ()
    layout: str = ""
    oversubscribe: float = 1.0
    ignore_memory: bool = False
    called: Called = Called()


@dataclass(frozen=True, slots=True)
class Cut:
    """A way to share the GPUs of a cluster: its label, and a sharing for each GPU of each node.

    ``sharing`` is empty where nothing governs the GPUs.
    """

    label: str = ""
    sharing: tuple[tuple[Sharing, ...], ...] = ()

    def nodes(self, nodes: Sequence[Node]) -> list[Node]:
        """Return the nodes with their GPUs shared in this way."""
        if not self.sharing:
            return list(nodes)
        pairs = zip(nodes, self.sharing, strict=True)
        return [replace(node, sharing=sharing) for node, sharing in pairs]


def parse_modes(text: str) -> tuple[str, ...]:
    """Read ``mps,hami`` or ``all``.

    Raises
    ------
    InputError
        An unknown mode, or one twice.
    """
    names = [name.strip() for name in text.split(",")]
    if ALL in names:
        return MODES
    for name in names:
        if name not in MODES:
            near = difflib.get_close_matches(name, MODES, n=1)
            raise InputError(
                f"--sharing: unknown mode {name!r}",
                fix=f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(MODES)}",
            )
        if names.count(name) > 1:
            raise InputError(f"--sharing {text!r}: {name} stands there twice", fix="name it once")
    return tuple(names)


def with_product(nodes: NodeTable, pods: Demands, product: Product) -> tuple[NodeTable, Demands]:
    """Return the tables with every GPU replaced, and pods or jobs free to use any model."""
    has_gpus = nodes.gpu_count > 0
    models = tuple(product.name if has else "" for has in has_gpus)
    return (
        replace(nodes, gpu_model=models, gpu_memory_mib=has_gpus * product.memory_mib),
        replace(pods, gpu_models=("",) * len(pods)),
    )


def cuts(modes: Modes, nodes: NodeTable, pods: PodTable | JobTable) -> tuple[Cut, ...]:
    """Return the ways to share the cluster that the modes name; one without governance for none.

    Raises
    ------
    InputError
        GPUs that MIG cannot cut, an unknown layout, an oversubscription out of range.
    """
    if not 1.0 <= modes.oversubscribe <= MAX_OVERSUBSCRIBE:
        raise InputError(
            f"{modes.called.oversubscribe} {modes.oversubscribe}",
            fix=f"give 1 to {MAX_OVERSUBSCRIBE:g}",
        )
    return tuple(_cuts(modes, nodes, pods)) or (Cut(),)


def stated(texts: Sequence[str], nodes: NodeTable, called: Called) -> Cut:
    """Return the cut in which each node shares its GPUs as a cluster file says of it.

    Parameters
    ----------
    texts
        One a node: a mode but ``mig-static``, a MIG layout, or empty: nothing governs its GPUs.
    nodes
        The nodes.
    called
        What messages call the settings.

    Raises
    ------
    InputError
        A layout on GPUs that cannot take it.
    """
    if not any(texts):
        return Cut()
    everywhere = _everywhere(Modes())
    known: dict[tuple[str, str], tuple[Sharing, ...]] = {("", ""): ()}
    sharing: list[tuple[Sharing, ...]] = []
    for text, model in zip(texts, nodes.gpu_model, strict=True):
        key = (text, model) if text else ("", "")
        if key not in known:
            known[key] = (everywhere.get(text) or _laid_out(text, model, called),)
        sharing.append(known[key])
    return Cut("as stated", tuple(sharing))


def _laid_out(layout: str, model: str, called: Called) -> Sharing:
    product = find_product(model)
    if product is None or not product.has_mig:
        raise InputError(f"{model or 'unnamed'} GPUs take no MIG layout {layout}", fix=called.gpu)
    return _cut_gpu(_layout(product, layout, called.layout))


def _everywhere(modes: Modes) -> dict[str, Sharing]:
    """Return the sharing of a GPU under each mode that is alike on all GPUs."""
    capacity = round(GPU_MILLI * modes.oversubscribe)
    return {
        "exclusive": Exclusive(),
        "mig-dynamic": Mig(),
        "mps": Mps(capacity_milli=capacity),
        "timeslice": TimeSlicing(capacity_milli=capacity, check_memory=not modes.ignore_memory),
        "hami": Hami(capacity_milli=capacity),
    }


def _cuts(modes: Modes, nodes: NodeTable, pods: PodTable | JobTable) -> Iterator[Cut]:
    everywhere = _everywhere(modes)
    for name in modes.names:
        if name.startswith("mig"):
            _products(nodes, modes.called)  # says what cannot be cut
        if name == "mig-static":
            named = modes.layout.strip()
            for layout in [named] if named else DEFAULT_LAYOUTS:
                sharing = tuple(_static(layout, nodes, pods, modes.called))
                yield Cut(f"{name} {layout}", sharing)
        else:
            yield Cut(name, ((everywhere[name],),) * len(nodes))


def _products(nodes: NodeTable, called: Called) -> list[Product | None]:
    """Return the product of each node, None for those without GPUs."""
    with_gpus = (nodes.gpu_count > 0).tolist()
    products = [
        find_product(model) if has else None
        for model, has in zip(nodes.gpu_model, with_gpus, strict=True)
    ]
    bad = [
        row
        for row, product in enumerate(products)
        if with_gpus[row] and (product is None or not product.has_mig)
    ]
    if bad:
        name, model = nodes.name[bad[0]], nodes.gpu_model[bad[0]]
        known = "have no MIG" if products[bad[0]] else "are no product that bayplan devices lists"
        more = f" ({len(bad)} of {sum(with_gpus)} nodes)" if len(bad) > 1 else ""
        raise InputError(
            f"node {name}: its {model or 'unnamed'} GPUs {known}{more}", fix=called.gpu
        )
    return products


def _static(
    name: str, nodes: NodeTable, pods: PodTable | JobTable, called: Called
) -> Iterator[tuple[Sharing, ...]]:
    products = _products(nodes, called)
    if name == FITTED:
        yield from _fitted(products, nodes, pods)
        return
    known: dict[str, tuple[Sharing, ...]] = {}
    for product in products:
        if product is None:
            yield ()
            continue
        if product.name not in known:
            known[product.name] = (_cut_gpu(_layout(product, name, called.layout)),)
        yield known[product.name]


def _layout(product: Product, name: str, called: str) -> Layout | None:
    from bayplan.scheduler.partition.static import static_layout

    try:
        layout = static_layout(product, name)
    except InputError as error:
        if difflib.get_close_matches(name, [FITTED]):
            raise InputError(
                f"{called}: unknown layout {name!r}", fix=f"did you mean {FITTED!r}?"
            ) from None
        raise InputError(f"{called}: {error}") from None
    if layout == ():
        raise InputError(f"{called} {name}: no instance is there", fix="name another layout")
    return layout


def _cut_gpu(layout: Layout | None) -> Sharing:
    return Mig(tuple((i.start, i.profile_name) for i in layout)) if layout else Exclusive()


def _fitted(
    products: Sequence[Product | None], nodes: NodeTable, pods: PodTable | JobTable
) -> Iterator[tuple[Sharing, ...]]:
    """Split the GPUs of each product by what the pods ask for.

    Whole GPUs are kept on the nodes with the most of them, where pods with several go; layouts
    are dealt out evenly over the other GPUs.
    """
    from bayplan.scheduler.partition.fitted import fit_split

    counts = nodes.gpu_count.tolist()
    rows: dict[str, list[int]] = {}
    for row, product in enumerate(products):
        if product is not None:
            rows.setdefault(product.name, []).append(row)
    sharing: dict[int, list[Sharing]] = {}
    for name in sorted(rows):
        product = find_product(name)
        assert product is not None
        order = sorted(rows[name], key=lambda row: (-counts[row], row))
        split = fit_split(product, sum(counts[row] for row in order), histogram(pods, product))
        gpus = [row for row in order for _ in range(counts[row])]
        dealt: list[Sharing] = [Exclusive()] * split.undivided
        dealt += _evenly([(_cut_gpu(layout), n) for layout, n in split.layouts])
        for row, each in zip(gpus, dealt, strict=True):
            sharing.setdefault(row, []).append(each)
    for row in range(len(counts)):
        yield tuple(sharing.get(row, ()))


def _evenly(parts: Sequence[tuple[Sharing, int]]) -> list[Sharing]:
    """Return as many of each as stated, spread so that every stretch has its part of each."""
    spread = [((k + 0.5) / n, i) for i, (_, n) in enumerate(parts) for k in range(n)]
    return [parts[i][0] for _, i in sorted(spread)]


def histogram(pods: PodTable | JobTable, product: Product) -> dict[str, int]:
    """Return how many whole GPUs, and instances of each profile, the pods ask for together.

    Jobs count with their pods and with their work, in whole seconds and at least one: what they
    take of a cluster is GPUs × time.
    """
    from bayplan.scheduler.partition.fitted import WHOLE

    counts: Counter[str] = Counter()
    names = {profile.name for profile in product.profiles}
    for (count, milli, mib, profile, models), n in _shapes(pods).items():
        if models and product not in [find_product(model) for model in models.split("|")]:
            continue  # it may not go there
        if profile in names:
            counts[profile] += int(count) * n
        elif count and milli == GPU_MILLI:
            counts[WHOLE] += int(count) * n
        elif count == 1 and not profile:
            covering = smallest_covering(product, int(milli), int(mib))
            if covering is not None:
                counts[covering.name] += n
    return dict(counts)


Shape = tuple[int, int, int, str, str]


def _shapes(pods: PodTable | JobTable) -> Counter[Shape]:
    """Return the weight of each shape: count, milli and memory of its GPUs, profile, models."""
    columns = zip(
        pods.gpu_count.tolist(),
        pods.gpu_milli.tolist(),
        pods.gpu_memory_mib.tolist(),
        pods.mig_profile,
        pods.gpu_models,
        strict=True,
    )
    if isinstance(pods, PodTable):
        return Counter(columns)
    weights = pods.pods * np.maximum(np.rint(pods.work_s), 1).astype(np.int64)
    shapes: Counter[Shape] = Counter()
    for shape, weight in zip(columns, weights.tolist(), strict=True):
        shapes[shape] += weight
    return shapes
