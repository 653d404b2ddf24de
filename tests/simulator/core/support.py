"""What the tests of the simulator's core share: small clusters, jobs as dicts, logs as texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bayplan.scheduler.sharing import Sharing
from bayplan.scheduler.speed import Demand, SpeedSettings
from bayplan.scheduler.types import Node
from bayplan.simulator.core.parts import Parts
from bayplan.simulator.core.results import Outcome
from bayplan.simulator.core.settings import Settings
from bayplan.simulator.core.simulation import Simulation
from bayplan.simulator.core.speeds import Speeds
from bayplan.traces.jobs import JobTable

CPU_MILLI, MEMORY_MIB = 64_000, 100_000
DEFAULTS: dict[str, Any] = {
    "arrival_s": 0.0,
    "pods": 1,
    "min_pods": 0,
    "max_pods": 0,
    "cpu_milli": 0,
    "memory_mib": 0,
    "gpu_count": 1,
    "gpu_milli": 1000,
    "gpu_memory_mib": 0,
    "gpu_models": "",
    "mig_profile": "",
    "job_type": "",
    "estimate_s": float("nan"),
    "deadline_s": float("nan"),
    "cancel_s": float("nan"),
    "priority": 0,
    "preemptible": 1,
    "queue": "",
    "user": "",
    "gang": "",
}


def node(name: str = "n0", gpus: int = 1, *sharing: Sharing, **more: Any) -> Node:
    """A node that has enough of everything but GPUs."""
    given: dict[str, Any] = {
        "cpu_milli": CPU_MILLI,
        "memory_mib": MEMORY_MIB,
        "gpu_model": "A100-80GB",
    }
    given |= {"gpu_memory_mib": 81_920} | more
    return Node(name, gpu_count=gpus, sharing=sharing, **given)


def job(name: str, work_s: float, **more: Any) -> dict[str, Any]:
    """A job of one pod with one whole GPU, that arrives at 0."""
    return {"name": name, "work_s": work_s, **DEFAULTS, **more}


def table(jobs: Sequence[Mapping[str, Any]]) -> JobTable:
    """Jobs as a table."""
    return JobTable.of(
        **{name: [each[name] for each in jobs] for name in ("name", "work_s")}
        | {
            name: [
                0 if name == "gpu_milli" and not each["gpu_count"] else each[name] for each in jobs
            ]
            for name in DEFAULTS
        }
    )


def simulation(
    nodes: Sequence[Node], jobs: Sequence[Mapping[str, Any]], *, more: Any = None, **settings: Any
) -> Simulation:
    """A simulation with a log; ``more`` are its own parameters, the others are settings."""
    given = dict(more or {})
    stop_after = given.pop("stop_after", None)
    asked = Settings(log=True, **settings)
    return Simulation(nodes, table(jobs), asked, Parts(**given), stop_after=stop_after)


def run(
    nodes: Sequence[Node], jobs: Sequence[Mapping[str, Any]], *, more: Any = None, **settings: Any
) -> Outcome:
    """Run it to the end."""
    return simulation(nodes, jobs, more=more, **settings).run()


def told(outcome: Outcome) -> list[str]:
    """The log, an entry a text: time, what, job, where."""
    return [" ".join(f"{e.time_s:g} {e.what} {e.job} {e.detail}".split()) for e in outcome.log]


def ends(outcome: Outcome) -> list[float]:
    """When each row ended."""
    return [float(time) for time in outcome.jobs.finish_s]


def speeds(
    demands: Mapping[str, Demand] | None = None, sharing: SpeedSettings | None = None, **more: Any
) -> Speeds:
    """Demands by job type; types that are not named ask for everything all the time."""
    return Speeds(
        demands={"all": Demand(), **(demands or {})},
        default_class="all",
        sharing=sharing or SpeedSettings(),
        **more,
    )
