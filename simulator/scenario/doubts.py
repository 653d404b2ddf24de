"""Names in tables that nothing knows: no errors, as a table may be about other clusters too."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

import numpy as np

from bayplan.scheduler.hardware import find_product, products
from bayplan.simulator.core.sources.autoscaler import SCAN_S
from bayplan.simulator.scenario.keys import NONE
from bayplan.simulator.scenario.ready import Ready
from bayplan.traces.requests import models_of
from bayplan.traces.services import Service

IMAGE_LOCALITY = "image-locality"


def doubts(ready: Ready) -> Iterator[str]:
    """Yield a line about each name that neither the cluster nor the catalogue of GPUs has.

    Looked at are the GPU models of speeds and services, and the MIG profiles of jobs and services;
    also told are an autoscaler that has nothing to scale, groups without a price beside others with
    one, job types that no job is of, a policy by images where there are none, a deferral policy
    that nothing follows from, and an elasticity without elastic jobs.

    Parameters
    ----------
    ready
        What is to be simulated.
    """
    here = {node.gpu_model for node in ready.all_nodes if node.gpu_count}
    known = [*sorted(here), *(product.name for product in products())]
    speeds = ready.settings.speeds
    for key, models in (
        ("speeds.file", [model for _, model in speeds.by_type]),
        ("speeds.by_model", list(speeds.by_model)),
        *((f"service {each.name}", models) for each, models in _models(ready.services)),
    ):
        for model in dict.fromkeys(models):
            if model not in here and find_product(model) is None:
                yield f"{key}: no GPU {model!r} is known{_perhaps(model, known)}"
    yield from _about_groups(ready)
    yield from _about_startup(ready)
    yield from _about_deferral(ready)
    if ready.settings.elasticity != NONE and not ready.jobs.elastic().any():
        yield (
            "policy.elasticity: it says nothing, as no job states min_pods or max_pods;"
            " jobs.grow_to and jobs.shrink_to make those of a list elastic"
        )
    profiles = dict.fromkeys(p.name for product in products() for p in product.profiles)
    for whose, names in (
        ("jobs", ready.jobs.mig_profile),
        *(
            (f"service {s.name}", [each.mig_profile for each in s.alternatives])
            for s in ready.services
        ),
    ):
        for name in dict.fromkeys(names):
            if name and name not in profiles:
                yield f"{whose}: no GPU has the mig_profile {name!r}{_perhaps(name, profiles)}"


def _models(services: Iterable[Service]) -> Iterator[tuple[Service, list[str]]]:
    for service in services:
        yield service, [m for each in service.alternatives for m in models_of(each.gpu_models)]


def _about_groups(ready: Ready) -> Iterator[str]:
    if not ready.elastic and ready.scan_s != SCAN_S:
        yield (
            "autoscaler.scan_s: it says nothing, as the cluster stays as it is; give groups in its"
            " cluster file a most above their count"
        )
    free = [group.name for group in ready.groups if not group.price_per_h]
    if free and len(free) < len(ready.groups):
        yield f"cluster.file: no price_per_h of {', '.join(free)}: their nodes cost nothing"


def _about_startup(ready: Ready) -> Iterator[str]:
    startup, policy = ready.settings.startup, ready.settings.placement
    if startup is None or not (startup.images or startup.models):
        if IMAGE_LOCALITY in policy:
            yield (
                f"policy.placement: {IMAGE_LOCALITY} tells no nodes apart, as nobody needs an"
                " image; see [startup]"
            )
        return
    types = {*ready.jobs.job_type, *(each.job_type for each in ready.services)}
    for name in startup.types:
        if name not in types:
            perhaps = _perhaps(name, sorted(types))
            yield f"startup.types: no job or service is of type {name!r}{perhaps}"


def _about_deferral(ready: Ready) -> Iterator[str]:
    policy, grid = ready.settings.deferral, ready.settings.grid
    if policy == "none":
        return
    if np.isnan(ready.jobs.deadline_s).all():
        yield "policy.deferral: nobody waits, as no job has a deadline; set deferral.slack_h"
    priced = any(group.price_per_h for group in ready.groups)
    if policy == "cheapest" and not priced and (grid is None or not grid.has_price):
        yield "policy.deferral: nothing has a price; set energy.price_per_kwh or a price_per_h"
    hours = [] if grid is None else [grid.g_per_kwh, *grid.zones.values()]
    if policy == "carbon" and len({grams for each in hours for grams in each}) == 1:
        yield "policy.deferral: the carbon intensity is the same at all times and places"


def _perhaps(name: str, known: Iterable[str]) -> str:
    # Models are short: T5 is T4 but for half of its letters.
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""
