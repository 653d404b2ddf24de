"""Random simulations, and watchers that write down what their floor does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from bayplan.scheduler.arrays import FloatArray, IntArray
from bayplan.scheduler.sharing import Exclusive, Hami, Mig, Mps, Sharing, TimeSlicing
from bayplan.scheduler.types import Node, Placement
from bayplan.simulator.core.book import Book
from bayplan.simulator.core.elastic.policies import ELASTICITY
from bayplan.simulator.core.floor import Floor
from bayplan.simulator.core.parts import Parts
from bayplan.simulator.core.passes import PASSES, Pass
from bayplan.simulator.core.progress import Exact
from bayplan.simulator.core.results import Outcome
from bayplan.simulator.core.scaling import Scaling
from bayplan.simulator.core.settings import Interruptions, Locality, OutOfMemory, Settings
from bayplan.simulator.core.simulation import Simulation
from bayplan.simulator.core.sources import CHANGES, Failing, Faults, Listed, NodeChange, Source
from bayplan.simulator.core.speeds import Speeds

from .support import DEFAULTS, job, node, table

SHARINGS: dict[str, tuple[Sharing, ...]] = {
    "ungoverned": (),
    "exclusive": (Exclusive(),),
    "mps": (Mps(),),
    "mps-over": (Mps(capacity_milli=2_000),),
    "timeslice": (TimeSlicing(replicas=3),),
    "timeslice-unchecked": (TimeSlicing(replicas=6, check_memory=False),),
    "hami": (Hami(),),
    "mig": (Mig(),),
    "mig-static": (Mig(((0, "3g.40gb"), (4, "2g.20gb"), (6, "1g.10gb"))),),
    "mig-clients": (Mig(((0, "3g.40gb"), (4, "3g.40gb")), Mps(clients=4)),),
}
PROFILES = ("", "1g.10gb", "2g.20gb", "3g.40gb")
SCALING = Scaling({"light": ((1, 1.0), (2, 1.8), (4, 1.7)), "heavy": ((2, 3.0),)}, 0.2)
ORDERINGS = (
    "fifo", "sjf", "srtf", "srsf", "las", "las-2d", "edf", "priority", "smallest-first",
    "drf", "fair-share", "finish-time",
)  # fmt: skip
PREEMPTIONS = ("none", "none", "none", "repack", "repack", "priority", "in-order")
MOST_PASSES = 2_000

few = st.sampled_from((0.0, 1.0, 2.0, 2.0, 5.5, 9.0, 14.0))
lengths = st.sampled_from((0.0, 1.0, 2.0, 3.0, 7.3, 16.0))


@dataclass(frozen=True, slots=True)
class Scene:
    """What a simulation is given."""

    nodes: tuple[Node, ...]
    jobs: tuple[dict[str, Any], ...]
    settings: Settings
    changes: tuple[NodeChange, ...] = ()
    failing: tuple[Failing, ...] = ()

    @property
    def sources(self) -> list[Source]:
        """What happens to the nodes, anew: a source serves one simulation."""
        return [Listed(self.changes), Faults(self.failing)]

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # what Hypothesis prints
        printer.text(repr(self))

    def __repr__(self) -> str:
        """As calls of ``support``, with what is not the default."""
        nodes = ", ".join(
            f"node({n.name!r}, {n.gpu_count}, *{n.sharing!r}, cpu_milli={n.cpu_milli},"
            f" anonymous_gpus={n.anonymous_gpus}, gpu_model={n.gpu_model!r})"
            for n in self.nodes
        )
        given = [
            {
                name: value
                for name, value in each.items()
                if value == value and DEFAULTS.get(name) != value
            }
            for each in self.jobs
        ]
        default = Settings()
        changed = {
            name: getattr(self.settings, name)
            for name in Settings.__dataclass_fields__
            if getattr(self.settings, name) != getattr(default, name)
        }
        jobs = ",\n  ".join(f"job(**{each!r})" for each in given)
        away = f"{self.changes!r}, {self.failing!r}" if self.changes or self.failing else ""
        return f"\nrun([{nodes}], [\n  {jobs}],\n  **{changed!r}) {away}"


@st.composite
def clusters(draw: st.DrawFn) -> tuple[Node, ...]:
    """Nodes of one way to share, or of two."""
    names = draw(st.lists(st.sampled_from(sorted(SHARINGS)), min_size=1, max_size=2))
    found = []
    for k in range(draw(st.integers(1, 3))):
        sharing = SHARINGS[names[k % len(names)]]
        gpus = draw(st.sampled_from((1, 1, 2, 4)))
        anonymous = not sharing and draw(st.booleans())
        cpu = draw(st.sampled_from((4_000, 16_000)))
        found.append(node(f"n{k}", gpus, *sharing, cpu_milli=cpu, anonymous_gpus=anonymous))
    if draw(st.booleans()):
        found.append(node("cpus", 0, gpu_model=""))
    return tuple(found)


@st.composite
def jobs(draw: st.DrawFn, number: int, *, has_mig: bool) -> list[dict[str, Any]]:
    """A job, or the two rows of a gang."""
    common: dict[str, Any] = {
        "work_s": draw(lengths),
        "arrival_s": draw(few),
        "priority": draw(st.integers(0, 2)),
        "queue": draw(st.sampled_from("ab")),
        "preemptible": draw(st.sampled_from((1, 1, 0))),
        "cancel_s": draw(st.sampled_from((math.nan, math.nan, math.nan, math.nan, 3.0, 9.5))),
        "deadline_s": draw(st.sampled_from((math.nan, 8.0, 30.0))),
        "estimate_s": draw(st.sampled_from((math.nan, 1.0, 12.0))),
    }
    name = f"j{number:02}"
    gang = name if draw(st.integers(0, 9)) == 0 else ""
    rows = [
        job(f"{name}{role}", **common, gang=gang, **draw(pods(has_mig=has_mig)))
        for role in (("-w", "-d") if gang else ("",))
    ]
    return [row | {"job_type": rows[0]["job_type"]} for row in rows]


@st.composite
def pods(draw: st.DrawFn, *, has_mig: bool) -> dict[str, Any]:
    """A row's pods: mostly one share of one GPU."""
    count = draw(st.sampled_from((1, 1, 1, 1, 1, 1, 2, 0)))
    profile = draw(st.sampled_from(PROFILES)) if has_mig and count == 1 else ""
    whole = profile or draw(st.integers(0, 3)) == 0
    return {
        "pods": draw(st.sampled_from((1, 1, 1, 1, 1, 1, 2, 3))),
        "cpu_milli": draw(st.sampled_from((0, 0, 1_000, 2_500))),
        "gpu_count": count,
        "gpu_milli": 1_000 if whole else draw(st.sampled_from((100, 200, 300, 500, 700))),
        "gpu_memory_mib": draw(st.sampled_from((0, 9_000, 30_000))) if count and not whole else 0,
        "mig_profile": profile,
        "job_type": draw(st.sampled_from(("light", "heavy", "membw"))),
    }


@st.composite
def changes(draw: st.DrawFn, nodes: Sequence[Node]) -> list[NodeChange]:
    """What happens to nodes by a list: in the end all of them are there."""
    found = [
        NodeChange(draw(few), draw(st.sampled_from(nodes)).name, draw(st.sampled_from(CHANGES)))
        for _ in range(draw(st.integers(1, 5)))
    ]
    return [*found, *(NodeChange(20.0, node.name, "up") for node in nodes)]


def bounded(draw: st.DrawFn, row: dict[str, Any]) -> dict[str, Any]:
    """A row, elastic if it may be."""
    if row["gang"] or not row["gpu_count"] or draw(st.integers(0, 3)) == 0:
        return row
    least = draw(st.integers(1, row["pods"]))
    return row | {"min_pods": least, "max_pods": draw(st.integers(row["pods"], 6))}


@st.composite
def scenes(draw: st.DrawFn, *, come_and_go: bool = False, elastic: bool = False) -> Scene:
    """A scene; with ``come_and_go`` nodes change by a list, and some fail too.

    ``elastic``: there may be elastic jobs.
    """
    nodes = draw(clusters())
    has_mig = any(isinstance(sharing, Mig) for each in nodes for sharing in each.sharing)
    n_jobs = draw(st.integers(1, 14))
    rows = [row for k in range(n_jobs) for row in draw(jobs(k, has_mig=has_mig))]
    if elastic:
        rows = [bounded(draw, row) for row in rows]
    preemption = draw(st.sampled_from([p for p in PREEMPTIONS if not (elastic and p == "repack")]))
    triggers = ("events", "events", "events" if elastic and come_and_go else "rounds")
    backfills = ("",) if preemption == "repack" else ("", "", "", "easy", "conservative")
    return Scene(
        nodes,
        tuple(rows),
        Settings(
            placement=draw(st.sampled_from(("best-fit", "worst-fit", "random"))),
            ordering=draw(st.sampled_from(ORDERINGS)),
            strict=draw(st.booleans()),
            backfill="" if elastic else draw(st.sampled_from(backfills)),
            preemption=preemption,
            partitioning="none",
            elasticity=draw(st.sampled_from(ELASTICITY.names())) if elastic else "none",
            resize_interval_s=draw(st.sampled_from((0.0, 0.0, 2.5))) if elastic else 0.0,
            speeds=Speeds(scaling=SCALING) if elastic else Speeds(),
            trigger=draw(st.sampled_from(triggers)),
            round_s=4.0,
            interruptions=Interruptions(
                draw(st.sampled_from((0.0, 1.5))),
                draw(st.sampled_from((0.0, 0.8))),
                0.3,
                resize_s=draw(st.sampled_from((None, 0.0, 0.7))) if elastic else None,
            ),
            locality=Locality(0.8, 0.5),
            out_of_memory=OutOfMemory(retries=2, backoff_s=1.5, most_backoff_s=2.0),
            estimate_error=draw(st.sampled_from((0.0, 0.7))),
            seed=draw(st.integers(0, 3)),
            until_s=draw(st.sampled_from((None, None, None, 6.25))),
            log=True,
        ),
        tuple(draw(changes(nodes))) if come_and_go else (),
        # Up for 18 s on average, and down for 3.6.
        tuple(Failing(n.name, 0.005, 0.001) for n in nodes if come_and_go and draw(st.booleans())),
    )


def milli_of(floor: Floor) -> tuple[IntArray, IntArray]:
    """What is free of each slot, and what there is: (n_slots,) each."""
    view = floor.cluster.view
    slots = [
        slot
        for row in np.flatnonzero(view.alive).tolist()
        for slot in range(view.slot_start[row], view.slot_start[row] + view.slot_count[row])
    ]
    return view.slot_free_milli[slots], view.slot_capacity[slots]


class Watched:
    """A pass that looks at the floor when another one was held.

    Without ``may_idle`` no pass is left out. ``places`` are who ran after it, and where, by its
    time; the last of a time counts.
    """

    def __init__(self, inner: Pass, settings: Settings, *, may_idle: bool = True) -> None:
        self.inner, self.settings, self.may_idle = inner, settings, may_idle
        self.settled = inner.settled
        self.places: dict[float, dict[int, tuple[Placement, ...]]] = {}
        self.passes = 0

    def is_idle(self, floor: Floor) -> bool:
        return self.may_idle and self.inner.is_idle(floor)

    def run(self, floor: Floor) -> None:
        self.passes += 1
        assert self.passes < MOST_PASSES, "it goes on for ever"
        self.inner.run(floor)
        self.places[floor.now_s] = dict(floor.placements)
        floor.cluster.check()
        free, capacity = milli_of(floor)
        assert (free >= 0).all()
        assert floor.meter.milli == int((capacity - free).sum())
        if not self.settings.backfill and self.settings.preemption == "none":
            self._nobody_else_fits(floor)
        if self.settings.elasticity == "idle" and not self.settings.resize_interval_s:
            self._nobody_grows(floor)

    def _nobody_grows(self, floor: Floor) -> None:
        """No elastic job that runs has room for one more pod of those that it may have."""
        sizes = floor.sizes
        assert sizes is not None
        for each in floor.running:
            if sizes.is_elastic(each) and sizes.pods(each) < sizes.most[each]:
                gang, _ = floor.pods.grown(each, sizes.pods(each) + 1)
                assert not floor.engine.decide_gang(gang, floor.now_s).decisions

    def _nobody_else_fits(self, floor: Floor) -> None:
        """Who waits has no room; strictly the first of them, where starts leave the order alone."""
        if self.settings.strict and not floor.waiting.keyed:
            return
        waiting = floor.waiting.in_order(floor.now_s).tolist()
        before = floor.decisions
        for each in waiting[:1] if self.settings.strict else waiting:
            assert floor.decide(each) is None, f"{floor.book.uid[each]} would fit"
        floor.decisions = before


@dataclass(slots=True)
class Stint:
    """A stint of a job: (from, rate) as it changed, until it ended."""

    ready_s: float
    rates: list[tuple[float, float]] = field(default_factory=list)
    end_s: float = math.inf
    saved_s: float = -math.inf

    def work(self, start_s: float, end_s: float) -> float:
        """The work done between two times."""
        total = 0.0
        times = [*(since for since, _ in self.rates[1:]), math.inf]
        for (since, rate), until in zip(self.rates, times, strict=True):
            span = min(until, end_s, self.end_s) - max(since, start_s, self.ready_s)
            total += rate * max(0.0, span)
        return total


class Noted(Exact):
    """The exact model, and a second book of what happened to each job."""

    def __init__(self, costs: Interruptions) -> None:
        super().__init__(costs)
        self.checkpoint_s = costs.checkpoint_s
        self.stints: dict[int, list[Stint]] = {}
        self.lost: dict[int, float] = {}

    def begin(self, book: Book, job: int, now_s: float) -> None:
        super().begin(book, job, now_s)
        self.stints.setdefault(job, []).append(Stint(book.ready_s.item(job), [(now_s, 0.0)]))

    def change(self, book: Book, jobs: IntArray, rates: FloatArray, now_s: float) -> FloatArray:
        assert (rates <= book.base[jobs] * (1.0 + 1e-12)).all()
        for each, rate in zip(jobs.tolist(), rates.tolist(), strict=True):
            stint = self.stints[each][-1]
            stint.ready_s = book.ready_s.item(each)  # a new layout may hold it up after begin
            stint.rates.append((now_s, rate))
        return super().change(book, jobs, rates, now_s)

    def stop(self, book: Book, job: int, now_s: float) -> None:
        stint = self.stints[job][-1]
        stint.end_s = now_s
        if self.checkpoint_s and now_s > stint.ready_s:
            n = math.floor((now_s - stint.ready_s) / self.checkpoint_s)
            latest_s = max(stint.saved_s, stint.ready_s + n * self.checkpoint_s)
            lost = stint.work(latest_s, now_s)
            self.lost[job] = self.lost.get(job, 0.0) + lost
        super().stop(book, job, now_s)

    def save(self, book: Book, job: int, now_s: float) -> None:
        self.stints[job][-1].saved_s = now_s
        super().save(book, job, now_s)

    def complete(self, book: Book, job: int, now_s: float) -> None:
        self.stints[job][-1].end_s = now_s
        super().complete(book, job, now_s)


@dataclass(frozen=True, slots=True)
class Run:
    """A simulation that was watched; ``first`` is the first row of each job."""

    simulation: Simulation
    outcome: Outcome
    watched: Watched
    noted: Noted
    first: list[int]


def watch(scene: Scene, *, may_idle: bool = True) -> Run:
    """Run a scene to its end; without ``may_idle`` each event has a pass."""
    settings = scene.settings
    watched = Watched(PASSES.make(settings.preemption, settings), settings, may_idle=may_idle)
    noted = Noted(settings.interruptions)
    jobs = table(scene.jobs)
    parts = Parts(preemption=watched, progress=noted, sources=scene.sources)
    if settings.elasticity != "none":
        parts = replace(parts, preemption=None)
    simulation = Simulation(scene.nodes, jobs, settings, parts)
    if settings.elasticity != "none":  # to be seen is what elastic jobs have in the end
        watched.inner, simulation._pass = simulation._pass, watched
    outcome = simulation.run()
    rows: dict[str, int] = {}
    for row, (name, gang) in enumerate(zip(jobs.name, jobs.gang, strict=True)):
        rows.setdefault(gang or name, row)
    return Run(simulation, outcome, watched, noted, list(rows.values()))


def arrays_of(outcome: Outcome) -> list[bytes]:
    """Everything in the job results and the series, as bytes."""
    parts: Sequence[Any] = (outcome.jobs, outcome.series)
    return [
        np.ascontiguousarray(getattr(part, name)).tobytes()
        for part in parts
        for name in part.__dataclass_fields__
    ]
