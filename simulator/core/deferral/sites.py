"""Where jobs may go, as places with a cost: which is the least, and which of them has room."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from bayplan.scheduler.arrays import BoolArray, FloatArray, IntArray
from bayplan.scheduler.cluster import Cluster
from bayplan.scheduler.engine import Engine
from bayplan.scheduler.hardware import gpu_watts
from bayplan.scheduler.types import Decision, Node
from bayplan.simulator.core.deferral._base import DeferralPolicy, Site
from bayplan.simulator.core.deferral.windows import Costs
from bayplan.simulator.core.floor import Floor
from bayplan.simulator.core.groups import Group
from bayplan.simulator.core.hourly import Hourly
from bayplan.simulator.core.zones import zone_of

NOW_S = 3600.0
"""Over how long a place is compared for who runs without an end."""


class Sites:
    """The places of a cluster under a deferral policy.

    A job goes to the place where it costs least over its estimated run from now on, of those that
    have room; among the nodes there the placement policy decides. A gang that fits in no place
    alone goes where it fits.

    Parameters
    ----------
    floor
        The cluster and its jobs.
    nodes
        All nodes that may ever be there.
    groups
        What nodes cost.
    policy
        What a place costs by the hour.
    is_shifting
        Whether jobs are sent to the place that costs least; else the placement policy decides.
    """

    def __init__(
        self,
        floor: Floor,
        nodes: Sequence[Node],
        groups: Sequence[Group],
        policy: DeferralPolicy,
        *,
        is_shifting: bool,
    ) -> None:
        self._floor, self._nodes = floor, nodes
        self._is_shifting = is_shifting
        sites, self._site_of = _sites(nodes, groups)
        self._hourly = [Hourly(policy.hours(site)) for site in sites]
        self._gpus = [0] * len(sites)
        for node in nodes:
            self._gpus[self._site_of[node.name]] += node.gpu_count
        self._of_class: dict[int, tuple[int, ...]] = {}
        self._models_of_class: dict[int, frozenset[str]] = {}
        self._empty: Engine | None = None
        self._rows: IntArray = np.zeros(0, np.int64)
        self._changes = -1

    # --- where ----------------------------------------------------------------------------

    def decide(self, job: int) -> tuple[Decision, ...] | None:
        """Return where the pods of a job go together now, None when they do not fit."""
        floor = self._floor
        kind = floor.book.classes[floor.book.class_list[job]]
        places = self.of(job)
        if len(places) == 1 or not self._is_shifting:
            return floor.decide(job, floor.engine)
        for place in self._in_order(job, places):
            decisions = floor.decide(job, floor.engine, self._mask(place))
            if decisions is not None:
                return decisions
        return floor.decide(job, floor.engine) if kind.n_pods > 1 else None

    def _in_order(self, job: int, places: Sequence[int]) -> list[int]:
        book, now = self._floor.book, self._floor.now_s
        left_s = max(0.0, book.estimate_s.item(job) - book.done_s.item(job))
        if job >= book.n_batch:  # a replica of a service: where it is best now
            left_s = NOW_S
        until_s = now + max(1.0, left_s / self._floor.places.slowest(book.job_type[job]))
        return sorted(places, key=lambda place: (self._hourly[place].between(now, until_s), place))

    def _mask(self, place: int) -> BoolArray:
        floor = self._floor
        n_rows = floor.cluster.view.n_rows
        if self._changes != floor.node_changes or self._rows.size != n_rows:
            self._rows = np.full(n_rows, -1, np.int64)
            for name in floor.cluster.nodes:
                self._rows[floor.cluster.row(name)] = self._site_of[name]
            self._changes = floor.node_changes
        mask: BoolArray = self._rows == place
        return mask

    # --- what a job may have --------------------------------------------------------------

    def options(self, job: int) -> list[tuple[tuple[int, ...], Costs]]:
        """Return what a job may choose from: places, and what they cost.

        Each place alone; all of them at their mean where the placement policy decides.
        """
        places = self.of(job)
        if self._is_shifting:
            return [((place,), self._hourly[place]) for place in places]
        return [(places, self._mean(places))]

    def costs_of(self, nodes: Iterable[str]) -> Costs:
        """Return what the places of some nodes cost, the mean of several."""
        return self._mean(tuple(sorted({self._site_of[name] for name in nodes})))

    def place_of(self, node: str) -> int:
        """Return the place of a node."""
        return self._site_of[node]

    def _mean(self, places: tuple[int, ...]) -> Costs:
        weights = [max(1, self._gpus[place]) for place in places]
        return _Mean([self._hourly[place] for place in places], weights)

    def of(self, job: int) -> tuple[int, ...]:
        """Return the places that could hold a pod of each kind of a job, were they empty."""
        return self._known(job)[0]

    def models(self, job: int) -> frozenset[str]:
        """Return the GPU models, among nodes that could hold a pod of a job, were they empty."""
        return self._known(job)[1]

    def _known(self, job: int) -> tuple[tuple[int, ...], frozenset[str]]:
        number = self._floor.book.class_list[job]
        if number not in self._of_class:
            nodes = self._holders(job) or list(self._nodes)
            self._of_class[number] = tuple(sorted({self._site_of[node.name] for node in nodes}))
            self._models_of_class[number] = frozenset(node.gpu_model for node in nodes)
        return self._of_class[number], self._models_of_class[number]

    def _holders(self, job: int) -> list[Node]:
        """Return the nodes that could hold some pod of a job; none where only new layouts could."""
        if self._empty is None:
            cluster, engine = Cluster(self._nodes), self._floor.engine
            self._empty = Engine(cluster, engine.policy, seed=engine.seed, places=engine.places)
        index, fits = 0, np.zeros(self._empty.cluster.view.n_rows, np.bool_)
        for role in self._floor.book.classes[self._floor.book.class_list[job]].roles:
            fits |= self._empty.feasible(self._floor.pods.request(job, index))
            index += role.pods
        return [node for node in self._nodes if fits[self._empty.cluster.row(node.name)]]


class _Mean:
    """The mean of what several places cost, by weights."""

    def __init__(self, places: Sequence[Hourly], weights: Sequence[int]) -> None:
        self._places, self._weights = places, weights
        self.n_hours = math.lcm(*(place.n_hours for place in places))

    def all_between(self, from_s: FloatArray, length_s: float) -> FloatArray:
        costs = [place.all_between(from_s, length_s) for place in self._places]
        mean: FloatArray = np.average(costs, axis=0, weights=self._weights)
        return mean


def _sites(nodes: Sequence[Node], groups: Sequence[Group]) -> tuple[list[Site], dict[str, int]]:
    """Return the sites in the order of zones and prices, and the number of each node's."""
    price_of = {name: group.price_per_h for group in groups for name in group.nodes}
    keys = {
        node.name: (zone_of(node), price_of.get(node.name, 0.0) / max(1, node.gpu_count))
        for node in nodes
    }
    numbers = {key: number for number, key in enumerate(sorted(set(keys.values())))}
    watts, gpus = dict.fromkeys(numbers, 0), dict.fromkeys(numbers, 0)
    for node in nodes:
        idle_w, full_w = gpu_watts(node.gpu_model)
        watts[keys[node.name]] += node.gpu_count * (full_w - idle_w)
        gpus[keys[node.name]] += node.gpu_count
    sites = [Site(*key, watts[key] / max(1, gpus[key]) / 1000.0) for key in numbers]
    return sites, {name: numbers[key] for name, key in keys.items()}
