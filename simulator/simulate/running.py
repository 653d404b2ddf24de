"""One run of a scenario that was made ready."""

from __future__ import annotations

from typing import Any

from bayplan import __version__
from bayplan.simulator.compiling import groups_of
from bayplan.simulator.core.deciding import Decider
from bayplan.simulator.core.parts import Parts
from bayplan.simulator.core.results import Outcome
from bayplan.simulator.core.simulation import Simulation
from bayplan.simulator.scenario.keys import KEYS
from bayplan.simulator.scenario.ready import Ready
from bayplan.simulator.scenario.scenario import Scenario
from bayplan.simulator.simulate.interrupts import patient
from bayplan.simulator.simulate.progress import Told
from bayplan.simulator.simulate.sources import hazards_of, sources_of


def run(
    ready: Ready, told: Told | None = None, decider: Decider | None = None
) -> tuple[Outcome, bool]:
    """Simulate, and say whether it came to its end.

    Ctrl-C ends it between two events: the outcome is then what was done until there.

    Parameters
    ----------
    ready
        What to simulate.
    told
        Called now and then with the simulated time and the number of jobs that ended.
    decider
        Decides in place of the run's own engine.
    """
    simulation = simulation_of(ready, decider)
    with patient() as interrupts:

        def progress(now_s: float, done: int) -> None:
            interrupts.check()
            if told is not None:
                told(now_s, done)

        try:
            return simulation.run(progress), True
        except KeyboardInterrupt:
            return simulation.outcome(), False


def simulation_of(ready: Ready, decider: Decider | None = None) -> Simulation:
    """Return the simulation of a scenario that was made ready."""
    parts = Parts(
        sources=sources_of(ready),
        groups=ready.groups,
        hazards=hazards_of(ready),
        services=ready.services,
        decider=decider,
    )
    return Simulation(ready.nodes, ready.jobs, ready.settings, parts, spare=ready.spare)


def kernel_groups(ready: Ready) -> tuple[str, ...]:
    """Return the groups of kernels that a run calls."""
    settings, jobs = ready.settings, ready.jobs
    groups = groups_of([settings.placement]) | {"simulate"}
    if any(node.sharing for node in ready.all_nodes):
        groups.add("governed")
    if any(jobs.gang) or (jobs.pods > 1).any():
        groups.add("gangs")
    if settings.ordering != "fifo" or settings.backfill:
        groups.add("ordering")
    if settings.elasticity != "none":
        groups |= {"elastic", "gangs", "ordering"}
    if settings.preemption != "none":
        groups.add("preempt")
    return ("decide", *sorted(groups))


def described(scenario: Scenario) -> dict[str, Any]:
    """Return how a run is made, for what is written of it: version, file, all keys by table."""
    tables: dict[str, dict[str, Any]] = {}
    for key in KEYS:
        tables.setdefault(key.table, {})[key.name] = scenario[key.path]
    return {"version": __version__, "scenario": scenario.file, **tables}
