"""Names in a scenario against the registries that they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.hardware import product_named
from bayplan.scheduler.ordering import ordering_names
from bayplan.scheduler.policies import make_policy, policy_names
from bayplan.scheduler.policies.mix import is_mix
from bayplan.scheduler.workload import typical_workload
from bayplan.simulator.core.deferral import DEFERRALS
from bayplan.simulator.core.detectors import DETECTORS
from bayplan.simulator.core.elastic.policies import ELASTICITY
from bayplan.simulator.core.partitioning import PARTITIONERS
from bayplan.simulator.core.passes import PASSES
from bayplan.simulator.core.progress import PROGRESS
from bayplan.simulator.core.triggers import TRIGGERS
from bayplan.simulator.scenario.keys import KEYS, NONE
from bayplan.simulator.scenario.scenario import Scenario
from bayplan.simulator.scenario.values import nearest
from bayplan.traces import FORMATS, builtin_pods, requests_from
from bayplan.traces.jobs import JOB_FORMATS
from bayplan.traces.registry import AUTO

REGISTRIES: dict[str, Callable[[], Sequence[str]]] = {
    "detector": lambda: [NONE, *DETECTORS.names()],
    "placement": policy_names,
    "ordering": ordering_names,
    "elasticity": lambda: [NONE, *ELASTICITY.names()],
    "partitioning": PARTITIONERS.names,
    "preemption": PASSES.names,
    "progress": PROGRESS.names,
    "trigger": TRIGGERS.names,
    "deferral": DEFERRALS.names,
    "node format": lambda: [AUTO, *(each.name for each in FORMATS)],
    "job format": lambda: [AUTO, *(each.name for each in JOB_FORMATS)],
}
"""The names that the texts of a registry may have."""


def unknown_names(scenario: Scenario) -> Iterator[tuple[str, InputError]]:
    """Yield the key of every name that its registry does not have, and an error about it."""
    for key in KEYS:
        name = scenario[key.path]
        if key.registry == "product":
            yield from _product(scenario, key.path, name)
        elif key.registry == "placement" and is_mix(name):
            yield from _mix(scenario, key.path, name)
        elif key.registry and name not in (known := REGISTRIES[key.registry]()):
            problem = f"there is no {key.registry} {name!r}"
            yield key.path, scenario.error(key.path, problem, nearest(name, known))


def _product(scenario: Scenario, path: str, name: str) -> Iterator[tuple[str, InputError]]:
    if not name:
        return
    try:
        product_named(name)
    except InputError as error:
        yield path, scenario.error(path, *_parts(error))


def _mix(scenario: Scenario, path: str, name: str) -> Iterator[tuple[str, InputError]]:
    try:
        make_policy(name, typical_workload(requests_from(builtin_pods())))
    except InputError as error:
        yield path, scenario.error(path, *_parts(error))


def _parts(error: InputError) -> tuple[str, str]:
    problem, _, fix = str(error).partition("; ")
    return problem, fix
