"""Names in tables that nothing knows: no errors, as a table may be about other clusters too."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from bayplan.scheduler.hardware import find_product, products
from bayplan.simulator.core.sources.autoscaler import SCAN_S
from bayplan.simulator.scenario.ready import Ready
from bayplan.traces.requests import models_of
from bayplan.traces.services import Service


def doubts(ready: Ready) -> Iterator[str]:
    """Yield a line about each name that neither the cluster nor the catalogue of GPUs has.

    Looked at are the GPU models of speeds and services, and the MIG profiles of jobs and services;
    also told are an autoscaler that has nothing to scale, and groups without a price beside others
    with one.

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


def _perhaps(name: str, known: Iterable[str]) -> str:
    # Models are short: T5 is T4 but for half of its letters.
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""
