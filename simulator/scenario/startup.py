"""The start-ups of a scenario."""

from __future__ import annotations

import math
from collections.abc import Mapping

from bayplan.simulator.core.startup.types import Startup, Wants
from bayplan.simulator.scenario.scenario import Scenario
from bayplan.simulator.scenario.values import nearest


def startup_of(scenario: Scenario) -> Startup | None:
    """Return what is stated of start-ups; None where they take no time.

    Raises
    ------
    InputError
        An image or a model has no size, or a name is of both.
    """
    given = scenario.table("startup")
    images, models = _whole(given["images"]), _whole(given["models"])
    for name in images:
        if name in models:
            problem = f"{name!r} is an image too"
            raise scenario.error("startup.models", problem, "rename one of them")
    types = {name: Wants(row["image"], row["model"]) for name, row in given["types"].items()}
    default = Wants(given["image"], given["model"])
    for path, wants in (
        *((f"startup.types.{name}", wants) for name, wants in types.items()),
        ("startup", default),
    ):
        _check(scenario, f"{path}.image", wants.image, images)
        _check(scenario, f"{path}.model", wants.model, models)
    if not (images or models or given["container_s"]):
        return None
    return Startup(
        images=images,
        models=models,
        types=types,
        default=default,
        container_s=given["container_s"],
        lazy_part=given["lazy_part"],
        node_mib_per_s=_or_no_bound(given["node_mib_per_s"]),
        registry_mib_per_s=given["registry_mib_per_s"],
        store_mib_per_s=given["store_mib_per_s"],
        shared_mib_per_s=given["shared_mib_per_s"],
        local_mib_per_s=_or_no_bound(given["local_mib_per_s"]),
        model_cache=given["model_cache"],
        cache_mib=_or_no_bound(given["cache_mib"]),
    )


def _check(scenario: Scenario, path: str, name: str, known: Mapping[str, int]) -> None:
    if not name or name in known:
        return
    kind = path.rpartition(".")[2]
    fix = nearest(name, known) if known else f"state it in [startup] as {kind}s = {{{name} = MiB}}"
    raise scenario.error(path, f"there is no {kind} {name!r} in startup.{kind}s", fix)


def _whole(sizes: Mapping[str, float]) -> dict[str, int]:
    return {name: math.ceil(mib) for name, mib in sizes.items()}


def _or_no_bound(value: float | None) -> float:
    return math.inf if value is None else value
