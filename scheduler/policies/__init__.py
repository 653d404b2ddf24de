"""The registry of placement policies: this table is the list of what Bayplan ships.

A package of your own adds one by an entry point in the group ``bayplan.policies`` that names a
factory: a callable that takes the target ``Workload`` (or None) and returns a policy.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from functools import partial
from importlib.metadata import entry_points

from bayplan.scheduler.errors import InputError
from bayplan.scheduler.mig.places import Places
from bayplan.scheduler.mig.rules import MigRule
from bayplan.scheduler.policies._base import Ask, PlacementPolicy, Ties, uses_images
from bayplan.scheduler.policies._devices import best_fit_gpus, first_gpus, worst_fit_gpus
from bayplan.scheduler.policies.best_fit import BestFit
from bayplan.scheduler.policies.dot_product import DotProduct
from bayplan.scheduler.policies.fgd import Fgd
from bayplan.scheduler.policies.first_fit import FirstFit
from bayplan.scheduler.policies.gpu_clustering import GpuClustering
from bayplan.scheduler.policies.gpu_packing import GpuPacking
from bayplan.scheduler.policies.image_locality import ImageLocality
from bayplan.scheduler.policies.mix import is_mix, parse_mix
from bayplan.scheduler.policies.random_fit import RandomFit
from bayplan.scheduler.policies.worst_fit import WorstFit
from bayplan.scheduler.workload import Workload

__all__ = [
    "Ask",
    "PlacementPolicy",
    "Ties",
    "best_fit_gpus",
    "first_gpus",
    "make_policy",
    "policy_names",
    "policy_summary",
    "usable_policies",
    "uses_images",
    "worst_fit_gpus",
]

Factory = Callable[[Workload | None], PlacementPolicy]

ENTRY_POINTS = "bayplan.policies"


def _fgd(workload: Workload | None) -> Fgd:
    if workload is None:
        raise InputError("policy fgd needs a target workload", fix="give it a trace of pods")
    return Fgd(workload)


# These two bring kernels of their own, which take some milliseconds to import.


def _pwr(_: Workload | None) -> PlacementPolicy:
    from bayplan.scheduler.policies.pwr import Pwr

    return Pwr()


def _mig_fit(rule: MigRule, workload: Workload | None) -> PlacementPolicy:
    from bayplan.scheduler.policies.mig_fit import MigFit

    return MigFit(Places(rule, workload.profile_mix if workload else None))


POLICIES: dict[str, Factory] = {
    "random": lambda _: RandomFit(),
    "first-fit": lambda _: FirstFit(),
    "best-fit": lambda _: BestFit(),
    "worst-fit": lambda _: WorstFit(),
    "dot-product": lambda _: DotProduct(),
    "gpu-packing": lambda _: GpuPacking(),
    "gpu-clustering": lambda _: GpuClustering(),
    "fgd": _fgd,
    "pwr": _pwr,
    "image-locality": lambda _: ImageLocality(),
    **{f"mig-{rule.value}": partial(_mig_fit, rule) for rule in MigRule},
}


def policy_names() -> list[str]:
    """Return the names of all policies: ours in the table's order, then the plug-ins', sorted."""
    plugins = {entry.name for entry in entry_points(group=ENTRY_POINTS)}
    return [*POLICIES, *sorted(plugins - POLICIES.keys())]


def usable_policies(workload: Workload) -> tuple[list[str], list[InputError]]:
    """Return the names of the policies that can be made, and what is wrong with the others."""
    names, problems = [], []
    for name in policy_names():
        try:
            make_policy(name, workload)
        except InputError as problem:
            problems.append(problem)
        else:
            names.append(name)
    return names, problems


def make_policy(name: str, workload: Workload | None = None) -> PlacementPolicy:
    """Return a policy by name.

    Parameters
    ----------
    name
        One of ``policy_names()``, or a weighted sum such as ``0.9*fgd+0.1*pwr``. A plug-in cannot
        take the name of one of ours.
    workload
        The target workload of policies that need one.

    Raises
    ------
    InputError
        No policy of that name, a plug-in that cannot be loaded, or a workload is missing.
    """
    if is_mix(name):
        return parse_mix(name, lambda part: make_policy(part, workload))
    factory = POLICIES.get(name)
    return factory(workload) if factory else _plugin(name, workload)


def policy_summary(name: str, workload: Workload) -> str:
    """Return a policy's ``summary``, or else the first line of its docstring."""
    policy = make_policy(name, workload)
    summary: str | None = getattr(policy, "summary", None)
    return summary or (type(policy).__doc__ or "").strip().partition("\n")[0]


def _plugin(name: str, workload: Workload | None) -> PlacementPolicy:
    for entry in entry_points(group=ENTRY_POINTS, name=name):
        try:
            policy: PlacementPolicy = entry.load()(workload)
            for part in ("ties", "score", "choose"):
                getattr(policy, part)
        except Exception as error:  # whatever the plug-in raises, name the plug-in
            raise InputError(
                f"policy {name}: plug-in {entry.value} cannot be loaded ({error})",
                fix="mend or uninstall the package that provides it",
            ) from error
        return policy
    names = policy_names()
    near = difflib.get_close_matches(name, names, n=1)
    raise InputError(
        f"unknown policy {name!r}",
        fix=f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(names)}",
    )
