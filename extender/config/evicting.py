"""The settings of the evictor, made of the values of a configuration file."""

from __future__ import annotations

from collections.abc import Mapping

from bayplan.extender.evicting.settings import GANGS, Evicting


def evicting_settings(values: Mapping[str, object]) -> Evicting | None:
    """Return how pods are evicted for gangs; None: they are not.

    Parameters
    ----------
    values
        The values of all keys.
    """
    if values["preemption.evict"] != GANGS:
        return None
    return Evicting(
        schedulers=scheduler_names(values),
        wait_s=_seconds(values, "wait_s"),
        evictions_a_minute=int(str(values["preemption.evictions_a_minute"])),
        hold_s=_seconds(values, "hold_s"),
        refused_s=_seconds(values, "refused_s"),
        cooldown_s=_seconds(values, "cooldown_s"),
    )


def scheduler_names(values: Mapping[str, object]) -> frozenset[str]:
    """Return the ``schedulerName`` of pods that are helped.

    Parameters
    ----------
    values
        The values of all keys.
    """
    names = [name.strip() for name in str(values["preemption.schedulers"]).split(",")]
    return frozenset(name for name in names if name)


def evicting_problems(values: Mapping[str, object]) -> list[str]:
    """Return what of the keys contradicts each other.

    Parameters
    ----------
    values
        The values of all keys.
    """
    if values["preemption.evict"] == GANGS and not scheduler_names(values):
        return ["preemption.schedulers names nobody whose gangs are helped; such as bayplan"]
    return []


def _seconds(values: Mapping[str, object], name: str) -> float:
    return float(str(values[f"preemption.{name}"]))
