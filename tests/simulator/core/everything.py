"""Random simulations with everything at once, and a second book of what happens in them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from bayplan.scheduler.types import Node, Placement
from bayplan.simulator.core.book import State
from bayplan.simulator.core.detectors import Progress as Detector
from bayplan.simulator.core.elastic.policies import ELASTICITY
from bayplan.simulator.core.grid import Grid
from bayplan.simulator.core.groups import Group
from bayplan.simulator.core.hazards import Hazards
from bayplan.simulator.core.parts import Parts
from bayplan.simulator.core.results import JobResults, Outcome, Series
from bayplan.simulator.core.services.outcome import ServiceOutcome, ServiceSeries
from bayplan.simulator.core.settings import (
    Deferring,
    Interruptions,
    Locality,
    OutOfMemory,
    Reconfiguration,
    Settings,
    Watching,
)
from bayplan.simulator.core.simulation import Simulation
from bayplan.simulator.core.sources import (
    Autoscaler,
    Failing,
    FailingGpus,
    Faults,
    GpuFaults,
    Listed,
    NodeChange,
    Reclaimed,
    Slowing,
    Source,
    Spot,
    Stragglers,
    Watch,
)
from bayplan.simulator.core.speeds import Speeds
from bayplan.simulator.core.startup.types import MODEL_CACHES, Startup, Wants
from bayplan.simulator.core.stints import Stints
from bayplan.simulator.core.zones import ZONE_LABEL
from bayplan.traces.services import Alternative, Latency, Load, Scaling, Service
from bayplan.traces.services.types import SCALERS, SPREADS

from .scenes import ORDERINGS, SCALING, bounded, changes, clusters, jobs, milli_of
from .support import node, table

MOST_STEPS = 60_000
"""Of a simulation: one that takes more goes on for ever."""

HOUR_S = 3600.0
TIMES = ("arrival_s", "work_s", "deadline_s", "cancel_s", "estimate_s")
PREEMPTIONS = ("none", "none", "repack", "priority", "in-order", "spot", "fair-reclaim")
PLACEMENTS = ("best-fit", "worst-fit", "random", "image-locality", "fgd")
SHAPES = (
    Alternative(2.0, 0.5),
    Alternative(3.0, 1.0, startup_s=1.5, gpu_milli=300),
    Alternative(1.0, 1.0, gpu_milli=500, gpu_memory_mib=9_000),
    Alternative(1.0, 1.0, mig_profile="1g.10gb"),
    Alternative(0.5, 2.0, gpu_count=0, gpu_milli=0, cpu_milli=1_000),
)
STARTUP = Startup(
    images={"i": 300, "j": 90},
    models={"m": 400},
    types={"heavy": Wants("i", "m"), "light": Wants("j")},
    container_s=0.25,
    node_mib_per_s=200.0,
    registry_mib_per_s=150.0,
    store_mib_per_s=100.0,
    shared_mib_per_s=180.0,
    local_mib_per_s=1_000.0,
)
GRID = Grid((300.0, 100.0, 200.0), {"a": (50.0, 400.0)}, (0.5, 0.1), {"b": (0.2, -0.1)})


@dataclass(frozen=True, slots=True)
class Everything:
    """What a simulation is given."""

    nodes: tuple[Node, ...]
    spare: tuple[Node, ...]
    jobs: tuple[dict[str, Any], ...]
    settings: Settings
    groups: tuple[Group, ...]
    services: tuple[Service, ...]
    hazards: Hazards
    changes: tuple[NodeChange, ...] = ()
    failing: tuple[Failing, ...] = ()
    failing_gpus: tuple[FailingGpus, ...] = ()
    slowing: tuple[Slowing, ...] = ()
    reclaimed: tuple[Reclaimed, ...] = ()
    scan_s: float = 0.0

    @property
    def sources(self) -> list[Source]:
        """What happens by itself, anew: a source serves one simulation."""
        found: list[Source] = []
        if self.changes:
            found.append(Listed(self.changes))
        if self.failing:
            found.append(Faults(self.failing))
        if self.failing_gpus:
            found.append(GpuFaults(self.failing_gpus))
        if self.slowing:
            found.append(Stragglers(self.slowing))
        if self.reclaimed:
            found.append(Spot(self.reclaimed))
        if self.scan_s:
            found.append(Autoscaler(self.groups, self.scan_s))
        watching = self.settings.stragglers
        if watching.detector != "none":
            found.append(Watch(Detector(watching), watching))
        return found

    def simulation(self) -> Simulation:
        """A simulation of it."""
        parts = Parts(
            sources=self.sources, groups=self.groups, hazards=self.hazards, services=self.services
        )
        return Simulation(self.nodes, table(self.jobs), self.settings, parts, spare=self.spare)


def often(draw: st.DrawFn, of: int = 2) -> bool:
    """Once in so many times."""
    return draw(st.integers(1, of)) == 1


@st.composite
def services(draw: st.DrawFn, number: int, scale: float, *, has_mig: bool) -> Service:
    """A service of a few replicas."""
    shapes = [s for s in SHAPES if has_mig or not s.mig_profile]
    pieces = draw(st.lists(st.sampled_from((0.0, 0.5, 1.0, 4.0, 9.0)), min_size=1, max_size=4))
    first_s = scale * draw(st.sampled_from((0.0, 2.0, 5.5)))
    starts_s = np.array([first_s + scale * 3.0 * k for k in range(len(pieces))], np.float64)
    least = draw(st.integers(0, 2))
    return Service(
        f"s{number}",
        Latency("c", 2.0),
        Load(
            starts_s,
            np.array(pieces),
            draw(st.sampled_from((math.inf, float(starts_s[-1]) + 11.0 * scale))),
        ),
        tuple(draw(st.lists(st.sampled_from(shapes), min_size=1, max_size=3, unique=True))),
        least=least,
        most=max(1, least) + draw(st.integers(0, 3)),
        priority=draw(st.integers(0, 2)),
        preemptible=draw(st.booleans()),
        queue=draw(st.sampled_from("ab")),
        job_type=draw(st.sampled_from(("light", "heavy", "membw"))),
        spread=draw(st.sampled_from(("", "", *SPREADS))),
        wait_s=scale * draw(st.sampled_from((0.5, 3.0))),
        queue_limit=draw(st.sampled_from((math.inf, 3.0))),
        timeout_s=draw(st.sampled_from((math.inf, 2.0))),
        scaling=Scaling(
            draw(st.sampled_from(SCALERS)),
            draw(st.sampled_from(("requests", "concurrency"))),
            sync_s=scale * 1.5,
            down_window_s=scale * 4.0,
            cooldown_s=scale * 3.0,
            season_s=scale * 8.0,
        ),
    )


@st.composite
def everything(draw: st.DrawFn) -> Everything:  # noqa: PLR0915 - a line for each feature
    """A scene in which each thing is, or is not."""
    scale = draw(st.sampled_from((1.0, 600.0)))
    models = draw(st.sampled_from(((), ("A100-80GB", "V100-32GB"))))
    there = []
    for k, each in enumerate(draw(clusters())):
        labels = ((ZONE_LABEL, "ab"[k % 2]), ("bayplan.io/rack", f"r{k // 2}"))
        plain = each.gpu_count and not each.sharing and models
        model = draw(st.sampled_from(models)) if plain else each.gpu_model
        there.append(replace(each, labels=labels if often(draw) else (), gpu_model=model))
    has_mig = any("Mig" in type(mode).__name__ for each in there for mode in each.sharing)
    spare = [node(f"g{k}", draw(st.integers(1, 2))) for k in range(draw(st.integers(0, 2)))]
    rows = [
        row
        for k in range(draw(st.integers(0 if often(draw, 10) else 1, 12)))
        for row in draw(jobs(k, has_mig=has_mig))
    ]
    elastic = often(draw)
    if elastic:
        rows = [bounded(draw, row) for row in rows]
    rows = [row | {name: scale * row[name] for name in TIMES} for row in rows]
    served = [
        draw(services(k, scale, has_mig=has_mig))
        for k in range(draw(st.sampled_from((0, 0, 1, 1, 2))))
    ]
    every = [*there, *spare]
    listed = tuple(
        each._replace(time_s=scale * each.time_s)
        if hasattr(each, "_replace")
        else replace(each, time_s=scale * each.time_s)
        for each in (draw(changes(there)) if often(draw) else ())
    )
    hours = scale / HOUR_S
    gpus = [each for each in every if each.gpu_count]
    failing = tuple(Failing(n.name, 40.0 * hours, 3.0 * hours) for n in there if often(draw, 4))
    failing_gpus = tuple(
        FailingGpus(
            n.name, n.gpu_count, 60.0 * hours, 0.5 * scale, 2.0 * scale, 4.0 * hours,
            {"application": 1.0, "contained": 1.0, "reset": 1.0, "nvlink": 1.0, "bus": 0.5,
             "broken": 1.0},
        )
        for n in gpus
        if often(draw, 3)
    )  # fmt: skip
    slowing = tuple(
        Slowing(n.name, n.gpu_count, 15.0 * hours, 8.0 * hours, draw(st.sampled_from((0.3, 0.75))))
        for n in gpus
        if often(draw, 3)
    )
    reclaimed = tuple(
        Reclaimed(
            n.name, 1.0 / (25.0 * hours), 3.0 * hours, scale * draw(st.sampled_from((0.0, 1.5)))
        )
        for n in there
        if often(draw, 4)
    )
    groups: tuple[Group, ...] = (Group("base", tuple(n.name for n in there), price_per_h=2.0),)
    scaled: tuple[Group, ...] = ()
    if spare:
        scaled = (
            Group(
                "more", tuple(n.name for n in spare), price_per_h=3.0, provision_s=1.5 * scale,
                jitter_s=draw(st.sampled_from((0.0, 0.5 * scale))), idle_s=4.0 * scale,
            ),
        )  # fmt: skip
    preemption = draw(st.sampled_from([p for p in PREEMPTIONS if not (elastic and p == "repack")]))
    may_fill = preemption == "none" and not elastic
    grid = GRID if often(draw) else None
    deferrals = ("none", "cheapest", "cheapest") + (("carbon", "carbon") if grid else ())
    how = draw(st.sampled_from(("fixed", "fixed", "young", "daly")))
    save_s = scale * (0.15 if how != "fixed" else draw(st.sampled_from((0.0, 0.15))))
    restart_s = scale * draw(st.sampled_from((0.0, 0.4)))
    startup = None
    if often(draw):
        startup = replace(
            STARTUP,
            container_s=scale * STARTUP.container_s,
            lazy_part=draw(st.sampled_from((1.0, 0.3))),
            model_cache=draw(st.sampled_from(MODEL_CACHES)),
            cache_mib=draw(st.sampled_from((math.inf, 450.0, 50.0))),
            **{
                name: getattr(STARTUP, name) / scale
                for name in ("node_mib_per_s", "registry_mib_per_s", "store_mib_per_s",
                             "shared_mib_per_s", "local_mib_per_s")
            },
        )  # fmt: skip
    endless = any(each.load.end_s == math.inf for each in served)
    if not rows and not served:
        rows = list(draw(jobs(0, has_mig=has_mig)))
    partitioning = "demand" if often(draw, 6) else "none"
    # Jobs may wait in vain for what replicas keep or no layout holds, which ends after long.
    is_cut = endless or partitioning == "demand" or often(draw, 6)
    settings = Settings(
        placement=draw(st.sampled_from(PLACEMENTS)),
        ordering=draw(st.sampled_from(ORDERINGS)),
        strict=often(draw, 3),
        backfill=draw(st.sampled_from(("", "", "easy", "conservative"))) if may_fill else "",
        preemption=preemption,
        trigger="rounds" if often(draw, 4) else "events",
        round_s=4.0 * scale,
        partitioning=partitioning,
        deferral=draw(st.sampled_from(deferrals)),
        deferring=Deferring(
            draw(st.sampled_from((0.0, 0.3))),
            draw(st.sampled_from((0.0, 0.2))),
            across_zones=often(draw),
        ),
        elasticity=draw(st.sampled_from(ELASTICITY.names())) if elastic else "none",
        resize_interval_s=scale * draw(st.sampled_from((0.0, 2.5))) if elastic else 0.0,
        min_run_s=scale * draw(st.sampled_from((0.0, 0.0, 1.0))),
        speeds=Speeds(scaling=SCALING, by_model={"V100-32GB": 0.5}),
        interruptions=Interruptions(
            checkpoint_s=scale * draw(st.sampled_from((0.0, 1.5))) if how == "fixed" else 0.0,
            restart_s=restart_s,
            restart_log2_s=0.1 * scale,
            on_notice=draw(st.sampled_from(("none", "checkpoint"))),
            resize_s=draw(st.sampled_from((None, 0.0, 0.3 * scale))),
            checkpoint=how,
            save_s=save_s,
        ),
        stragglers=Watching(
            detector="progress" if often(draw) else "none",
            window_s=1.5 * scale,
            false_alarms=draw(st.sampled_from((0.0, 0.05))),
            on_detection=draw(st.sampled_from(("drain", "restart"))),
            repair_h=2.0 * hours,
        ),
        locality=Locality(0.8, 0.5),
        out_of_memory=OutOfMemory(2, 1.5 * scale, 2.0 * scale),
        reconfiguration=Reconfiguration(draw(st.sampled_from(("", "", "nvml", "dra")))),
        estimate_error=draw(st.sampled_from((0.0, 0.7))),
        seed=draw(st.integers(0, 9)),
        until_s=scale * (6.25 if often(draw, 4) else 60.0) if is_cut else None,
        await_series=often(draw),
        fragmentation=often(draw, 4),
        sample_s=draw(st.sampled_from((None, scale))),
        log=True,
        grid=grid,
        stints=1_000_000,
        startup=startup,
    )
    hazards = Hazards(
        {n.name: 1.0 / (40.0 * scale) for n in there}, {n.name: 1.0 / (60.0 * scale) for n in gpus}
    )
    return Everything(
        tuple(there), tuple(spare), tuple(rows), settings, (*groups, *scaled), tuple(served),
        hazards, listed, failing, failing_gpus, slowing, reclaimed, scale if spare else 0.0,
    )  # fmt: skip


class Moment:
    """What there was after the last event of a time, until the next."""

    __slots__ = ("gpus", "nodes", "placements", "rates", "time_s")

    def __init__(self, simulation: Simulation) -> None:
        floor = simulation.floor
        self.time_s = floor.now_s
        self.placements: dict[int, tuple[Placement, ...]] = dict(floor.placements)
        self.rates = {job: floor.book.rate.item(job) for job in self.placements}
        self.gpus = {job: floor.book.n_gpus.item(job) for job in self.placements}
        self.nodes = frozenset(floor.cluster.nodes)


@dataclass(frozen=True, slots=True)
class Seen:
    """A simulation that was looked at after each event."""

    simulation: Simulation
    outcome: Outcome
    moments: list[Moment]
    first: list[int]


def see(scene: Everything, look: Callable[[Simulation, Moment], None] | None = None) -> Seen:
    """Run a scene to its end, and look at it after each event."""
    simulation = scene.simulation()
    clock, steps = simulation._clock, 0
    moments: list[Moment] = []
    step = clock.step

    def stepped() -> None:
        nonlocal steps
        step()
        steps += 1
        assert steps < MOST_STEPS, "it goes on for ever"
        moment = Moment(simulation)
        moment.time_s = clock.now
        if moments and moments[-1].time_s == moment.time_s:
            moments.pop()
        moments.append(moment)
        if look is not None:
            look(simulation, moment)

    clock.step = stepped  # type: ignore[method-assign]
    outcome = simulation.run()
    rows: dict[str, int] = {}
    jobs_of = table(scene.jobs)
    for row, (name, gang) in enumerate(zip(jobs_of.name, jobs_of.gang, strict=True)):
        rows.setdefault(gang or name, row)
    return Seen(simulation, outcome, moments, list(rows.values()))


def digest_of(outcome: Outcome) -> str:
    """Everything that a simulation leaves behind, as a hash of bytes."""
    digest = hashlib.blake2b()
    parts: list[Any] = [outcome]
    for part in parts:
        for name in type(part).__dataclass_fields__:
            value = getattr(part, name)
            if isinstance(value, np.ndarray):
                digest.update(value.tobytes())
            elif isinstance(value, (JobResults, Series, Stints, ServiceOutcome, ServiceSeries)):
                parts.append(value)
            else:
                digest.update(repr(value).encode())
    return digest.hexdigest()


def milli_held(places: Sequence[Placement]) -> int:
    """What a job was granted of GPUs."""
    return sum(grant.milli for place in places for each in place.grants for grant in each)


def looks_right(simulation: Simulation, moment: Moment) -> None:
    """What holds after each event, whatever came before."""
    floor, book = simulation.floor, simulation.book
    free, capacity = milli_of(floor)
    assert (free >= 0).all()
    assert (free <= capacity).all()
    assert floor.meter.milli == sum(map(milli_held, floor.placements.values()))
    assert set(floor.placements) == set(np.flatnonzero(book.state == State.RUNNING).tolist())
    assert sum(len(places) for places in moment.placements.values()) == len(floor.cluster.pods)
    for job, places in moment.placements.items():
        assert {place.node for place in places} <= moment.nodes
        for uid, place in zip(floor.pods.uids(job), places, strict=True):
            assert floor.cluster.pods[uid].placement == place


def spans(seen: Seen) -> Sequence[tuple[Moment, float, float]]:
    """What there was from when to when."""
    end_s = seen.outcome.totals.end_s
    times = [min(moment.time_s, end_s) for moment in seen.moments]
    ends = [*times[1:], end_s] if times else []
    return [
        (moment, since, until)
        for moment, since, until in zip(seen.moments, times, ends, strict=True)
        if since < until
    ]
